/**
 * Goal: whatever was not heard live is read from a Store, and a crash at any moment asks again for what was not durable.
 * Method: a network whose archive keeps everything, pushes that get lost, and a look at what history is asked for.
 */
import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { CURSOR_SAVE_IDLE_MS, HISTORY_OVERLAP_MS, HISTORY_RETRY_MAX_MS } from "../../../src/engine/limits.ts";
import { probeTopic, type Script } from "../probe/probe-type.ts";
import { createRig, publish, type Rig } from "../probe/rig.ts";
import { rounds } from "../probe/stepping-clock.ts";

let rig: Rig;
afterEach(() => rig.dispose());

const topic = probeTopic("all");
const say = (text: string): Script => ({ op: "say", text });
const received = () => rig.texts("message.received");
const cursor = () => rig.store.cursor(topic) ?? 0;
const fills = () => rig.lines.filter(({ fields }) => fields.event === "sync.gap-filled").map(({ fields }) => fields);
const synced = () => rig.engine.status().synced;

describe("history", () => {
  it("brings what was published before we ever listened, back to the conversation's beginning", async () => {
    rig = await createRig();
    rig.transport.setOnline(false);
    for (let n = 0; n < 3; n += 1) {
      await publish(rig.stranger, "p0", n, say(String(n)));
      await rig.clock.advance(1);
    }
    await rig.clock.advance(3_600_000);
    assert.ok(!synced());
    rig.transport.setOnline(true);
    await rig.clock.advance(10);
    assert.deepEqual(received(), ["0", "1", "2"]);
    assert.ok(synced());
  });

  it("fills the gap of every outage, and reports finding it and what it had missed", async () => {
    rig = await createRig();
    await rig.push("p0", 0, say("heard live"));
    const found = () => rig.lines.filter(({ fields }) => fields.event === "sync.gap-found").map(({ fields }) => fields);
    const already = fills().length;
    for (let round = 0; round < 5; round += 1) {
      rig.transport.setOnline(false);
      await rig.clock.advance(300_000);
      await rig.push("p0", round + 1, say(String(round)));
      await rig.clock.advance(300_000);
      rig.transport.setOnline(true);
      await rig.clock.advance(10);
      assert.equal(received().length, round + 2);
      assert.deepEqual(
        found().map(({ reason, topics }) => [reason, topics]),
        Array(round + 1).fill(["unsubscribed", 1]),
      );
      assert.deepEqual(
        fills()
          .slice(already)
          .map(({ missed, messages }) => [missed, Number(messages) >= 1]),
        Array(round + 1).fill([1, true]),
      );
    }
  });

  it("moves the cursor with the clock while we listen, and lets it stand while we are deaf", async () => {
    rig = await createRig();
    await rig.clock.advance(10 * CURSOR_SAVE_IDLE_MS);
    const heard = rig.clock.now();
    assert.ok(cursor() >= heard - CURSOR_SAVE_IDLE_MS);
    rig.transport.setOnline(false);
    await rig.clock.advance(10 * CURSOR_SAVE_IDLE_MS);
    assert.ok(cursor() <= heard);
    rig.transport.setOnline(true);
    await rig.clock.advance(10);
    assert.equal(cursor(), rig.clock.now() - 10);
  });

  it("moves the cursor under envelopes that change nothing, too", async () => {
    rig = await createRig();
    for (let n = 0; n < 10 * CURSOR_SAVE_IDLE_MS; n += 5_000) {
      await rig.push("p0", 0, { op: "refuse" });
      await rig.clock.advance(5_000);
    }
    assert.ok(cursor() >= rig.clock.now() - CURSOR_SAVE_IDLE_MS);
  });

  it("reads from the cursor minus the overlap after a restart", async () => {
    rig = await createRig();
    await rig.clock.advance(100_000);
    const before = rig.clock.now();
    rig = await rig.restart();
    assert.equal(cursor(), before);
    assert.equal(fills()[0]?.["from_s_ago"], HISTORY_OVERLAP_MS / 1_000);
  });

  it("never lets the cursor pass what history brought after the end had begun", async () => {
    rig = await createRig();
    rig.transport.setOnline(false);
    const script = (n: number): Script => (n === 0 ? { op: "slow", rounds: 400, text: "0" } : say(String(n)));
    for (let n = 0; n < 40; n += 1) {
      await publish(rig.stranger, "p0", n, script(n));
      await rig.clock.advance(1);
    }
    await rig.clock.advance(2 * HISTORY_OVERLAP_MS);
    rig.network.faults.answerMs = [100, 100];
    rig.transport.setOnline(true);
    await rig.clock.advance(150);
    const { clock } = rig;
    const restarting = rig.restart();
    // The turn of the first page is not over, and the second page comes and the end.
    await clock.advance(200);
    await rounds(500);
    rig = await restarting;
    await rig.clock.advance(1_000);
    await rounds(500);
    assert.equal(received().length, 40);
  });

  it("never lets the cursor pass an envelope whose turn has not ended", async () => {
    rig = await createRig(["p0", "p1"]);
    await rig.clock.advance(2_000);
    const arrived = rig.clock.now();
    await publish(rig.stranger, "p0", 0, { op: "slow", rounds: 400, text: "slow" });
    await rig.clock.advance(10_000);
    await rig.push("p1", 0, say("fast"));
    assert.deepEqual(received(), ["fast"]);
    assert.ok(cursor() <= arrived, `the cursor is ${cursor() - arrived} ms past an envelope in flight`);
  });

  it("never lets the cursor pass an envelope of the past whose turn has not ended", async () => {
    rig = await createRig();
    await rig.clock.advance(60_000);
    rig.transport.setOnline(false);
    const sent = rig.clock.now();
    await publish(rig.stranger, "p0", 0, { op: "slow", rounds: 500, text: "slow" });
    await rig.clock.advance(8 * 3_600_000);
    rig.transport.setOnline(true);
    await rig.clock.advance(5);
    assert.equal(fills().at(-1)?.["messages"], 1);
    assert.deepEqual(received(), []);
    assert.ok(cursor() <= sent, `a crash now would lose it: the cursor is ${cursor() - sent} ms past it`);
  });

  it("asks again, less and less often, until an answer is complete", async () => {
    rig = await createRig();
    rig.transport.setOnline(false);
    for (let n = 0; n < 4; n += 1) {
      await publish(rig.stranger, "p0", n, say(String(n)));
      await rig.clock.advance(1);
    }
    rig.network.faults.delayMs = [100, 100];
    rig.transport.setOnline(true);
    // Away in the middle of each answer: subscribed at 100 ms, and the page would come at 200 ms.
    for (let round = 0; round < 3; round += 1) {
      await rig.clock.advance(150);
      rig.transport.setOnline(false);
      await rig.clock.advance(100);
      assert.ok(!synced());
      rig.transport.setOnline(true);
    }
    assert.deepEqual(received(), []);
    assert.equal(rig.lines.filter(({ fields }) => fields.event === "sync.failed").length, 3);
    await rig.clock.advance(HISTORY_RETRY_MAX_MS);
    assert.deepEqual(received(), ["0", "1", "2", "3"]);
    assert.ok(synced());
  });

  it("does not take a gap for filled that opened while an older one was being filled", async () => {
    rig = await createRig();
    rig.transport.setOnline(false);
    await rig.clock.advance(1_000);
    rig.network.faults.delayMs = [1_000, 1_000];
    rig.transport.setOnline(true);
    await rig.clock.advance(1_000);
    // The query is under way for a second. Deaf, missing one envelope, and listening again before its answer comes.
    rig.transport.setOnline(false);
    rig.network.faults.delayMs = [10, 10];
    rig.network.faults.losePush = 1;
    await publish(rig.stranger, "p0", 0, say("in the second gap"));
    rig.transport.setOnline(true);
    await rig.clock.advance(10);
    assert.ok(!synced());
    await rig.clock.advance(60_000);
    assert.deepEqual(received(), ["in the second gap"]);
    assert.ok(synced());
  });

  it("is read by pages of any number without pushing out live envelopes", async () => {
    rig = await createRig();
    rig.transport.setOnline(false);
    for (let n = 0; n < 200; n += 1) {
      await publish(rig.stranger, "p0", n, say(String(n)));
      await rig.clock.advance(1);
    }
    rig.transport.setOnline(true);
    await rig.clock.advance(100);
    await rounds(1_000);
    assert.deepEqual(
      received(),
      Array.from({ length: 200 }, (_, n) => String(n)),
    );
  });

  it("ends with the engine, in the middle of an answer", async () => {
    rig = await createRig();
    rig.transport.setOnline(false);
    rig.network.faults.delayMs = [100, 100];
    rig.transport.setOnline(true);
    await rig.clock.advance(150);
    const stopped = rig.engine.stop(100);
    await rig.clock.advance(200);
    await stopped;
    assert.deepEqual(
      rig.lines.filter(({ level }) => level === "error"),
      [],
    );
  });
});
