// Goal: every message is answered with the status code that tells its sender what became of it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { proto_lightpush } from "@waku/proto";
import * as lengthPrefixed from "it-length-prefixed";
import { lightPushCodec } from "../../src/devnet/services/lightpush-service.ts";
import { messageBytesMax } from "../../src/devnet/waku-message.ts";
import { rawPeer } from "./support/raw-peer.ts";
import { contentTopic, filter, message, pubsubTopic, push, query, textsOf } from "./support/requests.ts";
import { eventually, scratchDevnet } from "./support/scratch-devnet.ts";

test("status codes", async (t) => {
  const devnet = await scratchDevnet(t);
  const peer = await rawPeer(t, devnet.multiaddr);
  const otherShard = pubsubTopic.endsWith("/0") ? "/waku/2/rs/66/1" : "/waku/2/rs/66/0";
  // The whole message counts: payload, content topic and timestamp take 16 bytes and the topic beside the payload.
  const overhead = 4 + 2 + contentTopic.length + 11;
  const table = [
    { what: "accepted", message: message("x"), topic: pubsubTopic, code: 200 },
    { what: "accepted without a pubsub topic", message: message("y"), topic: null, code: 200 },
    { what: "no message", message: undefined, topic: pubsubTopic, code: 400 },
    { what: "no content topic", message: message("x", { contentTopic: "" }), topic: pubsubTopic, code: 400 },
    { what: "bad content topic", message: message("x", { contentTopic: "/a/b" }), topic: pubsubTopic, code: 400 },
    { what: "no payload", message: message(""), topic: pubsubTopic, code: 200 },
    { what: "other shard", message: message("x"), topic: otherShard, code: 421 },
    { what: "shard that does not exist", message: message("x"), topic: "/waku/2/rs/66/8", code: 421 },
    { what: "other cluster", message: message("x"), topic: pubsubTopic.replace("/66/", "/1/"), code: 421 },
    { what: "not a pubsub topic", message: message("x"), topic: "nonsense", code: 421 },
    {
      what: "just small enough",
      message: message("x".repeat(messageBytesMax - overhead)),
      topic: pubsubTopic,
      code: 200,
    },
    { what: "just too large", message: message("x".repeat(messageBytesMax)), topic: pubsubTopic, code: 413 },
    { what: "far too large", message: message("x".repeat(3 * 1024 * 1024)), topic: pubsubTopic, code: 413 },
  ];
  for (const { what, message: sent, topic, code } of table) {
    const { requestId, statusCode } = await push(peer, sent, topic);
    // A request that is too large to be read has an id that nobody has read.
    assert.deepEqual([what, statusCode, requestId], [what, code, what === "far too large" ? "" : "push"]);
  }
  assert.equal(devnet.counters.archived, 4);
  assert.equal(devnet.counters.lightPushAccepted, 4);
  assert.equal(devnet.counters.lightPushRefused, table.length - 4);
  assert.equal(peer.connection.status, "open");
});

test("without autosharding any served pubsub topic carries any content topic", async (t) => {
  const devnet = await scratchDevnet(t, { autosharding: false, clusterId: 7, shards: 2 });
  const peer = await rawPeer(t, devnet.multiaddr);
  const anywhere = message("x", { contentTopic: "anything" });
  assert.equal((await push(peer, anywhere, "/waku/2/rs/7/1")).statusCode, 200);
  assert.equal((await push(peer, anywhere, "/waku/2/rs/7/2")).statusCode, 421);
  assert.equal((await push(peer, anywhere, null)).statusCode, 400);
});

test("a repetition is a success and reaches nobody twice; a fresh timestamp makes it a new message", async (t) => {
  const devnet = await scratchDevnet(t);
  const peer = await rawPeer(t, devnet.multiaddr);
  await filter(peer, "SUBSCRIBE", { pubsubTopic, contentTopics: [contentTopic] });
  const first = message("again");
  assert.equal((await push(peer, first)).statusCode, 200);
  assert.equal((await push(peer, first)).statusCode, 200);
  assert.equal((await push(peer, { ...first, timestamp: (first.timestamp ?? 0n) + 1n })).statusCode, 200);
  await eventually("both messages were pushed", () => peer.pushes.length >= 2);
  assert.equal(devnet.counters.duplicates, 1);
  assert.equal(devnet.counters.filterPushes, 2);
  assert.deepEqual(textsOf(await query(peer, { pubsubTopic, contentTopics: [contentTopic] })), ["again", "again"]);
});

test("300 pushes on one mplex connection whose peer closes each stream after the answer do not cut it", async (t) => {
  const devnet = await scratchDevnet(t);
  const peer = await rawPeer(t, devnet.multiaddr, "mplex");
  const pushLate = async (text: string): Promise<number> => {
    const stream = await peer.connection.newStream(lightPushCodec);
    const answered = Promise.withResolvers<void>();
    async function* requestThenWait(): AsyncGenerator<Uint8Array> {
      const bytes = proto_lightpush.LightPushRequestV3.encode({
        requestId: "late",
        pubsubTopic,
        message: message(text),
      });
      yield lengthPrefixed.encode.single(bytes).subarray();
      await answered.promise;
    }
    stream.sink(requestThenWait()).catch(() => {});
    try {
      const { value } = await lengthPrefixed.decode(stream.source).next();
      return proto_lightpush.LightPushResponseV3.decode(value ?? new Uint8Array()).statusCode;
    } finally {
      answered.resolve();
    }
  };
  for (let round = 0; round < 20; round += 1) {
    const texts = Array.from({ length: 15 }, (_, index) => `${round}.${index}`);
    assert.deepEqual(new Set(await Promise.all(texts.map(pushLate))), new Set([200]));
  }
  assert.equal(peer.connection.status, "open");
  assert.equal(devnet.counters.archived, 300);
});

test("a message without a timestamp gets the node's", async (t) => {
  const devnet = await scratchDevnet(t, { now: () => 1_800_000_000_000 });
  const peer = await rawPeer(t, devnet.multiaddr);
  const { timestamp: _, ...timeless } = message("when?");
  assert.equal((await push(peer, timeless)).statusCode, 200);
  const { messages } = await query(peer, { pubsubTopic, contentTopics: [contentTopic] });
  assert.deepEqual(
    messages.map((entry) => entry.message?.timestamp),
    [1_800_000_000_000_000_000n],
  );
});
