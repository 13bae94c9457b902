/** The real adapter against real service nodes that restart, come in pairs, or go away with the process. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type Server } from "node:net";
import { test } from "node:test";
import { generateKeyPairFromSeed } from "@libp2p/crypto/keys";
import { peerIdFromPrivateKey } from "@libp2p/peer-id";
import type { PublishResult, Transport } from "../../src/engine/ports.ts";
import { historyOf, publishText, Recorder, topicOf } from "../conformance/transport/transport-recorder.ts";
import { MemoryLog, startServiceNode, transportTo } from "./fixture.ts";

test("restart of the only service node: 150 topics are back within seconds", { timeout: 120_000 }, async (context) => {
  const node = await startServiceNode();
  const topics = [...Array(150).keys()].map(topicOf);
  const receiver = transportTo([node.multiaddr]);
  const sender = transportTo([node.websocketMultiaddr]);
  const recorder = new Recorder();
  const other = new Recorder();
  try {
    await Promise.all([receiver.start(recorder), sender.start(other)]);
    receiver.listen(topics);
    await recorder.listening(topics);
    for (let round = 1; round <= 3; round += 1) {
      const skip = recorder.listenings.length;
      await node.down();
      await node.up();
      const upAt = performance.now();
      await recorder.listening(topics, skip);
      const listeningMs = Math.round(performance.now() - upAt);
      await other.until(() => sender.status().peers === 1, "the sender's reconnect");
      await publishText(sender, topicOf(149), `round ${round}`);
      await recorder.until(() => recorder.payloads().includes(`round ${round}`), "the message after the restart");
      const flowingMs = Math.round(performance.now() - upAt);
      context.diagnostic(`restart ${round}: 150 topics again after ${listeningMs} ms, message after ${flowingMs} ms`);
      assert.ok(listeningMs < 8_000);
    }
    assert.equal((await historyOf(receiver, topics, 0, 3)).length, 3);
  } finally {
    await Promise.all([receiver.stop(), sender.stop()]);
    await node.close();
  }
});

test("two service nodes: one goes away, nothing stops; history has what either has", { timeout: 120_000 }, async () => {
  const one = await startServiceNode();
  const two = await startServiceNode();
  const receiver = transportTo([one.multiaddr, two.multiaddr]);
  const onlyTwo = transportTo([two.multiaddr]);
  const recorder = new Recorder();
  try {
    await receiver.start(recorder);
    await onlyTwo.start(new Recorder());
    receiver.listen([topicOf(1)]);
    await recorder.until(() => receiver.status().peers === 2, "both service nodes");
    await recorder.until(() => recorder.listenings.length === 2, "a subscription at both");
    // The nodes do not relay to each other, so these two archives differ.
    await publishText(receiver, topicOf(1), "to the first");
    await publishText(onlyTwo, topicOf(1), "to the second");
    await recorder.until(() => recorder.messages.length === 2, "the pushes of both");
    const merged = await historyOf(receiver, [topicOf(1)], 0, 2);
    assert.deepEqual(
      merged.map(({ payload }) => Buffer.from(payload).toString()),
      ["to the first", "to the second"],
    );

    await one.down();
    await recorder.until(() => receiver.status().peers === 1, "noticing the loss");
    assert.deepEqual(receiver.status().listening, [topicOf(1)]);
    await publishText(receiver, topicOf(1), "to whoever is left");
    await recorder.until(() => recorder.payloads().includes("to whoever is left"), "the push");
    await one.up();
    await recorder.until(() => receiver.status().peers === 2, "the return of the first");
  } finally {
    await Promise.all([receiver.stop(), onlyTwo.stop()]);
    await Promise.all([one.close(), two.close()]);
  }
});

test("a service node that refuses passes the message on to the next one", { timeout: 120_000 }, async () => {
  const one = await startServiceNode();
  const two = await startServiceNode();
  const transport = transportTo([one.multiaddr, two.multiaddr], { deadlineMs: 1_500 });
  const recorder = new Recorder();
  const send = (): Promise<PublishResult> =>
    transport.publish({ topic: topicOf(1), payload: Buffer.from("hello") }, new AbortController().signal);
  try {
    await transport.start(recorder);
    await recorder.until(() => transport.status().peers === 2, "both service nodes");
    one.devnet.faults.set("reject", "lightpush:413");
    assert.equal((await send()).kind, "published");
    one.devnet.faults.reset();
    one.devnet.faults.set("mute", "lightpush");
    assert.equal((await send()).kind, "published");
    const begun = performance.now();
    assert.equal((await send()).kind, "published");
    assert.ok(performance.now() - begun < 1_200, "the silent node is asked last");
    two.devnet.faults.set("reject", "lightpush:413");
    assert.equal((await send()).kind, "unavailable", "the silent node might have taken it");
    one.devnet.faults.reset();
    one.devnet.faults.set("reject", "lightpush:413");
    assert.deepEqual(await send().then(({ kind, ...rest }) => [kind, "retryable" in rest && rest.retryable]), [
      "refused",
      false,
    ]);
  } finally {
    await transport.stop();
    await Promise.all([one.close(), two.close()]);
  }
});

test("addresses where nothing, silence, or garbage answers do not disturb the good one", {
  timeout: 120_000,
}, async () => {
  const node = await startServiceNode();
  // Peer ids that differ from the good one and from each other, or all would be addresses of one peer.
  const [first, second, third] = await Promise.all([1, 2, 3].map(strangersId));
  const silent = createServer(() => undefined);
  const garbage = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.write(Buffer.alloc(100_000, 0x13));
  });
  const ports = await Promise.all([silent, garbage].map(listen));
  const strangers = ports.map((port, index) => `/ip4/127.0.0.1/tcp/${port}/p2p/${[first, second][index]}`);
  const log = new MemoryLog();
  const transport = transportTo([...strangers, `/ip4/127.0.0.1/tcp/1/p2p/${third}`, node.multiaddr], { log });
  const recorder = new Recorder();
  try {
    await transport.start(recorder);
    transport.listen([topicOf(1)]);
    await recorder.listening([topicOf(1)]);
    await publishText(transport, topicOf(1), "hello");
    await recorder.until(() => recorder.messages.length === 1, "the message");
    assert.equal(transport.status().configuredPeers, 4);
    const begun = performance.now();
    await transport.stop();
    assert.ok(performance.now() - begun < 1_000);
    assert.deepEqual(log.errors(), []);
  } finally {
    await transport.stop();
    silent.close();
    garbage.close();
    await node.close();
  }
});

/** The peer id of a key that nobody has. */
async function strangersId(number: number): Promise<string> {
  const key = await generateKeyPairFromSeed("Ed25519", new Uint8Array(32).fill(number));
  return peerIdFromPrivateKey(key).toString();
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  assert.ok(address !== null && typeof address === "object");
  return address.port;
}

