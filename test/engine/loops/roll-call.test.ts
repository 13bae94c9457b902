/**
 * Goal: one service node of several that pushes nothing is found out while the others push, cured where it can be, and
 * nothing that it alone would have pushed is lost. Method: the in-process network with several nodes, and a clock that steps.
 */
import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { CANARY_DEADLINE_MS, CANARY_INTERVAL_MS, NODE_RENEWAL_MS } from "../../../src/engine/limits.ts";
import { probeTopic } from "../probe/probe-type.ts";
import { createRig, type Rig } from "../probe/rig.ts";

let rig: Rig;
afterEach(() => rig.dispose());

const start = async (nodes: readonly string[]): Promise<void> => {
  rig = await createRig(["p0"], { intervalMs: CANARY_INTERVAL_MS, deadlineMs: CANARY_DEADLINE_MS });
  rig.transport.nodes = nodes;
  await rig.clock.advance(CANARY_INTERVAL_MS);
};
const silent = () => rig.engine.status().canary.silentNodes;
const events = (type: string) => rig.store.events({ after: 0, limit: 1_000 }).filter((event) => event.type === type);
const canaries = () => rig.network.archive.filter(({ topic }) => topic !== probeTopic("all")).length;

async function pass(holds: () => boolean, limitMs: number): Promise<number> {
  const began = rig.clock.now();
  while (!holds()) {
    assert.ok(rig.clock.now() - began <= limitMs, `not within ${limitMs} ms`);
    await rig.clock.advance(1_000);
  }
  return rig.clock.now() - began;
}

describe("roll call", () => {
  it("finds the one that pushes nothing, renews it alone, and says so once until it pushes again", async (t) => {
    await start(["a", "b", "c"]);
    rig.transport.mutedNodes.add("b");
    const ms = await pass(() => silent().length > 0, CANARY_INTERVAL_MS + 2 * CANARY_DEADLINE_MS + 1_000);
    t.diagnostic(`found after ${ms} ms`);
    assert.deepEqual(silent(), ["b"]);
    await rig.clock.advance(1_000);
    const { state, canary } = rig.engine.status();
    assert.deepEqual([state, canary.state], ["ready", "hearing"], "the others push");
    const check = rig.engine.health().find(({ name }) => name === "canary");
    assert.match(check?.text ?? "", /but these service nodes push nothing: b$/);
    await rig.clock.advance(5 * CANARY_INTERVAL_MS);
    assert.deepEqual(rig.transport.nodeRenewals, ["b", "b"], "subscription, then connection, then left alone");
    assert.equal(rig.transport.renewals, 0);
    await rig.clock.advance(NODE_RENEWAL_MS);
    assert.deepEqual(rig.transport.nodeRenewals, ["b", "b", "b"]);
    assert.deepEqual(
      events("network.node-deaf").map(({ data }) => data["node"]),
      ["b"],
    );
    rig.transport.mutedNodes.clear();
    await pass(() => silent().length === 0, CANARY_INTERVAL_MS + 1_000);
    assert.deepEqual(
      events("network.node-recovered").map(({ data }) => data["node"]),
      ["b"],
    );
    assert.equal(rig.engine.health().find(({ name }) => name === "canary")?.data["silentNodes"], 0);
  });

  it("reads from Store what the silent one alone would have pushed, though the cursor has passed it", async () => {
    await start(["a", "b"]);
    // Archived and pushed by nobody who is heard: the cursor goes on by the canaries of the other node.
    rig.transport.mutedNodes.add("b").add("a");
    await rig.push("p0", 0, { op: "say", text: "by b alone" });
    rig.transport.mutedNodes.delete("a");
    await pass(() => silent().length > 0, CANARY_INTERVAL_MS + 2 * CANARY_DEADLINE_MS + 1_000);
    await rig.clock.advance(CANARY_DEADLINE_MS);
    assert.deepEqual(rig.texts("message.received"), ["by b alone"]);
    assert.ok(rig.lines.some(({ fields }) => fields.event === "sync.gap-found" && fields["reason"] === "node-deaf"));
  });

  it("one push that is lost costs one canary more, and nobody is accused", async () => {
    await start(["a", "b"]);
    const before = canaries();
    rig.transport.mutedNodes.add("a");
    await pass(() => canaries() > before, CANARY_INTERVAL_MS + 1_000);
    rig.transport.mutedNodes.clear();
    await pass(() => canaries() > before + 1, CANARY_DEADLINE_MS + 1_000);
    await rig.clock.advance(3 * CANARY_INTERVAL_MS);
    assert.deepEqual([events("network.node-deaf"), rig.transport.nodeRenewals], [[], []]);
  });

  it("when none pushes, it is deafness and no single node's fault", async () => {
    await start(["a", "b"]);
    rig.transport.muted = true;
    await pass(() => rig.engine.status().canary.state === "deaf", 2 * CANARY_INTERVAL_MS);
    await rig.clock.advance(3 * CANARY_INTERVAL_MS);
    assert.deepEqual([events("network.node-deaf"), rig.transport.nodeRenewals], [[], []]);
  });
});
