// Goal: no bytes of a stranger stop the node, or the service of anybody else.
// Method: random bytes, mutated real requests, endless and unfinished frames on every protocol, over both muxers.
import assert from "node:assert/strict";
import { test } from "node:test";
import { proto_filter_v2, proto_lightpush, proto_metadata, proto_store } from "@waku/proto";
import fc from "fast-check";
import * as lengthPrefixed from "it-length-prefixed";
import { relayCodec } from "../../src/devnet/relay.ts";
import { filterSubscribeCodec } from "../../src/devnet/services/filter-service.ts";
import { lightPushCodec } from "../../src/devnet/services/lightpush-service.ts";
import { metadataCodec } from "../../src/devnet/services/metadata-service.ts";
import { storeCodec } from "../../src/devnet/services/store-service.ts";
import { rawPeer } from "./support/raw-peer.ts";
import { contentTopic, message, pubsubTopic, push } from "./support/requests.ts";
import { eventually, scratchDevnet } from "./support/scratch-devnet.ts";

const requests: Readonly<Record<string, Uint8Array>> = {
  [filterSubscribeCodec]: proto_filter_v2.FilterSubscribeRequest.encode({
    requestId: "r",
    filterSubscribeType: proto_filter_v2.FilterSubscribeRequest.FilterSubscribeType.SUBSCRIBE,
    pubsubTopic,
    contentTopics: [contentTopic],
  }),
  [lightPushCodec]: proto_lightpush.LightPushRequestV3.encode({ requestId: "r", pubsubTopic, message: message("x") }),
  [storeCodec]: proto_store.StoreQueryRequest.encode({
    requestId: "r",
    includeData: true,
    paginationForward: true,
    paginationLimit: 5n,
    pubsubTopic,
    contentTopics: [contentTopic],
    timeStart: 1n,
  }),
  [metadataCodec]: proto_metadata.WakuMetadataRequest.encode({ clusterId: 66, shards: [] }),
};

function framed(bytes: Uint8Array): Uint8Array {
  return lengthPrefixed.encode.single(bytes).subarray();
}

/** Real requests with one to four bytes changed: the interesting half of malformed input. */
function mutated(request: Uint8Array): fc.Arbitrary<Uint8Array> {
  const change = fc.tuple(fc.nat(request.byteLength - 1), fc.nat(255));
  return fc.array(change, { minLength: 1, maxLength: 4 }).map((changes) => {
    const bytes = request.slice();
    for (const [index, value] of changes) bytes[index] = value;
    return bytes;
  });
}

for (const muxer of ["yamux", "mplex"] as const) {
  for (const [codec, request] of Object.entries(requests)) {
    test(`garbage on ${codec} over ${muxer}`, async (t) => {
      const devnet = await scratchDevnet(t);
      const hostile = await rawPeer(t, devnet.multiaddr, muxer);
      const bystander = await rawPeer(t, devnet.multiaddr);
      const bytes = fc.oneof(
        fc.uint8Array({ maxLength: 300 }),
        fc.uint8Array({ maxLength: 300 }).map(framed),
        mutated(request).map(framed),
        fc.nat(request.byteLength).map((length) => framed(request).subarray(0, length)),
      );
      await fc.assert(
        fc.asyncProperty(bytes, async (sent) => {
          const answers = await hostile.sendRaw(codec, sent);
          assert.ok(answers.length <= 1, "one answer at most");
          assert.equal(answers.length === 0, sent.byteLength === 0, "an answer to everything but silence");
        }),
        { numRuns: 150 },
      );
      assert.equal(hostile.connection.status, "open");
      assert.equal((await push(bystander, message("still served"))).statusCode, 200);
      assert.equal(bystander.connection.status, "open");
    });
  }
}

test("a frame that says it is huge is refused without being read, and an endless one is cut", async (t) => {
  const devnet = await scratchDevnet(t);
  const peer = await rawPeer(t, devnet.multiaddr);
  for (const codec of Object.keys(requests)) {
    for (const prefix of [[0xff, 0xff, 0xff, 0x7f], [0xff, 0xff, 0xff, 0xff, 0x01], new Array<number>(20).fill(0xff)]) {
      const answers = await peer.sendRaw(codec, Uint8Array.from(prefix));
      assert.equal(answers.length, 1);
    }
    const stream = await peer.connection.newStream(codec);
    let sent = 0;
    async function* endless(): AsyncGenerator<Uint8Array> {
      while (stream.status === "open") {
        sent += 64 * 1024;
        yield new Uint8Array(64 * 1024);
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
    stream.sink(endless()).catch(() => {});
    await eventually("the node has reset the stream", () => stream.status !== "open");
    assert.ok(sent < 64 * 1024 * 1024, `${sent} bytes`);
  }
  assert.equal((await push(peer, message("still served"))).statusCode, 200);
});

test("peers that open streams and say nothing, or half of it, cost no one their service", async (t) => {
  const devnet = await scratchDevnet(t);
  const idle = await rawPeer(t, devnet.multiaddr);
  for (const codec of Object.keys(requests)) {
    for (let count = 0; count < 60; count += 1) {
      const stream = await idle.connection.newStream(codec, { maxOutboundStreams: 1_000 });
      void stream
        .sink(
          (async function* () {
            yield Uint8Array.of(0x20, 0x0a);
            await new Promise(() => {});
          })(),
        )
        .catch(() => {});
    }
  }
  const active = await rawPeer(t, devnet.multiaddr);
  assert.equal((await push(active, message("served"))).statusCode, 200);
  assert.equal((await push(idle, message("served too"))).statusCode, 200);
});

test("garbage on relay", async (t) => {
  const devnet = await scratchDevnet(t);
  const hostile = await rawPeer(t, devnet.multiaddr);
  const bystander = await rawPeer(t, devnet.multiaddr);
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), fc.boolean(), async (bytes, isFramed) => {
      const stream = await hostile.connection.newStream(relayCodec);
      await stream.sink([isFramed ? framed(bytes) : bytes]).catch(() => {});
      stream.abort(new Error("done"));
    }),
    { numRuns: 50 },
  );
  assert.equal((await push(bystander, message("still served"))).statusCode, 200);
});
