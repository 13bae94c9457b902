import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { LOOK_RETRY_MS, TIMER_BATCH_MAX, TIMER_RETRY_MS } from "../../../src/engine/limits.ts";
import { diskFull } from "../probe/faulty-store.ts";
import type { Script } from "../probe/probe-type.ts";
import { createRig, type Rig } from "../probe/rig.ts";
import { rounds } from "../probe/stepping-clock.ts";

let rig: Rig;
afterEach(() => rig.dispose());

const command = async (script: Script, conversation = "c0"): Promise<void> => {
  const sent = rig.engine.send({ conversation, text: `!${JSON.stringify(script)}` });
  await Promise.all([sent, rig.clock.settle()]);
};
const schedule = (name: string, inMs: number, conversation?: string) =>
  command({ op: "schedule", name, atMs: rig.clock.now() + inMs }, conversation);
const fired = (number = 0) => rig.state(number).log.filter((line) => line.startsWith("timer"));
const rows = () => rig.store.timersDue(Number.MAX_SAFE_INTEGER, 1_000).map(({ name }) => name);

describe("timers", () => {
  it("fire once, at their time, in order; their row goes with the turn", async () => {
    rig = await createRig();
    await schedule("b", 2_000);
    await schedule("a", 1_000);
    await rig.clock.advance(999);
    assert.deepEqual(fired(), []);
    await rig.clock.advance(1);
    assert.deepEqual(fired(), ["timer a"]);
    assert.deepEqual(rows(), ["b"]);
    await rig.clock.advance(60_000);
    assert.deepEqual(fired(), ["timer a", "timer b"]);
    assert.deepEqual(rows(), []);
  });

  it("move when they are set anew", async () => {
    rig = await createRig();
    await schedule("a", 1_000);
    await schedule("a", 5_000);
    await rig.clock.advance(4_999);
    assert.deepEqual(fired(), []);
    await rig.clock.advance(1);
    assert.deepEqual(fired(), ["timer a"]);
  });

  it("that are ignored go too", async () => {
    rig = await createRig();
    await schedule("idle", 10);
    await rig.clock.advance(10);
    assert.deepEqual(rows(), []);
  });

  it("of a closed conversation go without a turn", async () => {
    rig = await createRig();
    await schedule("a", 1_000);
    await command({ op: "close" });
    const revision = rig.store.conversation(0)?.revision;
    await rig.clock.advance(1_000);
    assert.deepEqual(rows(), []);
    assert.equal(rig.store.conversation(0)?.revision, revision);
  });

  it("survive a restart, and late ones fire at once", async () => {
    rig = await createRig();
    await schedule("late", 1_000);
    await schedule("later", 10_000);
    const restarting = rig.engine.stop(100);
    await rig.clock.settle();
    await restarting;
    await rig.clock.advance(5_000);
    assert.deepEqual(fired(), []);
    rig = await rig.restart();
    await rig.clock.settle();
    assert.deepEqual(fired(), ["timer late"]);
    await rig.clock.advance(5_000);
    assert.deepEqual(fired(), ["timer late", "timer later"]);
  });

  it("whose turn fails are repeated, and make no other timer late", async () => {
    rig = await createRig(["p0", "p1"]);
    await schedule("throws", 100);
    await rig.clock.advance(100);
    await schedule("after", 200, "c1");
    await rig.clock.advance(200);
    assert.deepEqual(fired(1), ["timer after"]);
    assert.deepEqual(rows(), ["throws"]);
    const errors = () => rig.lines.filter(({ fields }) => fields.event === "timer.failed").length;
    assert.equal(errors(), 1);
    await rig.clock.advance(TIMER_RETRY_MS);
    assert.equal(errors(), 2);
  });

  it("fire even behind more broken ones than are read at once", async () => {
    rig = await createRig(["p0", "p1"]);
    for (let n = 0; n <= TIMER_BATCH_MAX; n += 1) void schedule(`throws ${n}`, 100);
    await rounds(1_000);
    await schedule("after", 200, "c1");
    await rig.clock.advance(1_000);
    assert.deepEqual(fired(1), ["timer after"]);
  });

  it("are looked for again when the store could not be read, and the turn that set them is not harmed", async () => {
    rig = await createRig();
    rig.faults.before = ({ method }) => {
      if (method === "timersDue") throw diskFull();
    };
    await schedule("a", 10);
    assert.equal(rig.store.conversation(0)?.revision, 2);
    await rig.clock.advance(10);
    rig.faults.before = () => {};
    await rig.clock.advance(LOOK_RETRY_MS);
    assert.deepEqual(fired(), ["timer a"]);
  });

  it("leave nothing running behind after a stop", async () => {
    rig = await createRig();
    await schedule("throws", 10);
    await schedule("far", 1_000_000);
    await rig.clock.advance(10);
    const stopped = rig.engine.stop(100);
    await rig.clock.settle();
    await stopped;
    await rig.clock.advance(TIMER_RETRY_MS * 2);
    assert.equal(rig.lines.filter(({ fields }) => fields.event === "timer.failed").length, 1);
  });
});
