/** Goal: the published invite, reply and second message byte for byte. Method: random bytes scripted as profile 11 says. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { concat, toHex, utf8 } from "../../../src/crypto/bytes.ts";
import { x25519Public } from "../../../src/crypto/dh.ts";
import { blake2s } from "../../../src/crypto/hash.ts";
import { kdfChain } from "../../../src/crypto/kdf.ts";
import { ed25519Public, ed25519Sign } from "../../../src/crypto/sign.ts";
import { decrypt, type ReadMessage } from "../../../src/protocol/double-ratchet/decrypt.ts";
import { type EncryptedMessage, encrypt } from "../../../src/protocol/double-ratchet/encrypt.ts";
import {
  type RatchetState,
  startAsInvitee,
  startAsInviter,
} from "../../../src/protocol/double-ratchet/ratchet-state.ts";
import { refOf } from "../../../src/protocol/double-ratchet/registered-hints.ts";
import { exportConversationKeys, keyRef } from "../../../src/protocol/noise/conversation-keys.ts";
import { beginInvite } from "../../../src/protocol/noise/kxfallback.ts";
import { decodeSds, encodeSds, messageIdOf } from "../../../src/protocol/reliability/sds-message.ts";
import { decodeSegment, encodeSingleSegment } from "../../../src/protocol/segmentation/segment.ts";
import { hintOf } from "../../../src/wire/conversation-hint.ts";
import { umbra } from "../../../src/wire/gen/umbra.js";
import { hex, people, scriptedRandom, secretOf, vectors } from "../vectors.ts";

const { invite, exchange } = vectors;
const conversationId = invite.conversation_id;

const begun = beginInvite({
  prologueConversationId: people.raya.inboxId,
  theirStatic: people.raya.staticPublic,
  theirPrekey: people.raya.prekeyPublic,
  ourStaticSecret: people.saro.static,
  ephemeralSecret: people.saro.ephemeral,
});
assert.ok(!("failure" in begun));
const keys = exportConversationKeys(begun.export, "default");

interface Composed {
  readonly sds: Uint8Array;
  readonly id: string;
}

function compose(text: string, timestamp: number, senderId: string, causalHistory: readonly string[]): Composed {
  const content = umbra.v1.ContentFrame.encode({ tag: 5, bytes: umbra.v1.Text.encode({ text }).finish() }).finish();
  const frame = umbra.v1.PrivateV1Frame.encode({ conversationId, timestamp, content }).finish();
  const segment = encodeSingleSegment(frame);
  const id = messageIdOf({ count: 1, payload: frame }, segment);
  const sds = { senderId, messageId: id, channelId: conversationId, lamport: timestamp, causalHistory };
  return { sds: encodeSds({ ...sds, repairRequest: [], content: segment }), id };
}

function envelopeOf({ hint, salt, blob }: EncryptedMessage): Uint8Array {
  const fields = { conversationHint: toHex(hint), salt, encryptedBytes: { encryptedBytes: blob } };
  return umbra.v1.UmbraEnvelopeV1.encode(fields).finish();
}

function read(state: RatchetState, message: EncryptedMessage, serial: number, ratchetSecret: Uint8Array): ReadMessage {
  const { hint, salt, blob, n } = message;
  const random = scriptedRandom(0, ratchetSecret);
  const result = decrypt(state, { ref: refOf({ serial, n }), hint, salt, blob, ident: keys.ident, random });
  assert.ok(result.kind === "read", JSON.stringify(result));
  return result;
}

function nextMessageKey(state: RatchetState): string {
  assert.ok(state.send);
  return toHex(kdfChain(state.send.chainKey).messageKey);
}

const first = compose("Hello Raya", 1763800000000, "I", []);
const reply = compose("Hi Saro", 1763800001000, "R", [first.id]);
const second = compose("x".repeat(100), 1763800002000, "I", [first.id, reply.id]);

test("the whole published exchange, byte for byte", () => {
  const { ident } = keys;
  const ratchetSecret = secretOf("saro/dr0");
  assert.equal(toHex(ratchetSecret), invite.dr_dhs_secret);
  let saro = startAsInviter({ keys, ratchetSecret, peerPrekey: people.raya.prekeyPublic });
  let raya = startAsInvitee({ keys, prekeySecret: people.raya.prekey });
  assert.ok(saro);

  assert.equal(toHex(first.sds), invite.sds);
  assert.equal(nextMessageKey(saro), invite.first_mk);
  const sent1 = encrypt(saro, { ident, plaintext: first.sds, random: scriptedRandom(0) });
  saro = sent1.state;
  assert.equal(toHex(sent1.hint), invite.first_hint);
  assert.equal(sent1.salt, invite.first_salt);
  assert.equal(toHex(sent1.blob), invite.first_blob);

  const replySecret = secretOf("raya/dr0");
  assert.equal(toHex(replySecret), exchange.reply_dhs_secret);
  const read1 = read(raya, sent1, 0, replySecret);
  raya = read1.state;
  assert.deepEqual(read1.plaintext, first.sds);
  assert.equal(nextMessageKey(raya), exchange.reply_mk);
  const sent2 = encrypt(raya, { ident, plaintext: reply.sds, random: scriptedRandom(2) });
  raya = sent2.state;
  assert.equal(toHex(sent2.hint), exchange.reply_hint);
  assert.equal(sent2.salt, exchange.reply_salt);
  assert.equal(toHex(envelopeOf(sent2)), exchange.reply_envelope);

  const read2 = read(saro, sent2, 0, secretOf("saro/dr1"));
  saro = read2.state;
  assert.deepEqual(read2.plaintext, reply.sds);
  assert.equal(nextMessageKey(saro), exchange.second_mk);
  const sent3 = encrypt(saro, { ident, plaintext: second.sds, random: scriptedRandom(4) });
  assert.equal(toHex(sent3.hint), exchange.second_hint);
  assert.equal(sent3.salt, exchange.second_salt);
  const envelope = envelopeOf(sent3);
  assert.equal(envelope.length, exchange.second_envelope_len);
  assert.equal(toHex(blake2s(envelope)), exchange.second_envelope_b2s);
  assert.deepEqual([second.sds.length, envelope.length], [exchange.sizes.sds100, exchange.sizes.env100]);

  const read3 = read(raya, sent3, 1, secretOf("raya/dr1"));
  assert.deepEqual(read3.plaintext, second.sds);
  assert.deepEqual([sent1.sendSerial, sent2.sendSerial, sent3.sendSerial], [0, 0, 1]);
});

/** Saro's bundle as profile 11 describes it. */
function saroBundle(): Uint8Array {
  const identitySeed = secretOf("saro/identity");
  const body = umbra.v1.ContactBundleBody.encode({
    identityKey: ed25519Public(identitySeed),
    staticKey: x25519Public(people.saro.static),
    prekey: x25519Public(secretOf("saro/prekey0")),
    notAfterMs: 1800000000000,
    contentTopics: ["/umbra/1/b8-b6/proto"],
    conversationTypes: ["/private/v1"],
  }).finish();
  const signature = ed25519Sign(identitySeed, concat(utf8("umbra/bundle/v1\0"), body));
  return umbra.v1.ContactBundleV1.encode({ body, signature }).finish();
}

