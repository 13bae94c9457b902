import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { concat, toHex, utf8 } from "../../../src/crypto/bytes.ts";
import { x25519, x25519Public } from "../../../src/crypto/dh.ts";
import { blake2s } from "../../../src/crypto/hash.ts";
import { exportConversationKeys, keyRef } from "../../../src/protocol/noise/conversation-keys.ts";
import {
  type BegunInvite,
  beginInvite,
  inboxPrologue,
  type ReceivedInvite,
  readInvite,
} from "../../../src/protocol/noise/kxfallback.ts";
import { PROTOCOL_NAME, SymmetricState } from "../../../src/protocol/noise/symmetric-state.ts";
import { hex, people, vectors } from "../vectors.ts";

const { saro, raya } = people;
const { invite } = vectors;

const target = {
  prologueConversationId: raya.inboxId,
  theirStatic: raya.staticPublic,
  theirPrekey: raya.prekeyPublic,
  ourStaticSecret: saro.static,
  ephemeralSecret: saro.ephemeral,
};

function begun(overrides: Partial<typeof target> = {}): BegunInvite {
  const made = beginInvite({ ...target, ...overrides });
  if ("failure" in made) throw new Error(made.failure);
  return made;
}

function received(payload: Uint8Array): ReceivedInvite {
  const { ephemeralPublic, finish } = begun();
  return {
    conversationId: raya.inboxId,
    ourStaticSecret: raya.static,
    ourPrekeySecret: raya.prekey,
    ephemeralPublic,
    ...finish(payload),
  };
}

test("the test secrets are the vectors'", () => {
  assert.equal(toHex(saro.static), invite.sender_static_secret);
  assert.equal(toHex(x25519Public(saro.static)), invite.sender_static_public);
  assert.equal(toHex(saro.ephemeral), invite.noise_e_secret);
  assert.equal(toHex(raya.staticPublic), vectors.bundle.static_public);
  assert.equal(toHex(raya.prekeyPublic), vectors.bundle.prekey_public);
});

test("h0 and the prologue equal the published vectors", () => {
  assert.equal(PROTOCOL_NAME, invite.protocol_name);
  assert.equal(toHex(new SymmetricState().export().h), invite.h0);
  assert.equal(toHex(new SymmetricState().export().ck), invite.h0);
  assert.equal(toHex(inboxPrologue(raya.inboxId)), invite.prologue);
});

test("the initiator's keys and sealed static key equal the published vectors", () => {
  const made = begun();
  assert.equal(toHex(made.ephemeralPublic), invite.noise_e_public);
  assert.equal(toHex(made.export.ck), invite.export_ck);
  assert.equal(toHex(made.export.h), invite.export_h);
  assert.equal(toHex(made.finish(new Uint8Array(0)).bytes), invite.enc_s);
});

test("conversation keys and key_ref equal the published vectors", () => {
  const keys = exportConversationKeys(begun().export, "default");
  assert.equal(toHex(keys.sharedSecret), invite.SK);
  assert.equal(toHex(keys.inviterHeaderKey), invite.HK_A);
  assert.equal(toHex(keys.inviteeNextHeaderKey), invite.NHK_B);
  assert.equal(toHex(keys.ident), invite.ident);
  assert.equal(toHex(keyRef(invite.salt, raya.prekeyPublic)), invite.key_ref);
  assert.notDeepEqual(exportConversationKeys(begun().export, "other").ident, keys.ident);
});

test("the published envelope is read, and its payload is what was sealed", () => {
  // The Ecies fields at their places in the published envelope: bytes, then ephemeral, tag and key_ref.
  const envelope = hex(invite.envelope);
  const end = envelope.length - (2 + 4) - (2 + 16) - (2 + 32);
  const length = 48 + invite.payload_len;
  const bytes = envelope.subarray(end - length, end);
  const ephemeralPublic = envelope.subarray(end + 2, end + 34);
  const tag = envelope.subarray(end + 36, end + 52);
  const read = readInvite({
    conversationId: raya.inboxId,
    ourStaticSecret: raya.static,
    ourPrekeySecret: raya.prekey,
    ephemeralPublic,
    bytes,
    tag,
  });
  assert.ok(read.kind === "read", JSON.stringify(read));
  assert.equal(toHex(read.theirStatic), invite.sender_static_public);
  assert.equal(toHex(blake2s(read.payload)), invite.payload_b2s);
  assert.equal(toHex(read.export.ck), invite.export_ck);
  assert.deepEqual(begun().finish(read.payload), { bytes: bytes.slice(), tag: tag.slice() });
});

