// Goal: hashes and shards are those that every other Waku implementation computes.
// Method: the SDK's own functions as the oracle, and the published values of Waku RFC 14.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type IProtoMessage, utils, waku } from "@waku/sdk";
import fc from "fast-check";
import { autoshard, pubsubTopicOf, pubsubTopicsOf } from "../../src/devnet/sharding.ts";
import { checkMessage, messageBytesMax, messageHash } from "../../src/devnet/waku-message.ts";

const hex = (text: string): Uint8Array => Buffer.from(text, "hex");

test("message hashes of RFC 14", () => {
  const base = { contentTopic: "/waku/2/default-content/proto", timestamp: 0x175789bfa23f8400n };
  const payload = hex("010203045445535405060708");
  const meta = hex("73757065722d736563726574");
  const hashes = [
    { ...base, payload, meta },
    { ...base, payload },
    { ...base, payload: hex(""), meta },
  ].map((message) => Buffer.from(messageHash("/waku/2/default-waku/proto", message)).toString("hex"));
  assert.deepEqual(hashes, [
    "64cce733fed134e83da02b02c6f689814872b1a0ac97ea56b76095c3c72bfe05",
    "a2554498b31f5bcdfcbf7fa58ad1c2d45f0254f3f8110a85588ec3cf10720fd8",
    "483ea950cb63f9b9d6926b262bb36194d3f40a0463ce8446228350bd44e96de4",
  ]);
});

test("message hashes are the SDK's", () => {
  const message = fc.record({
    payload: fc.uint8Array({ maxLength: 64 }),
    contentTopic: fc.string({ minLength: 1 }),
    timestamp: fc.bigInt({ min: 1n, max: 2n ** 63n - 1n }),
    meta: fc.option(fc.uint8Array({ maxLength: 64 }), { nil: undefined }),
  });
  fc.assert(
    fc.property(fc.string(), message, (pubsubTopic, { meta, ...rest }) => {
      const ours = messageHash(pubsubTopic, { ...rest, ...(meta && { meta }) });
      const theirs: IProtoMessage = { ...rest, meta, version: 0, rateLimitProof: undefined, ephemeral: undefined };
      assert.deepEqual(Buffer.from(ours), Buffer.from(waku.messageHash(pubsubTopic, theirs)));
    }),
  );
});

test("shards are the SDK's", () => {
  const part = fc.stringMatching(/^[a-z0-9.-]{1,12}$/);
  fc.assert(
    fc.property(
      part,
      part,
      part,
      fc.boolean(),
      fc.integer({ min: 1, max: 64 }),
      (application, version, name, old, shards) => {
        const network = { clusterId: 66, shards, autosharding: true };
        const contentTopic = `${old ? "/0" : ""}/${application}/${version}/${name}/proto`;
        const shard = utils.contentTopicToShardIndex(contentTopic, shards);
        assert.equal(autoshard(network, contentTopic), pubsubTopicOf(network, shard));
      },
    ),
  );
});

test("what is not a content topic has no shard", () => {
  const network = { clusterId: 66, shards: 8, autosharding: true };
  for (const bad of ["", "/", "a/1/b/c", "/a/1/b", "/a//b/c", "/1/a/1/b/c", "/x/a/1/b/c", "/0/0/a/1/b/c", "/a/1/b/"]) {
    assert.equal(autoshard(network, bad), undefined, bad);
  }
  assert.deepEqual(pubsubTopicsOf({ ...network, shards: 2 }), ["/waku/2/rs/66/0", "/waku/2/rs/66/1"]);
});

test("the size limit is that of the whole message", () => {
  const message = { contentTopic: "/a/1/b/c", timestamp: 1n };
  let [fits, tooLong] = [0, messageBytesMax];
  while (tooLong - fits > 1) {
    const middle = Math.floor((fits + tooLong) / 2);
    const isAccepted = typeof checkMessage("p", { ...message, payload: new Uint8Array(middle) }) !== "string";
    [fits, tooLong] = isAccepted ? [middle, tooLong] : [fits, middle];
  }
  const largest = checkMessage("p", { ...message, payload: new Uint8Array(fits) });
  assert.ok(typeof largest !== "string");
  assert.equal(largest.bytes.byteLength, messageBytesMax);
  assert.equal(checkMessage("p", { contentTopic: "x".repeat(1_025), payload: new Uint8Array(1) }), "no-content-topic");
});
