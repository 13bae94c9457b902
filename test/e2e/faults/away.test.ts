// Goal: a service node that is away in any manner costs time and nothing else, and the time is short. Method: real
// processes; the node is frozen, leaves pings unanswered, comes back as somebody else, or is one of two and keeps
// everything to itself. Messages are sent meanwhile; times to recovery are printed.
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import type { HealthView } from "../../../src/admin/views.ts";
import { inTime, until } from "../stage/processes.ts";
import { connectedTo, type FaultyNode, Laboratory, type Side } from "./laboratory.ts";

const messages = 5;

describe("messages sent meanwhile arrive exactly once when", { concurrency: true }, () => {
  test("the only node is frozen for a second, and for as long as it takes to be given up", frozen);
  test("the only node answers no ping for a minute", pingless);
  test("the only node comes back under another peer id", renamed);
  test("one of two linked nodes keeps everything to itself", (t) => withholding(t, "linked"));
  test("one of two nodes that do not know each other keeps everything to itself", (t) => withholding(t, "unlinked"));
});

async function frozen(t: TestContext): Promise<void> {
  const laboratory = await Laboratory.open(t);
  const { node, sides } = laboratory;
  node.freeze();
  const frozenAt = performance.now();
  await laboratory.talk("frozen briefly", messages);
  await until("a second", () => performance.now() - frozenAt >= 1_000 || undefined);
  node.thaw();
  await recovered(t, laboratory, "back after 1 s");

  node.freeze();
  const began = performance.now();
  await laboratory.talk("frozen long", messages);
  await until("given up", async () => ((await connectedTo(sides)).every((peers) => peers === 0) ? true : undefined));
  t.diagnostic(`frozen: given up after ${Math.round(performance.now() - began)} ms`);
  await laboratory.talk("nobody there", messages);
  node.thaw();
  await recovered(t, laboratory, "back after it was given up");
  await laboratory.close();
}

async function pingless(t: TestContext): Promise<void> {
  const laboratory = await Laboratory.open(t);
  const { node } = laboratory;
  await node.set({ mute: "filter.ping" });
  const began = performance.now();
  const struck = async (): Promise<number> => (await node.status()).struck["mute"] ?? 0;
  // Two daemons, each with a ping every 20 s, for a minute.
  let pings = 0;
  while (performance.now() - began < 60_000) {
    pings += 1;
    await laboratory.talk(`ping ${pings}`, 1);
    await until("an unanswered ping", async () => (await struck()) >= pings || undefined);
  }
  t.diagnostic(`${pings} pings unanswered in ${Math.round(performance.now() - began)} ms`);
  await laboratory.talk("after it", messages);
  await node.set({});
  await recovered(t, laboratory, "no pings answered");
  await laboratory.close();
}

async function renamed(t: TestContext): Promise<void> {
  // Alice wants that very node, bob whoever is at the address.
  const laboratory = await Laboratory.open(t, {
    peersOf: (name, addresses) =>
      name === "alice" ? addresses : addresses.map((one) => one.replace(/\/p2p\/.*$/, "")),
  });
  const { node, alice, bob } = laboratory;
  const old = node.peerId;
  await node.stop();
  await laboratory.talk("nobody there", messages);
  rmSync(join(node.stateDir, "peer.key"));
  node.multiaddr = "";
  await node.start();
  const began = performance.now();
  assert.notEqual(node.peerId, old);
  await until("bob at the new one", async () => (await bob.status()).network.peers === 1 || undefined);
  t.diagnostic(`another peer id: an address without id follows after ${Math.round(performance.now() - began)} ms`);

  const said = await inTime("the warning", alice.running.output.event("peer.wrong-identity"));
  assert.deepEqual([said.level, said["peer"], said["found"]], ["warn", old, node.peerId]);
  const { state, reasons } = await alice.status();
  assert.equal(state, "degraded");
  for (const text of [reasons.join(), (await checkOf(alice, "peers")).text]) {
    assert.ok(text.includes(old) && text.includes(node.peerId) && text.includes("--peer"), text);
  }
  assert.equal((await alice.status()).network.peers, 0, "nobody else is trusted in its place");

  await alice.stop();
  await alice.start("--peer", node.multiaddr);
  alice.listen();
  await recovered(t, laboratory, "the address corrected");
  await laboratory.close();
}

async function withholding(t: TestContext, nodes: "linked" | "unlinked"): Promise<void> {
  const laboratory = await Laboratory.open(t, { nodes });
  const [bad, good] = laboratory.nodes as [FaultyNode, FaultyNode];
  const { alice, bob } = laboratory;
  // Neither archives nor pushes; all else it does well.
  await bad.set({ withhold: "1", delay: "1h" });
  await laboratory.talk("by one of two", messages);
  await recovered(t, laboratory, `${nodes}: one withholds`);
  await bob.stop();
  for (let number = 1; number <= messages; number += 1) await alice.say(`while bob is away ${number}`);
  await bob.start();
  bob.listen();
  await recovered(t, laboratory, `${nodes}: one withholds, and bob was away`);

  // Bob's connection is new, and so is his line of pushes at the bad node: both have to be told of it by their canaries.
  const began = performance.now();
  const silentAt = async (side: Side): Promise<readonly string[]> => (await side.status()).canary?.silentNodes ?? [];
  await until("found out", async () => ((await silentAt(alice)).includes(bad.peerId) ? true : undefined));
  t.diagnostic(`${nodes}: the silent node was found after ${Math.round(performance.now() - began)} ms`);
  assert.ok(!(await silentAt(alice)).includes(good.peerId));
  assert.match((await checkOf(alice, "canary")).text, new RegExp(bad.peerId));
  assert.match(await alice.text("status"), new RegExp(`push nothing: ${bad.peerId}`));
  await bad.set({});
  const cured = performance.now();
  await until("well again", async () => ((await silentAt(alice)).length === 0 ? true : undefined));
  t.diagnostic(`${nodes}: it was well again after ${Math.round(performance.now() - cured)} ms`);
  await laboratory.talk("by both", messages);
  await recovered(t, laboratory, `${nodes}: both push`);
  await laboratory.close();
}

async function checkOf(side: Side, name: string): Promise<HealthView["checks"][number]> {
  const { checks } = await side.admin.get<HealthView>("/v1/health");
  const check = checks.find((one) => one.name === name);
  assert.ok(check);
  return check;
}

async function recovered(t: TestContext, laboratory: Laboratory, what: string): Promise<void> {
  const began = performance.now();
  await laboratory.settled(what);
  t.diagnostic(`${what}: everything had arrived after ${Math.round(performance.now() - began)} ms`);
  laboratory.requireExactlyOnce();
}
