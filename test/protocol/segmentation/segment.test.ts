import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { concat, toHex, u32be } from "../../../src/crypto/bytes.ts";
import {
  decodeSegment,
  encodeSingleSegment,
  MAX_SEGMENTS,
  SEGMENT_SIZE,
} from "../../../src/protocol/segmentation/segment.ts";
import { umbra } from "../../../src/wire/gen/umbra.js";
import { hex, vectors } from "../vectors.ts";

const frame = hex(vectors.invite.frame);

function encoded(fields: { index?: number; count?: number; hash?: Uint8Array; payload?: Uint8Array }): Uint8Array {
  const { index = 0, count = 2, hash = new Uint8Array(32).fill(9), payload = frame } = fields;
  const proto = { entireMessageHash: hash, dataSegmentIndex: index, dataSegmentCount: count, payload };
  return new Uint8Array(umbra.v1.SegmentMessageProto.encode(proto).finish());
}

test("the first frame's segment is the one inside the published SDS message", () => {
  const segment = toHex(encodeSingleSegment(frame));
  assert.ok(vectors.invite.sds.endsWith(segment));
});

test("single segments round-trip", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 500 }), (payload) => {
      const decoded = decodeSegment(encodeSingleSegment(payload));
      assert.ok(decoded.kind === "readable");
      const { index, count, wholeHash } = decoded.value;
      assert.deepEqual({ index, count, bytes: wholeHash.length }, { index: 0, count: 1, bytes: 32 });
      assert.deepEqual(decoded.value.payload, payload);
    }),
  );
  assert.equal(decodeSegment(encodeSingleSegment(new Uint8Array(SEGMENT_SIZE))).kind, "readable");
  assert.throws(() => encodeSingleSegment(new Uint8Array(SEGMENT_SIZE + 1)), RangeError);
});

test("a member of a larger set is read without its hash being checked", () => {
  const decoded = decodeSegment(encoded({ index: 254, count: MAX_SEGMENTS }));
  assert.ok(decoded.kind === "readable");
  assert.deepEqual([decoded.value.index, decoded.value.count], [254, 255]);
});

test("count, index and hash outside their bounds are badly formed", () => {
  const bad = {
    "count 0 (a parity segment has none)": encoded({ count: 0 }),
    "count 256": encoded({ count: 256 }),
    "index = count": encoded({ index: 2, count: 2 }),
    "hash of 31 bytes": encoded({ hash: new Uint8Array(31) }),
    "hash of 33 bytes": encoded({ hash: new Uint8Array(33) }),
    "no hash": encoded({ hash: new Uint8Array(0) }),
    "hash of another payload": encoded({ count: 1 }),
    "payload twice": concat(encodeSingleSegment(frame), hex("220100")),
    "index as bytes": hex("1200"),
    empty: new Uint8Array(0),
  };
  for (const [why, bytes] of Object.entries(bad)) assert.equal(decodeSegment(bytes).kind, "badly-formed", why);
});

test("every flipped bit of a payload is noticed", () => {
  const good = encodeSingleSegment(frame);
  for (let bit = 0; bit < frame.length * 8; bit++) {
    const flipped = good.slice();
    flipped[good.length - frame.length + (bit >> 3)]! ^= 1 << (bit & 7);
    assert.equal(decodeSegment(flipped).kind, "badly-formed");
  }
});

test("decoding is total on random and truncated bytes", () => {
  const good = encodeSingleSegment(frame);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 120 }), fc.nat({ max: good.length }), (random, cut) => {
      decodeSegment(random);
      decodeSegment(concat(good.slice(0, cut), random, u32be(cut)));
    }),
  );
});
