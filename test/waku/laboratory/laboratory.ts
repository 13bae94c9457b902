/** A service node with knobs, a receiver and a sender at it, and the few things that tests of knobs do with them. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { type Devnet, type DevnetOptions, startDevnet } from "../../../src/devnet/node.ts";
import type { PublishResult, Transport } from "../../../src/engine/ports.ts";
import { Recorder, readHistory, topicOf } from "../../conformance/transport/transport-recorder.ts";
import { transportTo } from "../fixture.ts";

/** Where everything is said. */
export const topic = topicOf(1);

/** Long enough for a busy machine to answer in, short enough to wait for in a test of silence. */
export const deadlineMs = 2_500;

/** A client of the laboratory. */
export interface Client {
  readonly transport: Transport;
  readonly recorder: Recorder;
  send(text: string): Promise<PublishResult>;
  /** Texts of the whole history, in its order. */
  history(): Promise<string[]>;
}

/** A node that the test's end stops. */
export async function startNode(t: TestContext, options: Partial<DevnetOptions> = {}): Promise<Devnet> {
  const stateDir = mkdtempSync(join(tmpdir(), "umbrad-laboratory-"));
  t.after(() => rmSync(stateDir, { recursive: true, force: true }));
  const devnet = await startDevnet({ stateDir, ...options });
  t.after(() => devnet.stop());
  return devnet;
}

/** A client that is connected to all of `nodes` and has asked for the topic; the test's end stops it. */
export async function startClient(t: TestContext, nodes: readonly Devnet[]): Promise<Client> {
  const addresses = nodes.map(({ multiaddr }) => multiaddr);
  const transport = transportTo(addresses, { deadlineMs });
  t.after(() => transport.stop());
  const recorder = new Recorder();
  await transport.start(recorder);
  transport.listen([topic]);
  await recorder.until(() => transport.status().peers === nodes.length, "every node");
  return {
    transport,
    recorder,
    send: (text) => transport.publish({ topic, payload: Buffer.from(text) }, new AbortController().signal),
    history: async () =>
      (await readHistory(transport, [topic], 0)).flat().map(({ payload }) => Buffer.from(payload).toString()),
  };
}

/** Requires that a node took each, one after the other. */
export async function sendAll(client: Client, texts: readonly string[]): Promise<void> {
  for (const text of texts) {
    const result = await client.send(text);
    assert.equal(result.kind, "published", `${text}: ${JSON.stringify(result)}`);
  }
}

/** Asks until it is so: for what happens on the node's side, where no event of ours says when. */
export async function eventually(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`still not so after a minute: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** A node and a client at it. */
export interface Scene {
  readonly node: Devnet;
  readonly client: Client;
}

/** One node and one client that is subscribed and sends to itself. */
export async function scene(t: TestContext): Promise<Scene> {
  const node = await startNode(t, { seed: 1 });
  const client = await startClient(t, [node]);
  await client.recorder.listening([topic]);
  return { node, client };
}

/** Everything works: what is sent arrives and is archived. */
export async function requireWell({ node, client }: Scene): Promise<void> {
  assert.deepEqual(node.faults.list(), []);
  await sendAll(client, ["well again"]);
  await client.recorder.until(() => client.recorder.payloads().includes("well again"), "the push");
  assert.ok((await client.history()).includes("well again"));
}
