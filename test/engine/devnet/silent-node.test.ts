/**
 * Goal: with the real transport, one of two service nodes that pushes nothing is found out although everything arrives by
 * the other one, and is well again by a new connection. Method: two linked devnets in this process, real time, short
 * canaries; times are printed.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { removeDir, scratchDir, startNode, until } from "../../support/engine/test-node.ts";
import { startServiceNode, transportTo } from "../../waku/fixture.ts";
import { startNode as startDevnetNode } from "../../waku/laboratory/laboratory.ts";

test("one of two linked nodes mutes us: found, renewed, told, and well again", async (t) => {
  const one = await startServiceNode();
  const two = await startDevnetNode(t, { peers: [one.multiaddr] });
  const directory = scratchDir("silent-node");
  const transport = transportTo([one.multiaddr, two.multiaddr]);
  const node = await startNode(transport, directory, undefined, { intervalMs: 1_000, deadlineMs: 500 });
  try {
    await until(() => two.population.relayPeers === 1, "the two nodes are one network");
    await until(() => node.engine.status().state === "ready", "ready");
    const silent = () => node.engine.status().canary.silentNodes;
    const types = () => node.store.events({ after: 0, limit: 100 }).map(({ type }) => type);
    await until(() => one.devnet.counters.filterPushes > 2 && two.counters.filterPushes > 2, "canaries of both");
    assert.deepEqual([silent(), types()], [[], []]);

    // Every push of it waits for an hour, also those on a new subscription: only a new connection is a new line.
    const muted = performance.now();
    two.faults.set("delay", "1h", { next: 1 });
    await until(() => silent().length > 0, "found out");
    const found = performance.now();
    assert.deepEqual(silent(), [two.peerId]);
    await until(() => silent().length === 0, "cured");
    const cured = performance.now();
    assert.deepEqual(types(), ["network.node-deaf", "network.node-recovered"]);
    await until(() => node.engine.status().state === "ready", "ready again");
    assert.equal(node.engine.status().network.peers, 2);
    assert.deepEqual(
      node.problems.filter(({ level }) => level === "error"),
      [],
    );
    const ms = (from: number, to: number): number => Math.round(to - from);
    t.diagnostic(`found after ${ms(muted, found)} ms, cured by a new connection ${ms(found, cured)} ms later`);
  } finally {
    await node.stop();
    await one.close();
    removeDir(directory);
  }
});
