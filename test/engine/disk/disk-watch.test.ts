/**
 * Goal: while the disk takes no writes nothing is taken and nothing leaves, afterwards everything is there once, without a
 * restart. The fault is a real one: another connection holds the database, and every write of ours is refused as busy.
 */
import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { DISK_RETRY_MAX_MS, DISK_RETRY_MIN_MS } from "../../../src/engine/limits.ts";
import { Database } from "../../../src/sqlite/database.ts";
import { storeFile } from "../../../src/sqlite/open.ts";
import { probeTopic } from "../probe/probe-type.ts";
import { createRig, type Rig } from "../probe/rig.ts";

let rig: Rig;
let other: Database | undefined;
afterEach(async () => {
  other?.close();
  other = undefined;
  await rig.dispose();
});

function hold(): void {
  other = new Database(storeFile(rig.stateDir));
  other.exec("BEGIN IMMEDIATE");
}

function letGo(): void {
  other?.exec("ROLLBACK");
}

const events = (event: string) => rig.lines.filter(({ fields }) => fields.event === event);
const said = () => rig.lines.filter(({ level }) => level === "error").map(({ fields }) => fields.event);

describe("a disk that takes no writes", () => {
  it("holds everything, says so once, and goes on by itself", async () => {
    rig = await createRig();
    await rig.push("p0", 0, { op: "say", text: "before" });
    await rig.clock.advance(60_000);
    const cursor = rig.store.cursor(probeTopic("all"));
    assert.ok(cursor !== undefined);
    hold();
    await rig.push("p0", 1, { op: "say", text: "one" });
    assert.equal(rig.engine.status().state, "degraded");
    assert.match(rig.engine.status().reasons[0] ?? "", /cannot be written \(store\/busy/);
    await rig.push("p0", 2, { op: "say", text: "two" });
    await rig.clock.advance(3 * DISK_RETRY_MAX_MS);
    assert.equal(rig.engine.counters.get("envelope.dropped.disk"), 1, "the second was not even tried");
    assert.equal(rig.store.cursor(probeTopic("all")), cursor);
    await assert.rejects(Promise.all([rig.engine.send({ conversation: "c0", text: "not now" }), rig.clock.settle()]), {
      code: "store/busy",
    });
    assert.deepEqual(said(), ["store.failing"]);

    letGo();
    await rig.clock.advance(DISK_RETRY_MAX_MS + 100);
    assert.deepEqual(rig.texts("message.received"), ["before", "one", "two"]);
    assert.equal(rig.texts("store.recovered").length, 1);
    assert.equal(rig.engine.status().state, "ready");
    assert.equal(events("store.recovered").length, 1);
    await rig.clock.advance(60_000);
    assert.ok((rig.store.cursor(probeTopic("all")) ?? 0) > cursor, "listening is covered again");
  });

  it("keeps timers and envelopes until then", async () => {
    rig = await createRig();
    const atMs = rig.clock.now() + 5_000;
    await rig.push("p0", 1, { op: "schedule", name: "tick", atMs });
    hold();
    rig.engine.health();
    await rig.push("p0", 2, { op: "say", text: "noticed" });
    await rig.clock.advance(20_000);
    assert.equal(rig.store.timersDue(rig.clock.now(), 9, "any").length, 1);
    letGo();
    await rig.clock.advance(DISK_RETRY_MAX_MS + 100);
    assert.equal(rig.store.timersDue(rig.clock.now(), 9, "any").length, 0);
    assert.deepEqual(said(), ["store.failing"]);
  });

  it("that fails again and again is said once a minute, and asked again within seconds", async () => {
    rig = await createRig();
    for (let count = 1; count <= 4; count += 1) {
      hold();
      await rig.push("p0", count, { op: "say", text: `${count}` });
      assert.equal(rig.engine.status().state, "degraded");
      letGo();
      other?.close();
      await rig.clock.advance(DISK_RETRY_MAX_MS + 100);
      assert.equal(rig.engine.status().state, "ready");
    }
    assert.deepEqual(said(), ["store.failing"]);
    assert.deepEqual(rig.texts("message.received"), ["1", "2", "3", "4"]);
    await rig.clock.advance(60_000);
    hold();
    await rig.push("p0", 5, { op: "say", text: "9" });
    letGo();
    await rig.clock.advance(DISK_RETRY_MIN_MS + 100);
    assert.deepEqual(rig.texts("message.received").at(-1), "9");
    assert.deepEqual(said(), ["store.failing", "store.failing"]);
  });
});