test("after stop the process ends by itself, connected or not", { timeout: 120_000 }, async (context) => {
  const node = await startServiceNode();
  try {
    for (const peers of [[node.multiaddr], [node.websocketMultiaddr], [`/ip4/127.0.0.1/tcp/1/p2p/${peerIdOf(node)}`]]) {
      const child = spawn(process.execPath, ["--input-type=module", "-e", program, ...peers], {
        cwd: new URL("../..", import.meta.url),
        stdio: ["ignore", "pipe", "inherit"],
      });
      let output = "";
      child.stdout.on("data", (chunk: Buffer) => {
        output += chunk.toString();
      });
      const [code] = await once(child, "exit");
      assert.equal(code, 0);
      const { stopMs, exitMs } = JSON.parse(output);
      context.diagnostic(`stop took ${stopMs} ms, the process ended ${exitMs} ms after it was called`);
      assert.ok(exitMs < 2_000);
    }
  } finally {
    await node.close();
  }
});

const peerIdOf = (node: { readonly multiaddr: string }): string => node.multiaddr.split("/p2p/")[1] ?? "";

const program = `
  const { transportTo } = await import("./test/waku/fixture.ts");
  const transport = transportTo(process.argv.slice(1));
  const listening = Promise.withResolvers();
  await transport.start({ onMessage() {}, onListening: listening.resolve, onStatus() {} });
  transport.listen(["/umbra/1/b8-00/proto"]);
  if (!process.argv[1].includes("/tcp/1/")) await listening.promise;
  const begun = performance.now();
  await transport.stop();
  const stopMs = Math.round(performance.now() - begun);
  process.on("exit", () => console.log(JSON.stringify({ stopMs, exitMs: Math.round(performance.now() - begun) })));
`;

test("cluster 1: publishing is refused at once and for ever, with the reason", async () => {
  const transport: Transport = transportTo([], { clusterId: 1 });
  try {
    await transport.start(new Recorder());
    const result = await transport.publish(
      { topic: topicOf(1), payload: Buffer.from("x") },
      new AbortController().signal,
    );
    assert.ok(result.kind === "refused" && !result.retryable);
    assert.match(result.reason, /RLN/);
  } finally {
    await transport.stop();
  }
});