test("what the initiator seals the responder reads, with the same keys", () => {
  const secret = fc.uint8Array({ minLength: 32, maxLength: 32 });
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), secret, secret, (payload, ourStaticSecret, ephemeralSecret) => {
      const made = begun({ ourStaticSecret, ephemeralSecret });
      const read = readInvite({ ...received(payload), ephemeralPublic: made.ephemeralPublic, ...made.finish(payload) });
      assert.deepEqual(read, {
        kind: "read",
        theirStatic: x25519Public(ourStaticSecret),
        export: made.export,
        payload,
      });
    }),
    { numRuns: 50 },
  );
});

test("finishing is pure: a turn that is computed again gives the same bytes", () => {
  const made = begun();
  assert.deepEqual(made.finish(utf8("payload")), made.finish(utf8("payload")));
});

test("every flipped bit of an invite is refused", () => {
  const good = received(utf8("an invite's payload"));
  assert.equal(readInvite(good).kind, "read");
  for (const field of ["ephemeralPublic", "bytes", "tag"] as const) {
    for (let bit = 0; bit < good[field].length * 8; bit++) {
      const flipped = good[field].slice();
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      const read = readInvite({ ...good, [field]: flipped });
      assert.equal(read.kind, "badly-formed", `${field} bit ${bit}`);
    }
  }
});

test("an invite is bound to its inbox, prekey and static key", () => {
  const good = received(utf8("payload"));
  const other = new Uint8Array(32).fill(7);
  assert.equal(readInvite({ ...good, conversationId: `${raya.inboxId}0` }).kind, "badly-formed");
  assert.equal(readInvite({ ...good, ourPrekeySecret: other }).kind, "badly-formed");
  assert.equal(readInvite({ ...good, ourStaticSecret: other }).kind, "badly-formed");
});

test("reading is total: any lengths are refused as values", () => {
  const any = fc.uint8Array({ maxLength: 80 });
  const good = received(utf8("payload"));
  fc.assert(
    fc.property(any, any, any, (ephemeralPublic, bytes, tag) => {
      assert.equal(readInvite({ ...good, ephemeralPublic, bytes, tag }).kind, "badly-formed");
      assert.equal(readInvite({ ...good, bytes }).kind, "badly-formed");
      assert.equal(readInvite({ ...good, tag: concat(good.tag, Uint8Array.of(0)) }).kind, "badly-formed");
    }),
    { numRuns: 50 },
  );
});

/** An invite whose sealed static key is `staticKey`, up to the point where only its holder could go on. */
function fromStaticKey(staticKey: Uint8Array): ReceivedInvite {
  const state = new SymmetricState();
  state.mixHash(inboxPrologue(raya.inboxId));
  for (const key of [raya.prekeyPublic, raya.staticPublic, x25519Public(saro.ephemeral)]) state.mixHash(key);
  for (const key of [raya.prekeyPublic, raya.staticPublic]) state.mixKey(x25519(saro.ephemeral, key)!);
  return { ...received(utf8("payload")), bytes: state.encryptAndHash(staticKey) };
}

test("keys of small order are refused on both sides", () => {
  const smallOrder = [
    new Uint8Array(32),
    Uint8Array.from({ length: 32 }, (_, i) => (i === 0 ? 1 : 0)),
    hex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
    hex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
  ];
  for (const key of smallOrder) {
    const refused = { failure: "all-zero-shared-secret" };
    assert.deepEqual(beginInvite({ ...target, theirPrekey: key }), refused);
    assert.deepEqual(beginInvite({ ...target, theirStatic: key }), refused);
    const read = readInvite({ ...received(utf8("payload")), ephemeralPublic: key });
    assert.deepEqual(read, { kind: "badly-formed", reason: "all-zero-shared-secret" });
    assert.deepEqual(readInvite(fromStaticKey(key)), { kind: "badly-formed", reason: "all-zero-shared-secret" });
  }
});
