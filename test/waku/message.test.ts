/** Hashes, shards and times agree with the Waku SDK and with the published vectors. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { utils, waku } from "@waku/sdk";
import fc from "fast-check";
import { pubsubTopicOf, shardOf, toIncoming, toNanoseconds, wakuMessageHash } from "../../src/waku/message.ts";

test("autosharding: published vectors", () => {
  assert.equal(shardOf("/umbra/1/b8-00/proto", 8), 6);
  assert.equal(shardOf("/umbra/1/anything-else/xml", 8), 6);
  assert.equal(shardOf("/myapp/1/x/proto", 8), 0);
  assert.equal(shardOf("/0/myapp/1/x/proto", 8), 0);
  assert.equal(pubsubTopicOf("/umbra/1/b8-00/proto", { clusterId: 66, shards: 8 }), "/waku/2/rs/66/6");
});

test("malformed content topics have no shard", () => {
  for (const topic of [
    "",
    "/",
    "umbra/1/b/proto",
    "/umbra/1/b",
    "/umbra/1//proto",
    "/1/umbra/1/b/proto",
    "/a/b/c/d/e/f",
  ]) {
    assert.equal(shardOf(topic, 8), undefined, topic);
  }
});

const segment = fc.string({ unit: "grapheme", minLength: 1, maxLength: 12 }).filter((text) => !text.includes("/"));
const topic = fc.tuple(segment, segment, segment, segment).map((parts) => `/${parts.join("/")}`);

test("autosharding agrees with the SDK", () => {
  fc.assert(
    fc.property(topic, fc.integer({ min: 1, max: 1024 }), (contentTopic, shards) => {
      const info = utils.createRoutingInfo({ clusterId: 66, numShardsInCluster: shards }, { contentTopic });
      assert.equal(pubsubTopicOf(contentTopic, { clusterId: 66, shards }), info.pubsubTopic);
    }),
  );
});

test("message hash agrees with the SDK", () => {
  const message = fc.record({
    payload: fc.uint8Array({ maxLength: 300 }),
    contentTopic: topic,
    timestamp: fc.option(fc.bigInt({ min: 1n, max: 2n ** 63n - 1n }), { nil: undefined }),
    meta: fc.option(fc.uint8Array({ maxLength: 64 }), { nil: undefined }),
  });
  fc.assert(
    fc.property(message, (fields) => {
      const theirs = { ...fields, version: 0, ephemeral: false, rateLimitProof: undefined };
      assert.deepEqual(
        Buffer.from(wakuMessageHash("/waku/2/rs/66/6", fields)),
        Buffer.from(waku.messageHash("/waku/2/rs/66/6", theirs)),
      );
    }),
  );
});

test("14/WAKU2-MESSAGE vector", () => {
  // "Waku message hash computation (meta size of 12 bytes)" of the specification.
  const hash = wakuMessageHash("/waku/2/default-waku/proto", {
    payload: Buffer.from("010203045445535405060708", "hex"),
    contentTopic: "/waku/2/default-content/proto",
    meta: Buffer.from("73757065722d736563726574", "hex"),
    timestamp: 0x175789bfa23f8400n,
  });
  assert.equal(Buffer.from(hash).toString("hex"), "64cce733fed134e83da02b02c6f689814872b1a0ac97ea56b76095c3c72bfe05");
});

test("times survive the way to nanoseconds and back", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 43 }), (ms) => {
      assert.equal(toNanoseconds(ms), BigInt(ms) * 1_000_000n);
      const message = { payload: new Uint8Array(0), contentTopic: "/a/1/b/c", timestamp: toNanoseconds(ms) + 999_999n };
      assert.equal(toIncoming("/waku/2/rs/66/6", message)?.timestampMs, ms);
    }),
  );
});

test("a payload is copied out of the frame that carried it", () => {
  const frame = new Uint8Array(1_000).fill(7);
  const message = toIncoming("p", { payload: frame.subarray(10, 20), contentTopic: "/a/1/b/c" });
  frame.fill(9);
  assert.deepEqual(message?.payload, new Uint8Array(10).fill(7));
  assert.equal(message?.payload.buffer.byteLength, 10);
});
