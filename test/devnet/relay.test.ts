// Goal: linked nodes are one network, and what is not a Waku message goes no further.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { GossipSub } from "@chainsafe/libp2p-gossipsub";
import { noise } from "@chainsafe/libp2p-noise";
import { yamux } from "@chainsafe/libp2p-yamux";
import { identify } from "@libp2p/identify";
import { tcp } from "@libp2p/tcp";
import { multiaddr } from "@multiformats/multiaddr";
import { WakuMessage } from "@waku/proto";
import { createLibp2p } from "libp2p";
import type { Devnet } from "../../src/devnet/node.ts";
import { wakuRelay } from "../../src/devnet/relay.ts";
import { lightNode } from "./support/light-node.ts";
import { rawPeer } from "./support/raw-peer.ts";
import { contentTopic, filter, message, pubsubTopic, push, query, textsOf } from "./support/requests.ts";
import { eventually, scratchDevnet } from "./support/scratch-devnet.ts";

const here = { pubsubTopic, contentTopics: [contentTopic] };

test("what is pushed at one node is pushed and archived by the other, once, whichever dialled", async (t) => {
  const first = await scratchDevnet(t);
  const second = await scratchDevnet(t, { peers: [first.multiaddr] });
  const one = await rawPeer(t, first.multiaddr);
  const two = await rawPeer(t, second.multiaddr);
  await filter(one, "SUBSCRIBE", here);
  await filter(two, "SUBSCRIBE", here);
  await eventually("the nodes know each other's topics", async () => {
    const { relayPeerCount } = await push(one, message("probe", { contentTopic: "/umbra/1/other/proto" }));
    return relayPeerCount === 1;
  });
  assert.equal((await push(one, message("from one"))).relayPeerCount, 1);
  await eventually("it arrived", () => two.pushes.length === 1);
  assert.equal((await push(two, message("from two"))).relayPeerCount, 1);
  await eventually("it arrived", () => one.pushes.length === 2);
  await eventually("both pushed to both", () => two.pushes.length === 2);
  for (const peer of [one, two]) {
    assert.deepEqual(textsOf(await query(peer, here)), ["from one", "from two"]);
  }
  assert.equal(first.counters.duplicates + second.counters.duplicates, 0);
});

test("light nodes of two nodes hear each other", async (t) => {
  const first = await scratchDevnet(t);
  const second = await scratchDevnet(t, { peers: [first.multiaddr] });
  const sender = await lightNode(t, first, "tcp");
  const receiver = await lightNode(t, second, "websocket");
  const received: string[] = [];
  await receiver.filter.subscribe(receiver.createDecoder({ contentTopic }), ({ payload }) => {
    received.push(new TextDecoder().decode(payload));
  });
  const encoder = sender.createEncoder({ contentTopic });
  await eventually("a message crossed", async () => {
    await sender.lightPush.send(encoder, { payload: new TextEncoder().encode("hello"), timestamp: new Date() });
    return received.length > 0;
  });
  assert.equal(received[0], "hello");
});

test("relayed bytes that are no Waku message, or too large, are neither delivered nor relayed on", async (t) => {
  const devnet = await scratchDevnet(t);
  const source = await relayPeer(t, devnet);
  const sink = await relayPeer(t, devnet);
  const arrived: Uint8Array[] = [];
  sink.addEventListener("message", ({ detail }) => arrived.push(detail.data));
  const good = WakuMessage.encode(message("good"));
  await source.publish(pubsubTopic, new Uint8Array([1, 2, 3]));
  await source.publish(pubsubTopic, WakuMessage.encode(message("x".repeat(151 * 1024))));
  await source.publish(pubsubTopic, WakuMessage.encode(message("no topic", { contentTopic: "" })));
  await source.publish(pubsubTopic, good);
  await eventually("the good one went through", () => arrived.length > 0);
  assert.deepEqual(
    arrived.map((data) => Buffer.from(data)),
    [Buffer.from(good)],
  );
  assert.equal(devnet.counters.relayReceived, 1);
  const peer = await rawPeer(t, devnet.multiaddr);
  assert.deepEqual(textsOf(await query(peer, here)), ["good"]);
});

/** A bare relay node without validation, in the devnet's mesh. */
async function relayPeer(t: TestContext, devnet: Devnet): Promise<GossipSub> {
  const node = await createLibp2p({
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    services: { identify: identify(), relay: wakuRelay() },
  });
  t.after(() => node.stop());
  const { relay } = node.services;
  relay.subscribe(pubsubTopic);
  await node.dial(multiaddr(devnet.multiaddr));
  await eventually("in the mesh", () => relay.getMeshPeers(pubsubTopic).includes(devnet.peerId));
  return relay;
}
