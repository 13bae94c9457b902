import assert from "node:assert/strict";
import { test } from "node:test";
import { concat } from "../../../src/crypto/bytes.ts";
import { kdfChain } from "../../../src/crypto/kdf.ts";
import { decrypt } from "../../../src/protocol/double-ratchet/decrypt.ts";
import { canEncrypt, encrypt } from "../../../src/protocol/double-ratchet/encrypt.ts";
import {
  bodyAssociatedData,
  type Header,
  sealHeader,
  sealWithNonce,
} from "../../../src/protocol/double-ratchet/header.ts";
import { createMessageKeyMemo, MEMO_MAX } from "../../../src/protocol/double-ratchet/message-key-memo.ts";
import { pad } from "../../../src/protocol/double-ratchet/padding.ts";
import { startAsInviter } from "../../../src/protocol/double-ratchet/ratchet-state.ts";
import { refOf } from "../../../src/protocol/double-ratchet/registered-hints.ts";
import { ratchetedIdentifier } from "../../../src/protocol/private-identifier/ratcheted-identifier.ts";
import { IDENT, keyName, type Peer, peers, plain, unsafeSeededRandom, type Wire } from "./peer.ts";

const random = unsafeSeededRandom("decrypt.test");

/** The sender's next message as a faulty or malicious peer with the right keys would make it. */
function crafted(sender: Peer, header: Partial<Header>, padded = pad(plain("crafted"))): Wire {
  const { send, ourPublic, previousSent } = sender.state;
  assert.ok(send);
  const { hint, salt } = ratchetedIdentifier(send.headerKey, send.n);
  const sealedHeader = sealHeader(
    send.headerKey,
    { ratchetPublic: ourPublic, n: send.n, previousSent, ...header },
    random,
  );
  const { messageKey } = kdfChain(send.chainKey);
  const body = sealWithNonce(messageKey, padded, bodyAssociatedData(IDENT, hint, sealedHeader), random);
  return { hint, salt, blob: concat(sealedHeader, body) };
}

/** Both have read each other once; the next message of each steps. */
function acquainted(seed: string): { inviter: Peer; invitee: Peer } {
  const pair = peers(seed);
  assert.equal(pair.invitee.receive(pair.inviter.send(plain("hello"))).kind, "read");
  assert.equal(pair.inviter.receive(pair.invitee.send(plain("hello too"))).kind, "read");
  return pair;
}

test("the invitee has no sending chain before its first read, and the inviter's prekey must not be of small order", () => {
  const { invitee } = peers("no chain");
  assert.equal(canEncrypt(invitee.state), false);
  assert.throws(() => encrypt(invitee.state, { ident: IDENT, plaintext: plain("x"), random }));
  const keys = { sharedSecret: random(32), inviterHeaderKey: random(32), inviteeNextHeaderKey: random(32) };
  assert.equal(startAsInviter({ keys, ratchetSecret: random(32), peerPrekey: new Uint8Array(32) }), undefined);
});

test("a chain ends at number 65535", () => {
  const { inviter } = peers("end");
  const at = (n: number) => ({ ...inviter.state, send: { ...inviter.state.send!, n } });
  assert.equal(encrypt(at(65535), { ident: IDENT, plaintext: plain("x"), random }).n, 65535);
  assert.equal(canEncrypt(at(65536)), false);
  assert.throws(() => encrypt(at(65536), { ident: IDENT, plaintext: plain("x"), random }), RangeError);
});

test("a step counts chains: serials go up by one on both sides, PN is the old chain's length", () => {
  const { inviter, invitee } = acquainted("steps");
  assert.deepEqual([inviter.state.receive?.serial, inviter.state.nextSerial, inviter.state.sendSerial], [0, 1, 1]);
  assert.deepEqual([invitee.state.receive?.serial, invitee.state.nextSerial, invitee.state.sendSerial], [0, 1, 0]);
  assert.equal(inviter.state.previousSent, 1);
  const result = invitee.receive(inviter.send(plain("second")));
  assert.ok(result.kind === "read" && result.stepped);
  const again = invitee.receive(inviter.send(plain("third")));
  assert.ok(again.kind === "read" && !again.stepped);
  assert.deepEqual([invitee.state.receive?.serial, invitee.state.sendSerial], [1, 1]);
});

