import assert from "node:assert/strict";
import { test } from "node:test";
import { proto_sds_message } from "@waku/proto";
import fc from "fast-check";
import { concat, toHex, utf8 } from "../../../src/crypto/bytes.ts";
import {
  CAUSAL_HISTORY_MAX,
  decodeSds,
  encodeSds,
  messageIdOf,
  REPAIR_REQUEST_MAX,
  type SdsMessage,
} from "../../../src/protocol/reliability/sds-message.ts";
import { encodeSingleSegment } from "../../../src/protocol/segmentation/segment.ts";
import { hex, vectors } from "../vectors.ts";

const { SdsMessage: ForeignSds } = proto_sds_message;
const { invite } = vectors;
const frame = hex(invite.frame);

const first: SdsMessage = {
  senderId: "I",
  messageId: invite.frame_id,
  channelId: invite.conversation_id,
  lamport: 1763800000000,
  causalHistory: [],
  repairRequest: [],
  content: encodeSingleSegment(frame),
};

const anySds: fc.Arbitrary<SdsMessage> = fc
  .record({
    senderId: fc.string({ unit: "grapheme", maxLength: 3 }),
    messageId: fc.string({ maxLength: 40 }),
    channelId: fc.string({ maxLength: 40 }),
    lamport: fc.maxSafeNat(),
    causalHistory: fc.array(fc.string({ maxLength: 40 }), { maxLength: 5 }),
    repairRequest: fc.array(fc.string({ maxLength: 40 }), { maxLength: 5 }),
    content: fc.option(fc.uint8Array({ maxLength: 50 }), { nil: undefined }),
  })
  .map(({ content, ...rest }) => (content === undefined ? rest : { ...rest, content }));

function kindOf(bytes: Uint8Array): string {
  return decodeSds(bytes).kind;
}

test("the first frame's SDS message and id equal the published vectors", () => {
  assert.equal(toHex(encodeSds(first)), invite.sds);
  assert.deepEqual(decodeSds(hex(invite.sds)), { kind: "readable", value: first });
  assert.equal(messageIdOf({ count: 1, payload: frame }, encodeSingleSegment(frame)), invite.frame_id);
});

test("the id of one of several segments is over the encoded segment", () => {
  const encoded = utf8("an encoded segment");
  const id = messageIdOf({ count: 2, payload: frame }, encoded);
  assert.equal(id, messageIdOf({ count: 1, payload: encoded }, frame));
  assert.match(id, /^[0-9a-f]{32}$/);
});

test("SDS messages round-trip", () => {
  fc.assert(
    fc.property(anySds, (message) => {
      assert.deepEqual(decodeSds(encodeSds(message)), { kind: "readable", value: message });
    }),
  );
});

test("another implementation of the SDS draft reads what we write, and we read what it writes", () => {
  fc.assert(
    fc.property(anySds, (message) => {
      const foreign = ForeignSds.decode(encodeSds(message));
      assert.equal(foreign.senderId, message.senderId);
      assert.equal(foreign.messageId, message.messageId);
      assert.equal(foreign.channelId, message.channelId);
      assert.equal(Number(foreign.lamportTimestamp ?? 0n), message.lamport);
      assert.deepEqual(
        foreign.causalHistory.map((entry) => entry.messageId),
        message.causalHistory,
      );
      assert.deepEqual(
        foreign.repairRequest.map((entry) => entry.messageId),
        message.repairRequest,
      );
      const hasContent = message.content !== undefined && message.content.length > 0;
      if (hasContent) assert.deepEqual(new Uint8Array(foreign.content ?? []), message.content);
      const bytes = ForeignSds.encode({ ...foreign, bloomFilter: Uint8Array.of(1, 2, 3) });
      assert.deepEqual(decodeSds(bytes), { kind: "readable", value: message });
    }),
  );
});

test("a sync message has no content, an empty content is content", () => {
  const { content: _, ...sync } = first;
  assert.deepEqual(decodeSds(encodeSds(sync)), { kind: "readable", value: sync });
  const empty = { ...first, content: new Uint8Array(0) };
  assert.deepEqual(decodeSds(encodeSds(empty)), { kind: "readable", value: empty });
});

test("histories over the bounds are refused", () => {
  const ids = (count: number) => Array.from({ length: count }, (_, i) => `${i}`);
  assert.equal(kindOf(encodeSds({ ...first, causalHistory: ids(CAUSAL_HISTORY_MAX) })), "readable");
  assert.equal(kindOf(encodeSds({ ...first, causalHistory: ids(CAUSAL_HISTORY_MAX + 1) })), "badly-formed");
  assert.equal(kindOf(encodeSds({ ...first, repairRequest: ids(REPAIR_REQUEST_MAX) })), "readable");
  assert.equal(kindOf(encodeSds({ ...first, repairRequest: ids(REPAIR_REQUEST_MAX + 1) })), "badly-formed");
  assert.deepEqual([CAUSAL_HISTORY_MAX, REPAIR_REQUEST_MAX], [256, 16]);
});

test("a Lamport time above 2^53 reads as 2^53 - 1 instead of refusing the message", () => {
  const huge = concat(hex("50ffffffffffffffffff01"), encodeSds({ ...first, lamport: 0 }));
  const decoded = decodeSds(huge);
  assert.ok(decoded.kind === "readable");
  assert.equal(decoded.value.lamport, Number.MAX_SAFE_INTEGER);
});

test("repeated fields, wrong wire types and bad UTF-8 are badly formed", () => {
  const good = encodeSds(first);
  assert.equal(kindOf(concat(good, hex("0a0149"))), "badly-formed", "sender_id twice");
  assert.equal(kindOf(concat(good, hex("a20100"))), "badly-formed", "content twice");
  assert.equal(kindOf(hex("0801")), "badly-formed", "sender_id as varint");
  assert.equal(kindOf(hex("0a01ff")), "badly-formed", "UTF-8");
  assert.equal(kindOf(hex("5a020801")), "badly-formed", "message_id of an entry as varint");
  assert.equal(kindOf(concat(good, hex("620101"))), "readable", "a bloom filter is ignored");
});

test("decoding is total on random and truncated bytes", () => {
  const good = encodeSds({ ...first, causalHistory: ["a", "b"], repairRequest: ["c"] });
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat({ max: good.length }), (random, cut) => {
      decodeSds(random);
      decodeSds(good.slice(0, cut));
      decodeSds(concat(good.slice(0, cut), random));
    }),
  );
});
