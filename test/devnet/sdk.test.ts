// Goal: an unmodified SDK light node finds everything it needs on the devnet, and still after a restart.
// Method: only the SDK's own API on the client's side, over both transports and both muxers.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { LightNode } from "@waku/sdk";
import { connect, lightNode, type Transport } from "./support/light-node.ts";
import { eventually, scratchDevnet, scratchDir } from "./support/scratch-devnet.ts";

const contentTopic = "/umbra/1/b4-0f/proto";

async function subscribe(node: LightNode, received: string[]): Promise<void> {
  const decoder = node.createDecoder({ contentTopic });
  const isAccepted = await node.filter.subscribe(decoder, (message) => {
    received.push(new TextDecoder().decode(message.payload));
  });
  assert.equal(isAccepted, true);
}

async function publish(node: LightNode, texts: readonly string[]): Promise<void> {
  const encoder = node.createEncoder({ contentTopic });
  for (const text of texts) {
    const payload = new TextEncoder().encode(text);
    const { failures, successes } = await node.lightPush.send(encoder, { payload, timestamp: new Date() });
    assert.deepEqual({ failures, successes: successes.length }, { failures: [], successes: 1 });
  }
}

async function queryStore(node: LightNode, options: { paginationForward: boolean }): Promise<string[][]> {
  const decoder = node.createDecoder({ contentTopic });
  const pages: string[][] = [];
  for await (const page of node.store.queryGenerator([decoder], { ...options, paginationLimit: 30 })) {
    const messages = await Promise.all(page);
    pages.push(messages.map((message) => new TextDecoder().decode(message?.payload)));
  }
  return pages;
}

const texts = Array.from({ length: 300 }, (_, index) => `message ${index}`);

for (const transport of ["tcp", "websocket"] satisfies Transport[]) {
  test(`300 messages through filter and store over ${transport}`, async (t) => {
    const devnet = await scratchDevnet(t);
    const sender = await lightNode(t, devnet, transport);
    const receiver = await lightNode(t, devnet, transport);
    let disconnects = 0;
    for (const node of [sender, receiver]) node.libp2p.addEventListener("connection:close", () => (disconnects += 1));
    const received: string[] = [];
    await subscribe(receiver, received);
    await publish(sender, texts);
    await eventually("every message was pushed", () => received.length >= texts.length);
    assert.deepEqual(received, texts);
    const forward = await queryStore(receiver, { paginationForward: true });
    assert.deepEqual(forward.flat(), texts);
    assert.deepEqual(new Set(forward.map((page) => page.length)), new Set([30]));
    const backward = await queryStore(receiver, { paginationForward: false });
    assert.deepEqual(backward.toReversed().flat(), texts);
    assert.equal(disconnects, 0);
    assert.equal(devnet.counters.filterPushes, texts.length);
    assert.equal(devnet.counters.filterPushesDropped, 0);
  });

  test(`a light node goes on after the devnet restarted, over ${transport}`, async (t) => {
    const stateDir = scratchDir(t);
    const before = await scratchDevnet(t, { stateDir });
    const node = await lightNode(t, before, transport);
    await publish(node, ["before"]);
    await before.stop();
    await eventually("the node noticed", () => node.libp2p.getConnections().length === 0);
    const after = await scratchDevnet(t, { stateDir });
    assert.deepEqual([after.multiaddr, after.websocketMultiaddr], [before.multiaddr, before.websocketMultiaddr]);
    await connect(node, after, transport);
    const received: string[] = [];
    await subscribe(node, received);
    await publish(node, ["after"]);
    await eventually("the message was pushed", () => received.length > 0);
    assert.deepEqual(received, ["after"]);
    assert.deepEqual((await queryStore(node, { paginationForward: true })).flat(), ["before", "after"]);
  });
}

test("the SDK's client of LightPush v2 is served, by a node of any age", async (t) => {
  for (const lightPushV2Only of [false, true]) {
    const devnet = await scratchDevnet(t, { lightPushV2Only });
    const node = await lightNode(t, devnet, "tcp");
    const message = { payload: new TextEncoder().encode("by v2"), timestamp: new Date() };
    const { failures, successes } = await node.lightPush.send(node.createEncoder({ contentTopic }), message, {
      useLegacy: true,
    });
    assert.deepEqual({ failures, successes: successes.length }, { failures: [], successes: 1 });
    assert.deepEqual(await queryStore(node, { paginationForward: true }), [["by v2"]]);
  }
});