test("every flipped bit of a blob is refused, in the next and in the current chain", () => {
  const { inviter, invitee } = acquainted("bits");
  for (const text of ["next chain", "current chain"]) {
    const message = inviter.send(plain(text));
    const ref = invitee.refFor(message.hint)!;
    for (let bit = 0; bit < message.blob.length * 8; bit++) {
      const blob = message.blob.slice();
      blob[bit >> 3]! ^= 1 << (bit & 7);
      assert.equal(invitee.tryRead({ ...message, blob }, ref).kind, "badly-formed", `${text} bit ${bit}`);
    }
    assert.equal(invitee.receive(message).kind, "read");
  }
});

test("another conversation, another hint or another salt is refused", () => {
  const { inviter, invitee } = acquainted("binding");
  const message = inviter.send(plain("bound"));
  const ref = invitee.refFor(message.hint)!;
  const badly = (reason: string) => ({ kind: "badly-formed", reason });
  assert.deepEqual(invitee.tryRead(message, ref, { ident: new Uint8Array(16) }), badly("body-tag"));
  assert.deepEqual(invitee.tryRead({ ...message, salt: message.salt ^ 1 }, ref), badly("salt"));
  assert.deepEqual(invitee.tryRead({ ...message, blob: message.blob.slice(0, 95) }, ref), badly("length"));
  const almost = message.hint.slice();
  almost[31]! ^= 1;
  assert.deepEqual(invitee.tryRead({ ...message, hint: almost }, ref), { kind: "stale" });
  assert.deepEqual(invitee.tryRead(message, ref + 1), { kind: "stale" });
  assert.deepEqual(invitee.tryRead(message, refOf({ serial: 7, n: 0 })), { kind: "stale" });
});

test("a mark needs no key, and a mark only: read numbers above 15 are unknown", () => {
  const { inviter, invitee } = acquainted("marks");
  const sent = Array.from({ length: 18 }, (_, n) => inviter.send(plain(`${n}`)));
  for (const message of sent) assert.equal(invitee.receive(message).kind, "read");
  for (const [n, message] of sent.entries()) {
    const garbage = { ...message, blob: new Uint8Array(0) };
    assert.deepEqual(invitee.receive(garbage), n < 16 ? { kind: "mark", serial: 1, n } : { kind: "unrouted" });
  }
});

test("a skipped number is asked for, read with its key, used up, and then a mark", () => {
  const { inviter, invitee } = acquainted("skipped");
  const [zero, one, two] = [0, 1, 2].map((n) => inviter.send(plain(`${n}`)));
  const jumped = invitee.receive(two!);
  assert.ok(jumped.kind === "read");
  assert.deepEqual(jumped.stored.map(keyName), ["1/0", "1/1"]);
  const sealed = { ref: refOf({ serial: 1, n: 0 }), ...zero!, ident: IDENT, random };
  const lacks = decrypt(invitee.state, sealed);
  assert.deepEqual(lacks, { kind: "lacks", serial: 1, n: 0 });
  const garbled = decrypt(invitee.state, { ...sealed, blob: concat(random(68), zero!.blob.subarray(68)) });
  assert.equal(garbled.kind, "badly-formed", "garbage costs no look-up of a record");
  invitee.memo = createMessageKeyMemo();
  const wrongKey = { ...sealed, skippedKey: random(32), messageKeyMemo: invitee.memo };
  assert.equal(decrypt(invitee.state, wrongKey).kind, "badly-formed");
  const late = invitee.receive(zero!);
  assert.ok(late.kind === "read" && !late.stepped);
  assert.deepEqual([late.used, late.plaintext], [{ serial: 1, n: 0 }, plain("0")]);
  assert.deepEqual(invitee.receive(zero!), { kind: "mark", serial: 1, n: 0 });
  assert.equal(invitee.receive(one!).kind, "read");
  assert.deepEqual(invitee.state.skipped, []);
});

test("a skipped message is still read after its chain ended, once", () => {
  const { inviter, invitee } = acquainted("late");
  const [zero, one, two] = [0, 1, 2].map((n) => inviter.send(plain(`${n}`)));
  assert.equal(invitee.receive(one!).kind, "read");
  assert.equal(inviter.receive(invitee.send(plain("step"))).kind, "read");
  const stepping = invitee.receive(inviter.send(plain("new chain")));
  assert.ok(stepping.kind === "read");
  assert.deepEqual(stepping.stored.map(keyName), ["1/2"], "the old chain's rest, up to PN");
  for (const message of [two!, zero!]) assert.equal(invitee.receive(message).kind, "read");
  for (const message of [zero!, one!, two!]) assert.equal(invitee.receive(message).kind, "unrouted");
});

