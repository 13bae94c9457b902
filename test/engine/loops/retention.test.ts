// Goal: the past ends where the bounds say, a few events at a time, and a failing disk only delays it. Method: the real
// loop and store with a clock that the test moves.
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { type Retention, RetentionLoop } from "../../../src/engine/loops/retention.ts";
import type { Store } from "../../../src/engine/ports.ts";
import { temporaryStore } from "../../sqlite/temporary-store.ts";
import { diskFull, type FaultyStore, faultyStore } from "../probe/faulty-store.ts";
import { type LogLine, recorder } from "../probe/rig.ts";
import { SteppingClock } from "../probe/stepping-clock.ts";

const hour = 3_600_000;
const day = 24 * hour;
let files: Awaited<ReturnType<typeof temporaryStore>>;
let store: Store;
let faults: FaultyStore;
let clock: SteppingClock;
let lines: LogLine[];

beforeEach(async () => {
  files = await temporaryStore();
  store = files.store;
  faults = faultyStore(store);
  clock = new SteppingClock();
  lines = [];
});
afterEach(() => files.dispose());

async function run(retention: Retention, ms: number): Promise<void> {
  const loop = new RetentionLoop({ store: faults.store, clock, log: recorder(lines), retention });
  loop.wake();
  await clock.advance(ms);
  loop.stop();
}

/** One a day; the hour keeps them clear of the bounds while the clock moves on. */
function appendDays(count: number): void {
  const newestMs = clock.now() + hour;
  for (let ago = count - 1; ago >= 0; ago -= 1) store.appendEvent({ type: "node.tick" }, newestMs - ago * day);
}

describe("retention", () => {
  it("by default keeps ninety days of what is acknowledged, a year of what is not", async () => {
    appendDays(400);
    await run({}, 1_000);
    assert.equal(store.firstSeq(), 400 - 90);
    store.addConsumer({ name: "gone", ackedSeq: 0, createdAtMs: 0 });
    await run({ eventsMs: day }, 1_000);
    assert.equal(store.firstSeq(), 400 - 90);
    await run({ eventsMs: day, unacknowledgedMs: 30 * day }, 1_000);
    assert.equal(store.firstSeq(), 400 - 30);
  });

  it("never lets the last bound be stricter than the first", async () => {
    appendDays(30);
    store.addConsumer({ name: "slow", ackedSeq: 0, createdAtMs: 0 });
    await run({ eventsMs: 20 * day, unacknowledgedMs: day }, 1_000);
    assert.equal(store.firstSeq(), 30 - 20);
  });

  it("deletes in batches, and says how many in the end", async () => {
    const batches: unknown[] = [];
    faults.before = ({ method, args }) => {
      if (method === "pruneEvents") batches.push(args[1]);
    };
    for (let n = 0; n < 1_300; n += 1) store.appendEvent({ type: "node.tick" }, clock.now());
    await run({ eventsMax: 100 }, 1_000);
    assert.equal(store.firstSeq(), 1_201);
    assert.deepEqual(batches, [500, 500, 500]);
    const told = lines.filter(({ fields }) => fields.event === "retention.deleted");
    assert.deepEqual(
      told.map(({ fields }) => fields["events"]),
      [1_200],
    );
  });

  it("looks again by the clock, after a fault too", async () => {
    appendDays(3);
    faults.before = () => {
      faults.before = () => {};
      throw diskFull();
    };
    await run({ eventsMs: day }, 2_000);
    assert.equal(store.firstSeq(), 2);
    assert.deepEqual(
      lines.map(({ level, fields }) => `${level} ${fields.event}`),
      ["warn retention.failed", "debug retention.deleted"],
    );
    const loop = new RetentionLoop({ store, clock, log: recorder(lines), retention: { eventsMs: day / 2 } });
    loop.wake();
    await clock.advance(day / 2);
    store.appendEvent({ type: "node.tick" }, clock.now());
    await clock.advance(2 * hour);
    loop.stop();
    assert.equal(store.firstSeq(), 4);
    assert.equal(clock.timers, 0);
  });
});
