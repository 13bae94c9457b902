// Goal: without its reader a message gets as far as a Store node, the sender sees it, and health tells the truth by its
// exit code. Method: the commands, a devnet, two daemons of which one goes away.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { TraceView } from "../../src/admin/event-view.ts";
import type { HealthView, SentView } from "../../src/admin/views.ts";
import { assertNoErrors, connect, Party, ServiceNode } from "./stage/party.ts";
import { Stage, until } from "./stage/processes.ts";

test("send --wait stored, message trace, and health from ready to gone", async (t) => {
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
  const health = await alice.json<HealthView>("health");
  assert.equal(health.state, "ready");
  assert.deepEqual(
    health.checks.map(({ name, ok }) => `${name} ${ok}`),
    ["store true", "peers true", "subscriptions true", "canary true", "clock true", "history true", "outbox true"],
  );
  await bob.stop();

  const began = performance.now();
  const sent = await alice.json<SentView>("send", "c1", "while you are away", "--wait", "stored", "--timeout", "60s");
  t.diagnostic(`stored ${Math.round(performance.now() - began)} ms after the command began`);
  assert.equal(sent.state, "stored");
  const trace = await alice.json<TraceView>("message", "trace", sent.messageId);
  assert.deepEqual(
    trace.events.map(({ type }) => type),
    ["message.queued", "message.published", "message.stored"],
  );
  assert.deepEqual([trace.message.state, trace.outbox, trace.publication], ["stored", null, null]);
  assert.match(await alice.text("message", "trace", sent.messageId), /^\S+ out c1: stored, a Store node has it; /);
  assert.equal((await alice.command(["message", "trace", "0".repeat(32)])).code, 67);

  await node.stop();
  const degraded = await until("degraded", async () => {
    const result = await alice.command(["health"]);
    return result.code === 0 ? undefined : result;
  });
  assert.equal(degraded.code, 75, degraded.stderr);
  assert.match(degraded.stdout, /^peers +FAIL +no service node is connected$/m);
  const late = await alice.json<SentView>("send", "c1", "nobody is there");
  const waiting = await until("a reason", async () => {
    const view = await alice.json<TraceView>("message", "trace", late.messageId);
    return view.outbox?.lastReason === null ? undefined : view;
  });
  assert.match(waiting.explanation, /^it is not published yet: no service node/);
  await alice.stop();
  assert.equal((await alice.command(["health"])).code, 69);
  assertNoErrors(stage);
});
