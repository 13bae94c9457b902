/**
 * Goal: what a peer seals properly but fills badly (profile 8.11 "BadlyFormed inside") is dropped and counted, uses up its
 * key, and keeps nothing after it from arriving.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { conversationIdOf } from "../../src/conversation/private-v1/send.ts";
import { knownRecord, type PrivateState } from "../../src/conversation/private-v1/state.ts";
import { x25519Public } from "../../src/crypto/dh.ts";
import { keccak256 } from "../../src/crypto/hash.ts";
import { ed25519Public } from "../../src/crypto/sign.ts";
import { pad } from "../../src/protocol/double-ratchet/padding.ts";
import { encodeSds, messageIdOf } from "../../src/protocol/reliability/sds-message.ts";
import { signBundle } from "../../src/wire/contact-bundle.ts";
import { umbra } from "../../src/wire/gen/umbra.js";
import type { ContentTopic } from "../../src/wire/ids.ts";
import { encodePrivateFrame } from "../../src/wire/private-frame.ts";
import { secretOf } from "../protocol/vectors.ts";
import { couple, type Hand } from "./by-hand.ts";
import { carrying, craft, craftSds, sdsOf, textFrame } from "./crafted/message.ts";

type Peer = Hand<PrivateState>;

const nobody = "0".repeat(32);
const otherConversation = `/private/v1/${"9".repeat(32)}`;

function paddedBadly(peer: Peer): Uint8Array {
  const padded = pad(encodeSds(sdsOf(peer, "bad")));
  return craft(peer, new Uint8Array(0), padded.fill(0, padded.lastIndexOf(0x80)));
}

function foreignBundle(): Uint8Array {
  const identitySeed = secretOf("trudy/identity");
  return signBundle(identitySeed, {
    identityKey: ed25519Public(identitySeed),
    staticKey: x25519Public(secretOf("trudy/x25519")),
    prekey: x25519Public(secretOf("trudy/prekey")),
    multiUse: true,
    notAfterMs: 1,
    contentTopics: ["/umbra/1/b0/proto" as ContentTopic],
    conversationTypes: ["/private/v1"],
  });
}

function segment(fields: { count: number; payload: Uint8Array; hash?: Uint8Array }): Uint8Array {
  return umbra.v1.SegmentMessageProto.encode({
    entireMessageHash: fields.hash ?? keccak256(fields.payload),
    dataSegmentIndex: 0,
    dataSegmentCount: fields.count,
    payload: fields.payload,
  }).finish();
}

function bundleFrame(peer: Peer): Uint8Array {
  const conversationId = conversationIdOf(peer.state);
  return encodePrivateFrame({ conversationId, timestampMs: 1, kind: "contact-bundle", bundle: foreignBundle() });
}

const cases: Readonly<Record<string, readonly [reason: string, make: (peer: Peer) => Uint8Array]>> = {
  "wrong padding": ["padding", paddedBadly],
  "no SDS message": ["sds", (peer) => craft(peer, Uint8Array.of(0xff))],
  "more than 256 causal entries": [
    "sds",
    (peer) => craftSds(peer, sdsOf(peer, "bad", { causalHistory: Array(257).fill(nobody) })),
  ],
  "more than 16 repair entries": [
    "sds",
    (peer) => craftSds(peer, sdsOf(peer, "bad", { repairRequest: Array(17).fill(nobody) })),
  ],
  "our own role": ["sender-role", (peer) => craftSds(peer, sdsOf(peer, "bad", { senderId: "R" }))],
  "no role": ["sender-role", (peer) => craftSds(peer, sdsOf(peer, "bad", { senderId: "" }))],
  "another channel": ["channel-id", (peer) => craftSds(peer, sdsOf(peer, "bad", { channelId: otherConversation }))],
  "a foreign message id": ["message-id", (peer) => craftSds(peer, sdsOf(peer, "bad", { messageId: nobody }))],
  "an id that is none": ["message-id", (peer) => craftSds(peer, sdsOf(peer, "bad", { causalHistory: ["../../x"] }))],
  "a request for what is no id": ["message-id", (peer) => craftSds(peer, sdsOf(peer, "bad", { repairRequest: ["A"] }))],
  "a sync message without an id": [
    "message-id",
    (peer) => {
      const { content: _, ...sync } = sdsOf(peer, "bad", { messageId: "" });
      return craftSds(peer, sync);
    },
  ],
  "no segment": ["segment", (peer) => craftSds(peer, sdsOf(peer, "bad", { content: Uint8Array.of(1, 2) }))],
  "a segment with another hash": [
    "segment",
    (peer) => {
      const payload = textFrame(peer, "bad");
      return craftSds(peer, sdsOf(peer, "bad", { content: segment({ count: 1, payload, hash: new Uint8Array(32) }) }));
    },
  ],
  "no frame": ["frame", (peer) => craftSds(peer, carrying(peer, Uint8Array.of(0x0a, 0xff)))],
  "a frame of another conversation": [
    "conversation-id",
    (peer) => craftSds(peer, carrying(peer, textFrame(peer, "bad", otherConversation))),
  ],
  "the bundle of another identity": ["bundle", (peer) => craftSds(peer, carrying(peer, bundleFrame(peer)))],
  "a frame of a kind we do not know": [
    "unsupported-frame",
    (peer) => craftSds(peer, carrying(peer, umbra.v1.PrivateV1Frame.encode({ timestamp: 5 }).finish())),
  ],
  "one segment of several, larger than a segment": [
    "segment",
    (peer) => {
      const content = segment({ count: 2, payload: new Uint8Array(16_385), hash: new Uint8Array(32) });
      return craftSds(
        peer,
        sdsOf(peer, "bad", { content, messageId: messageIdOf({ count: 2, payload: content }, content) }),
      );
    },
  ],
};

describe("a message that is badly formed inside", () => {
  for (const [title, [reason, make]] of Object.entries(cases)) {
    it(title, async () => {
      const { a, b } = await couple();
      const before = b.state.ratchet.receive?.next ?? 0;
      const envelope = make(a);
      const { refusedInside } = await b.read(envelope);
      assert.equal(refusedInside, reason);
      assert.equal(b.state.ratchet.receive?.next, before + 1, "the step is committed");
      assert.deepEqual(b.texts(), ["hello"]);
      // A copy is a mark now: it draws one answer at most, and is not read.
      const copy = await b.decide(b.input(envelope));
      assert.ok(copy.kind !== "accept" || copy.effects.every(({ kind }) => kind !== "deliver"));
      await b.read(craftSds(a, sdsOf(a, "next")));
      assert.deepEqual(b.texts(), ["hello", "next"]);
    });
  }

  it("holds nothing back that follows it, when its id is its own", async () => {
    const { a, b } = await couple();
    const bad = carrying(a, textFrame(a, "bad", otherConversation));
    await b.read(craftSds(a, bad));
    assert.ok(b.row.records.has(knownRecord(bad.messageId)));
    await b.read(craftSds(a, sdsOf(a, "follows", { causalHistory: [bad.messageId] })));
    assert.deepEqual(b.texts(), ["hello", "follows"]);
  });

  it("tells the application once of what it does not know, and acknowledges it", async () => {
    const { a, b } = await couple();
    for (const timestamp of [5, 6]) {
      const sds = carrying(a, umbra.v1.PrivateV1Frame.encode({ timestamp }).finish());
      await b.read(craftSds(a, sds));
      assert.equal(b.state.newestTheirs?.messageId, sds.messageId);
    }
    assert.equal(b.events.filter(({ type }) => type === "conversation.unsupported").length, 1);
  });
});
