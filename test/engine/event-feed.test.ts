import assert from "node:assert/strict";
import { once } from "node:events";
import { afterEach, beforeEach, describe, it } from "node:test";
import fc from "fast-check";
import { systemClock } from "../../src/daemon/clock.ts";
import { EventFeed } from "../../src/engine/event-feed.ts";
import type { EventRow, Store } from "../../src/engine/ports.ts";
import { temporaryStore } from "../sqlite/temporary-store.ts";
import { diskFull, faultyStore } from "./probe/faulty-store.ts";
import { rounds, SteppingClock } from "./probe/stepping-clock.ts";

let files: Awaited<ReturnType<typeof temporaryStore>>;
let store: Store;

beforeEach(async () => {
  files = await temporaryStore();
  store = files.store;
});
afterEach(() => files.dispose());

const append = (count: number): EventRow[] =>
  Array.from({ length: count }, (_, n) => store.appendEvent({ type: `event.${n}` }, 0));

describe("event feed", () => {
  it("gives every follower every event once, in seq order, whatever order commits wake up in", async () => {
    append(3);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(4), { minLength: 1, maxLength: 20 }),
        fc.infiniteStream(fc.nat()),
        async (sizes, order) => {
          const feed = new EventFeed(store, systemClock);
          const from = store.lastSeq();
          const heard: number[] = [];
          feed.follow((events) => heard.push(...events.map(({ seq }) => seq)));
          const commits = sizes.map((size) => append(size));
          const shuffled = commits
            .map((rows) => ({ rows, key: order.next().value ?? 0 }))
            .sort((a, b) => a.key - b.key);
          for (const { rows } of shuffled) feed.publish(rows);
          assert.deepEqual(
            heard,
            Array.from({ length: store.lastSeq() - from }, (_, n) => from + 1 + n),
          );
        },
      ),
      { numRuns: 30 },
    );
  });

  it("waits for a late commit that is announced in the same round", async () => {
    const feed = new EventFeed(store, systemClock);
    const heard: number[] = [];
    feed.follow((events) => heard.push(...events.map(({ seq }) => seq)));
    const [first, second] = append(2) as [EventRow, EventRow];
    feed.publish([second]);
    assert.deepEqual(heard, []);
    feed.publish([first]);
    assert.deepEqual(heard, [1, 2]);
    await rounds(2);
    assert.deepEqual(heard, [1, 2]);
  });

  it("reads from the store what a commit with an unknown outcome never announced", async () => {
    const feed = new EventFeed(store, systemClock);
    const heard: number[] = [];
    feed.follow((events) => heard.push(...events.map(({ seq }) => seq)));
    const rows = append(2_500);
    feed.publish(rows.slice(2_400));
    await rounds(6);
    assert.deepEqual(
      heard,
      rows.map(({ seq }) => seq),
    );
    feed.publish(rows.slice(0, 10));
    assert.equal(heard.length, 2_500);
  });

  it("goes on over events that retention took before they were announced", async () => {
    const feed = new EventFeed(store, systemClock);
    const heard: number[] = [];
    feed.follow((events) => heard.push(...events.map(({ seq }) => seq)));
    const rows = append(5);
    store.pruneEvents({ beforeMs: 0, keep: 2, unacknowledgedBeforeMs: 0 }, 10);
    feed.publish(rows.slice(4));
    await rounds(3);
    assert.deepEqual(heard, [4, 5]);
    feed.publish(append(1));
    assert.deepEqual(heard, [4, 5, 6]);
  });

  it("asks an unreadable store again by the clock, with nothing further announced", async () => {
    const faults = faultyStore(store);
    const clock = new SteppingClock();
    const feed = new EventFeed(faults.store, clock);
    const heard: number[] = [];
    feed.follow((events) => heard.push(...events.map(({ seq }) => seq)));
    let failures = 0;
    faults.before = () => {
      failures += 1;
      throw diskFull();
    };
    const rows = append(3);
    feed.publish(rows.slice(2));
    await clock.advance(2_500);
    assert.ok(failures >= 2);
    assert.deepEqual(heard, []);
    faults.before = () => {};
    await clock.advance(1_000);
    assert.deepEqual(heard, [1, 2, 3]);
    assert.equal(clock.timers, 0);
  });

  it("asks no more when it was stopped", async () => {
    const faults = faultyStore(store);
    const clock = new SteppingClock();
    const feed = new EventFeed(faults.store, clock);
    faults.before = () => {
      throw diskFull();
    };
    feed.publish(append(2).slice(1));
    await rounds(3);
    feed.stop();
    assert.equal(clock.timers, 0);
  });

  it("stops telling a follower that has left", () => {
    const feed = new EventFeed(store, systemClock);
    const heard: number[] = [];
    const leave = feed.follow((events) => heard.push(...events.map(({ seq }) => seq)));
    feed.publish(append(1));
    leave();
    feed.publish(append(1));
    assert.deepEqual(heard, [1]);
  });

  it("keeps a follower's fault away from the turn and from other followers, and does not swallow it", async () => {
    const feed = new EventFeed(store, systemClock);
    const heard: number[] = [];
    feed.follow(() => {
      throw new Error("a follower's bug");
    });
    feed.follow((events) => heard.push(...events.map(({ seq }) => seq)));
    const listeners = process.listeners("uncaughtException");
    process.removeAllListeners("uncaughtException");
    try {
      const uncaught = once(process, "uncaughtException");
      feed.publish(append(1));
      assert.deepEqual(heard, [1]);
      assert.match(String((await uncaught)[0]), /a follower's bug/);
    } finally {
      for (const listener of listeners) process.on("uncaughtException", listener);
    }
  });
});
