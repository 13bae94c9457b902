/**
 * Goal: with the real transport, a service node that takes subscriptions, answers pings and pushes nothing is found out
 * and survived. Method: a devnet in this process that drops every push, real time, short canaries; times are printed.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { removeDir, scratchDir, startNode, until } from "../../support/engine/test-node.ts";
import { startServiceNode, transportTo } from "../../waku/fixture.ts";

const times = { intervalMs: 1_000, deadlineMs: 500 };

test("a muted service node: degraded, and ready again by itself; what it kept back is read from Store", async (t) => {
  const service = await startServiceNode();
  const directory = scratchDir("canary");
  const listener = await startNode(transportTo([service.multiaddr]), `${directory}/listener`, undefined, times);
  const sender = await startNode(transportTo([service.multiaddr]), `${directory}/sender`, undefined, times);
  try {
    const state = () => listener.engine.status().state;
    await until(() => state() === "ready" && sender.engine.status().state === "ready", "both ready");
    const { link } = await listener.engine.createInvite({ uses: 1, expiresAtMs: Date.now() + 600_000 });

    service.devnet.faults.set("drop", "1");
    const muted = performance.now();
    await sender.engine.acceptInvite({ link, text: "said to the deaf" });
    await until(() => state() === "degraded", "degraded");
    const detected = performance.now();
    assert.equal(listener.engine.status().canary.state, "deaf");
    assert.equal(listener.engine.status().network.peers, 1, "from every other side it looks well");
    const texts = () =>
      listener.store.events({ after: 0, limit: 100 }).filter(({ type }) => type === "message.received");
    await until(() => texts().length === 1, "the message, by way of Store");
    const received = performance.now();

    service.devnet.faults.set("drop", "off");
    const healed = performance.now();
    await until(() => state() === "ready", "ready again");
    const types = listener.store.events({ after: 0, limit: 100 }).map(({ type }) => type);
    assert.deepEqual(
      types.filter((type) => type.startsWith("network.")),
      ["network.deaf", "network.recovered"],
    );
    const ms = (from: number, to: number): number => Math.round(to - from);
    t.diagnostic(
      `canary every ${times.intervalMs} ms with ${times.deadlineMs} ms to return: degraded ${ms(muted, detected)} ms after the ` +
        `muting, its message read ${ms(detected, received)} ms later, ready ${ms(healed, performance.now())} ms after the cure`,
    );
  } finally {
    await Promise.all([listener.stop(), sender.stop()]);
    await service.close();
    removeDir(directory);
  }
});

test("an untouched pair stays ready, renews nothing and tells nothing", async () => {
  const service = await startServiceNode();
  const directory = scratchDir("canary");
  const node = await startNode(transportTo([service.multiaddr]), directory, undefined, {
    intervalMs: 50,
    deadlineMs: 5_000,
  });
  try {
    await until(() => service.devnet.counters.archived >= 10, "ten canaries");
    assert.equal(node.engine.status().state, "ready");
    assert.deepEqual(node.engine.counters.all(), {});
    assert.deepEqual(node.store.events({ after: 0, limit: 10 }), []);
    assert.deepEqual(node.problems, []);
  } finally {
    await node.stop();
    await service.close();
    removeDir(directory);
  }
});
