// Goal: an outage of the only service node costs time and nothing else. Method: it is stopped in good order, then killed,
// each time with messages sent meanwhile; the daemons are never restarted and nobody tells them anything.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { assertGapFree, assertNoErrors, connect, Party, ServiceNode } from "./stage/party.ts";
import { Stage, until } from "./stage/processes.ts";

const MESSAGES_MEANWHILE = 5;

type Sent = Record<"alice" | "bob", string[]>;

test("messages sent during an outage of the only service node arrive; both daemons degrade and recover", async (t) => {
  const stage = new Stage(t);
  const node = new ServiceNode(stage);
  await node.start();
  const [alice, bob] = [
    new Party(stage, "alice", ["--peer", node.multiaddr]),
    new Party(stage, "bob", ["--peer", node.multiaddr]),
  ];
  for (const party of [alice, bob]) {
    await party.init();
    await party.start();
    await party.wait("synced");
  }
  await connect(alice, bob, "hello");
  const pids = [alice.running.pid, bob.running.pid];
  const sent: Sent = { alice: [], bob: ["hello"] };

  for (const signal of ["SIGTERM", "SIGKILL"] as const) await outage(t, node, [alice, bob], signal, sent);

  assert.deepEqual([alice.running.pid, bob.running.pid], pids);
  for (const [from, to] of [
    [alice, bob],
    [bob, alice],
  ] as const) {
    const name = from.name as "alice" | "bob";
    assert.deepEqual(await to.receive(sent[name].length), sent[name]);
    assertGapFree(await from.events());
    await from.wait("outbox-empty");
  }
  for (const party of [alice, bob]) await party.stop();
  assertNoErrors(stage);
});

async function outage(
  t: TestContext,
  node: ServiceNode,
  parties: readonly [Party, Party],
  signal: "SIGTERM" | "SIGKILL",
  sent: Sent,
): Promise<void> {
  await node.stop(signal);
  for (const party of parties) {
    const { reasons } = await until("degraded", async () => {
      const status = await party.status();
      return status.state === "degraded" && status.network.peers === 0 ? status : undefined;
    });
    assert.deepEqual(reasons, ["no service node is connected"]);
  }
  for (let number = 1; number <= MESSAGES_MEANWHILE; number += 1) {
    for (const party of parties) {
      const text = `${party.name} ${number} during ${signal}`;
      assert.match(await party.text("send", "c1", text), / queued\n$/);
      sent[party.name as keyof Sent].push(text);
    }
  }
  for (const party of parties) {
    assert.ok((await party.status()).outbox >= 1);
    const early = await party.command([
      "send",
      "c1",
      `${party.name} waits`,
      "--wait",
      "published",
      "--timeout",
      // The daemon's answer has to come in it, with a disk that is slow.
      "1s",
    ]);
    assert.equal(early.code, 75, early.stderr);
    assert.match(early.stderr, /it stays queued and is sent when the network allows \[message\/not-confirmed\]/);
    sent[party.name as keyof Sent].push(`${party.name} waits`);
  }

  const began = performance.now();
  const elapsed = (): number => Math.round(performance.now() - began);
  await node.start();
  const up = elapsed();
  await Promise.all(
    parties.map((party) => until("synced", async () => ((await party.status()).synced ? true : undefined))),
  );
  const synced = elapsed();
  const [alice, bob] = parties;
  await Promise.all([alice.receive(sent.bob.length), bob.receive(sent.alice.length)]);
  t.diagnostic(
    `${signal}: the node was up again after ${up} ms, both daemons synced after ${synced} ms, ` +
      `everything had arrived after ${elapsed()} ms`,
  );
  for (const party of parties) {
    assert.equal((await party.status()).state, "ready");
    const text = `${party.name} after ${signal}`;
    await party.text("send", "c1", text, "--wait", "delivered", "--timeout", "120s");
    sent[party.name as keyof Sent].push(text);
  }
}