test("the published invite envelope, byte for byte", () => {
  const saro = startAsInviter({ keys, ratchetSecret: secretOf("saro/dr0"), peerPrekey: people.raya.prekeyPublic });
  assert.ok(saro);
  const { blob } = encrypt(saro, { ident: keys.ident, plaintext: first.sds, random: scriptedRandom(0) });
  const recipient = toHex(ed25519Public(secretOf("raya/identity")));
  const payload = umbra.v1.InboxV1Frame.encode({
    recipient,
    invitePrivateV1: {
      participants: [recipient, toHex(ed25519Public(secretOf("saro/identity")))],
      discriminator: "default",
      initialMessage: { encryptedBytes: blob },
      contactBundle: saroBundle(),
      createdAtMs: 1763800000000,
    },
  }).finish();
  assert.equal(payload.length, invite.payload_len);
  assert.equal(toHex(blake2s(payload)), invite.payload_b2s);

  const { bytes, tag } = begun.finish(payload);
  const envelope = umbra.v1.UmbraEnvelopeV1.encode({
    conversationHint: toHex(hintOf(invite.salt, utf8(people.raya.inboxId))),
    salt: invite.salt,
    encryptedBytes: {
      ecies: {
        encryptedBytes: bytes,
        ephemeralPubkey: begun.ephemeralPublic,
        tag,
        keyRef: keyRef(invite.salt, people.raya.prekeyPublic),
      },
    },
  }).finish();
  assert.equal(envelope.length, invite.envelope_bytes);
  assert.equal(toHex(envelope), invite.envelope);
});

test("the layers of the published blob are read back to the frame", () => {
  const raya = startAsInvitee({ keys, prekeySecret: people.raya.prekey });
  const message = { ref: 0, hint: hex(invite.first_hint), salt: invite.first_salt, blob: hex(invite.first_blob) };
  const result = decrypt(raya, { ...message, ident: hex(invite.ident), random: scriptedRandom(0) });
  assert.ok(result.kind === "read" && result.plaintext !== undefined);
  const sds = decodeSds(result.plaintext);
  assert.ok(sds.kind === "readable" && sds.value.content !== undefined);
  const segment = decodeSegment(sds.value.content);
  assert.ok(segment.kind === "readable");
  assert.equal(toHex(segment.value.payload), invite.frame);
  assert.equal(messageIdOf(segment.value, sds.value.content), sds.value.messageId);
});
