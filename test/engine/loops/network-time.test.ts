/**
 * Goal: a clock that differs from that of the service nodes is found out and made up for, in both directions, and a Store
 * that loses messages does not look like one. Method: the in-process network, whose archive keeps nothing that is more
 * than 20 s off its own time, and a clock that steps; times are printed.
 */
import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import {
  CANARY_DEADLINE_MS,
  CANARY_INTERVAL_MS,
  CLOCK_RETEST_CANARIES,
  CLOCK_SEARCH_PAUSE_MS,
  HISTORY_OVERLAP_MS,
} from "../../../src/engine/limits.ts";
import { probeTopic } from "../probe/probe-type.ts";
import { createRig, type Rig } from "../probe/rig.ts";

let rig: Rig;
afterEach(() => rig.dispose());

const topic = probeTopic("all");
const start = async (aheadMs: number): Promise<void> => {
  rig = await createRig(["p0"], { intervalMs: CANARY_INTERVAL_MS, deadlineMs: CANARY_DEADLINE_MS });
  rig.network.faults.archiveAheadMs = aheadMs;
  rig = await rig.restart();
};
const check = () => rig.engine.health().find(({ name }) => name === "clock");
const secondsOff = () => Number(check()?.data["secondsOff"]);
const events = (type: string) => rig.store.events({ after: 0, limit: 1_000 }).filter((event) => event.type === type);
const canaries = () => rig.network.archive.filter((message) => message.topic !== topic).length;

async function pass(holds: () => boolean, limitMs: number): Promise<number> {
  const began = rig.clock.now();
  while (!holds()) {
    assert.ok(rig.clock.now() - began <= limitMs, `not within ${limitMs} ms`);
    await rig.clock.advance(500);
  }
  return rig.clock.now() - began;
}

describe("network time", () => {
  for (const aheadMs of [30_000, -30_000, 25_000, 290_000, -290_000]) {
    it(`a network that is ${aheadMs / 1000} s ahead: found out, said once, and what is published is kept`, async (t) => {
      await start(aheadMs);
      const ms = await pass(() => secondsOff() !== 0, 4 * CANARY_INTERVAL_MS + 10 * CANARY_DEADLINE_MS);
      t.diagnostic(`${aheadMs} ms off: found after ${ms} ms as ${secondsOff()} s`);
      assert.ok(Math.abs(secondsOff() * 1000 - aheadMs) <= 20_000);
      assert.match(
        check()?.text ?? "",
        /^clock\.skewed: our clock is some \d+ s (behind|ahead of) that of the service nodes/,
      );
      assert.equal(rig.engine.status().state, "ready", "it works all the same");
      assert.deepEqual(
        events("clock.skewed").map(({ data }) => data["seconds"]),
        [secondsOff()],
      );
      const before = canaries();
      await rig.clock.advance(3 * CANARY_INTERVAL_MS);
      assert.ok(canaries() - before >= 3, "canaries are kept");
    });
  }

  it("cursors never pass the network's time, also before it is known that ours is ahead of it", async () => {
    const offMs = 4 * HISTORY_OVERLAP_MS;
    await start(-offMs);
    for (let passed = 0; passed < 10 * CANARY_INTERVAL_MS; passed += 5_000) {
      await rig.clock.advance(5_000);
      assert.ok((rig.store.cursor(topic) ?? 0) <= rig.clock.now() - offMs + HISTORY_OVERLAP_MS, `after ${passed} ms`);
    }
    assert.notEqual(secondsOff(), 0);
    assert.ok((rig.store.cursor(topic) ?? 0) > rig.clock.now() - offMs - 3 * CANARY_INTERVAL_MS, "and they go on");
  });

  it("a clock that is set right is believed again", async (t) => {
    await start(30_000);
    await pass(() => secondsOff() !== 0, 4 * CANARY_INTERVAL_MS);
    rig.network.faults.archiveAheadMs = 0;
    const ms = await pass(() => secondsOff() === 0, (CLOCK_RETEST_CANARIES + 2) * CANARY_INTERVAL_MS);
    t.diagnostic(`set right: noticed after ${ms} ms`);
    assert.equal(events("clock.agrees").length, 1);
  });

  it("a Store that keeps nothing is no clock, and costs one search in half an hour", async () => {
    await start(0);
    rig.network.faults.loseArchive = 1;
    await rig.clock.advance(CLOCK_SEARCH_PAUSE_MS);
    assert.deepEqual([secondsOff(), check()?.text], [0, "no Store node keeps what we publish"]);
    rig.network.faults.loseArchive = 0;
    const before = canaries();
    await pass(() => check()?.data["kept"] === true, 2 * CANARY_INTERVAL_MS);
    assert.ok(canaries() > before);
    assert.deepEqual([events("clock.skewed"), events("clock.agrees")], [[], []]);
  });

  it("a Store that loses every tenth message is none either", async () => {
    await start(0);
    rig.network.faults.loseArchive = 0.1;
    await rig.clock.advance(8 * 3_600_000);
    assert.deepEqual(events("clock.skewed"), []);
  });

  it("silent Store nodes say nothing about time", async () => {
    await start(30_000);
    rig.transport.storeIsSilent = true;
    await rig.clock.advance(5 * CANARY_INTERVAL_MS);
    assert.deepEqual([secondsOff(), check()?.data["kept"]], [0, null]);
  });

  it("a push of a sender with the right time is tried first", async (t) => {
    const hourMs = 3_600_000;
    await start(hourMs);
    void rig.stranger.publish({ topic, payload: new Uint8Array(200), shiftMs: hourMs }, new AbortController().signal);
    const ms = await pass(() => secondsOff() !== 0, 3 * CANARY_INTERVAL_MS);
    assert.equal(secondsOff(), 3_600);
    t.diagnostic(`an hour off: found after ${ms} ms`);
  });
});
