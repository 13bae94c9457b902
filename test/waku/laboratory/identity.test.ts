// Goal: an address with a peer id means that peer and nobody else, an address without one means whoever is there, and
// several addresses of one service node make one connection.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { type Devnet, startDevnet } from "../../../src/devnet/node.ts";
import type { Transport } from "../../../src/engine/ports.ts";
import { Recorder } from "../../conformance/transport/transport-recorder.ts";
import { removeDir, scratchDir } from "../../support/engine/test-node.ts";
import { MemoryLog, transportTo } from "../fixture.ts";
import { eventually, startNode, topic } from "./laboratory.ts";

const limit = { timeout: 120_000 };

interface Client {
  readonly transport: Transport;
  readonly recorder: Recorder;
  readonly log: MemoryLog;
}

async function client(t: TestContext, addresses: readonly string[]): Promise<Client> {
  const log = new MemoryLog();
  const transport = transportTo(addresses, { log });
  t.after(() => transport.stop());
  const recorder = new Recorder();
  await transport.start(recorder);
  transport.listen([topic]);
  return { transport, recorder, log };
}

const withoutId = ({ multiaddr }: Devnet): string => multiaddr.replace(/\/p2p\/.*$/, "");
const events = ({ log }: Client, name: string) => log.lines.filter(({ fields }) => fields.event === name);

test("an address without an id: whoever is there, before and after a change", limit, async (t) => {
  const first = await startNode(t);
  const one = await client(t, [withoutId(first)]);
  await one.recorder.listening([topic]);
  assert.deepEqual(
    one.transport.subscribedAt(topic).map(({ node }) => node),
    [first.peerId],
  );
  const skip = one.recorder.listenings.length;
  const port = Number(/tcp\/(\d+)/.exec(first.multiaddr)?.[1]);
  await first.stop();
  const second = await startNode(t, { port });
  await one.recorder.listening([topic], skip);
  assert.deepEqual(
    one.transport.subscribedAt(topic).map(({ node }) => node),
    [second.peerId],
  );
  assert.deepEqual([one.transport.status().impostors, events(one, "peer.wrong-identity")], [[], []]);
});

test(
  "an address with an id: nobody else is used, both are named, and the right one is taken when it is back",
  limit,
  async (t) => {
    const stateDir = scratchDir("identity");
    t.after(() => removeDir(stateDir));
    const expected = await startNode(t, { stateDir });
    const port = Number(/tcp\/(\d+)/.exec(expected.multiaddr)?.[1]);
    await expected.stop();
    const impostor = await startNode(t, { port });
    const one = await client(t, [expected.multiaddr]);
    const wrong = { configured: expected.peerId, found: impostor.peerId };
    await one.recorder.until(() => (one.recorder.status?.impostors?.length ?? 0) > 0, "the impostor");
    assert.deepEqual(one.transport.status().impostors, [wrong]);
    await eventually("another try", () => events(one, "peer.unreachable").length > 0);
    assert.equal(events(one, "peer.wrong-identity").length, 1, "said once");
    assert.deepEqual([one.recorder.status?.peers, one.recorder.listenings], [0, []]);
    assert.equal(impostor.counters.filterSubscribers, 0);

    await impostor.stop();
    // The same directory has the same key.
    const back = await startDevnet({ stateDir, port });
    t.after(() => back.stop());
    await one.recorder.listening([topic]);
    assert.deepEqual(one.transport.status().impostors, []);
  },
);

test("one service node by several addresses: one connection, one subscription", limit, async (t) => {
  const node = await startNode(t);
  const one = await client(t, [node.multiaddr, withoutId(node), node.websocketMultiaddr.replace(/\/p2p\/.*$/, "")]);
  await one.recorder.listening([topic]);
  await eventually("the others were tried", () => events(one, "peer.unreachable").length >= 2);
  assert.equal(one.transport.status().peers, 1);
  assert.equal(one.transport.subscribedAt(topic).length, 1);
  const result = await one.transport.publish({ topic, payload: Buffer.from("x") }, new AbortController().signal);
  assert.ok(result.kind === "published" && result.peers === 1, JSON.stringify(result));
  await one.recorder.until(() => one.recorder.messages.length > 0, "the push");
  node.disconnectAll();
  const skip = one.recorder.listenings.length;
  await one.recorder.listening([topic], skip);
});