test("header N must be the number of the hint", () => {
  const { inviter, invitee } = acquainted("number");
  const refused = { kind: "badly-formed", reason: "header-number" };
  assert.deepEqual(invitee.receive(crafted(inviter, { n: 1 })), refused);
  assert.equal(invitee.receive(inviter.send(plain("0"))).kind, "read");
  assert.deepEqual(invitee.receive(crafted(inviter, { n: 0 })), refused);
  assert.deepEqual(invitee.receive(crafted(inviter, { n: 0xffffffff })), refused);
});

test("ratchet key and PN are ignored in the current and in skipped chains", () => {
  const { inviter, invitee } = acquainted("ignored");
  const skipped = crafted(inviter, { ratchetPublic: new Uint8Array(32), previousSent: 0xffffffff });
  inviter.send(plain("in its place"));
  assert.equal(invitee.receive(inviter.send(plain("1"))).kind, "read");
  const current = crafted(inviter, { ratchetPublic: new Uint8Array(32), previousSent: 0xffffffff });
  for (const message of [current, skipped]) {
    const result = invitee.receive(message);
    assert.ok(result.kind === "read" && !result.stepped);
    assert.deepEqual(result.plaintext, plain("crafted"));
  }
});

test("a next chain with a ratchet key of small order or a PN out of range is refused", () => {
  const { inviter, invitee } = acquainted("range");
  const badly = (reason: string) => ({ kind: "badly-formed", reason });
  const smallOrder = crafted(inviter, { ratchetPublic: new Uint8Array(32) });
  assert.deepEqual(invitee.receive(smallOrder), badly("all-zero-shared-secret"));
  assert.deepEqual(invitee.receive(crafted(inviter, { previousSent: 65536 })), badly("number-range"));
  assert.deepEqual(invitee.receive(crafted(inviter, { previousSent: 1026 })), badly("too-many-skipped"));
  assert.equal(
    invitee.receive(crafted(inviter, { previousSent: 0 })).kind,
    "read",
    "PN below the next: nothing to skip",
  );
});

test("bad padding after a valid tag: the content is dropped, the step is not", () => {
  const { inviter, invitee } = acquainted("padding");
  for (const [padded, stepped] of [
    [new Uint8Array(128), true],
    [plain("no whole block"), false],
  ] as const) {
    const before = invitee.state;
    const result = invitee.receive(crafted(inviter, {}, padded));
    assert.ok(result.kind === "read");
    assert.deepEqual([result.plaintext, result.stepped], [undefined, stepped]);
    assert.notEqual(invitee.state, before);
    inviter.send(plain("takes the number"));
  }
  assert.equal(invitee.receive(inviter.send(plain("goes on"))).kind, "read");
});

test("the memo never changes a result, and the real message is read after its forgeries", () => {
  const { inviter, invitee } = acquainted("memo");
  const message = Array.from({ length: 6 }, (_, n) => inviter.send(plain(`${n}`))).at(-1)!;
  const forged = { ...message, blob: concat(message.blob.subarray(0, 68), random(200)) };
  const ref = invitee.refFor(message.hint)!;
  const without = [forged, forged, message].map((each) =>
    invitee.tryRead(each, ref, { random: unsafeSeededRandom("s") }),
  );
  invitee.memo = createMessageKeyMemo();
  const withMemo = [forged, forged, message].map((each) =>
    invitee.tryRead(each, ref, { random: unsafeSeededRandom("s") }),
  );
  assert.deepEqual(withMemo, without);
  assert.deepEqual(
    without.map(({ kind }) => kind),
    ["badly-formed", "badly-formed", "read"],
  );
  assert.ok(invitee.memo.keyOf(message.blob.subarray(0, 68)), "the key of the forgery's header is remembered");
});

test("the memo holds four keys, the oldest goes first", () => {
  const memo = createMessageKeyMemo();
  const headers = Array.from({ length: MEMO_MAX + 1 }, () => random(68));
  for (const header of headers) memo.remember(header, header.slice(0, 32));
  memo.remember(headers[2]!, headers[2]!.slice(0, 32));
  assert.equal(MEMO_MAX, 4);
  assert.equal(memo.keyOf(headers[0]!), undefined);
  for (const header of headers.slice(1)) assert.deepEqual(memo.keyOf(header), header.slice(0, 32));
});
