/** Store conformance: consumers of the event log, and the end of its past. */
import assert from "node:assert/strict";
import type { EventBounds, Store } from "../../../src/engine/ports.ts";
import type { StoreCases } from "./store-rows.ts";

/** Events 1 to `count`, a second apart. */
function append(store: Store, count: number): void {
  for (let n = 1; n <= count; n += 1) store.appendEvent({ type: "node.tick", data: { n } }, n * 1_000);
}

const seqs = (store: Store) => store.events({ after: 0, limit: 1_000 }).map(({ seq }) => seq);
const nothing: EventBounds = { beforeMs: 0, keep: 1_000, unacknowledgedBeforeMs: 0 };

/** By title. */
export const eventLogCases: StoreCases = {
  "a consumer is made once and remembered": async (store, reopen) => {
    assert.deepEqual(store.consumers(), []);
    store.addConsumer({ name: "bot", ackedSeq: 0, createdAtMs: 10 });
    store.addConsumer({ name: "archive", ackedSeq: 7, createdAtMs: 20 });
    store.addConsumer({ name: "bot", ackedSeq: 5, createdAtMs: 30 });
    const again = await reopen();
    assert.deepEqual(again.consumers(), [
      { name: "archive", ackedSeq: 7, createdAtMs: 20, ackedAtMs: 20 },
      { name: "bot", ackedSeq: 0, createdAtMs: 10, ackedAtMs: 10 },
    ]);
    assert.equal(again.consumer("nobody"), undefined);
  },

  "an acknowledgement is durable, and never goes back": async (store, reopen) => {
    store.addConsumer({ name: "bot", ackedSeq: 0, createdAtMs: 10 });
    store.addConsumer({ name: "other", ackedSeq: 1, createdAtMs: 10 });
    store.acknowledge("bot", 5, 100);
    store.acknowledge("bot", 3, 200);
    store.acknowledge("bot", 5, 300);
    store.acknowledge("nobody", 9, 400);
    const again = await reopen();
    assert.deepEqual(again.consumer("bot"), { name: "bot", ackedSeq: 5, createdAtMs: 10, ackedAtMs: 100 });
    assert.equal(again.consumer("other")?.ackedSeq, 1);
    assert.equal(again.consumers().length, 2);
  },

  "a dropped consumer is gone": async (store, reopen) => {
    store.addConsumer({ name: "bot", ackedSeq: 4, createdAtMs: 10 });
    store.dropConsumer("bot");
    store.dropConsumer("bot");
    const again = await reopen();
    assert.equal(again.consumer("bot"), undefined);
    again.addConsumer({ name: "bot", ackedSeq: 0, createdAtMs: 20 });
    assert.equal(again.consumer("bot")?.ackedSeq, 0);
  },

  "old events go in order, and the newest stays": async (store, reopen) => {
    assert.equal(store.pruneEvents({ ...nothing, beforeMs: 10_000 }, 10), 0);
    assert.deepEqual([store.firstSeq(), store.lastSeq()], [1, 0]);
    append(store, 5);
    assert.equal(store.pruneEvents(nothing, 10), 0);
    assert.equal(store.pruneEvents({ ...nothing, beforeMs: 3_000 }, 10), 2);
    assert.deepEqual(seqs(store), [3, 4, 5]);
    assert.equal(store.pruneEvents({ ...nothing, beforeMs: 99_000 }, 10), 2);
    const again = await reopen();
    assert.deepEqual(seqs(again), [5]);
    assert.deepEqual([again.firstSeq(), again.lastSeq()], [5, 5]);
    assert.equal(again.appendEvent({ type: "node.tick" }, 1).seq, 6);
  },

  "events beyond a number go, so many at once": (store) => {
    append(store, 10);
    const bounds = { ...nothing, keep: 4 };
    assert.equal(store.pruneEvents(bounds, 4), 4);
    assert.equal(store.firstSeq(), 5);
    assert.equal(store.pruneEvents(bounds, 4), 2);
    assert.deepEqual(seqs(store), [7, 8, 9, 10]);
    assert.equal(store.pruneEvents({ ...nothing, keep: 0 }, 10), 3);
    assert.deepEqual(seqs(store), [10]);
  },

  "what a consumer has not acknowledged waits for the last bound": (store) => {
    append(store, 10);
    store.addConsumer({ name: "quick", ackedSeq: 8, createdAtMs: 0 });
    store.addConsumer({ name: "slow", ackedSeq: 2, createdAtMs: 0 });
    const bounds = { beforeMs: 99_000, keep: 1, unacknowledgedBeforeMs: 0 };
    assert.equal(store.pruneEvents(bounds, 100), 2);
    assert.equal(store.pruneEvents({ ...bounds, unacknowledgedBeforeMs: 5_000 }, 100), 2);
    assert.equal(store.firstSeq(), 5);
    store.dropConsumer("slow");
    assert.equal(store.pruneEvents(bounds, 100), 4);
    assert.deepEqual(seqs(store), [9, 10]);
  },

  "events are chosen by type and up to a number": (store) => {
    for (const type of ["node.a", "node.b", "node.a", "node.c"]) store.appendEvent({ type }, 1);
    const chosen = (query: object) => store.events({ after: 0, limit: 9, ...query }).map(({ seq }) => seq);
    assert.deepEqual(chosen({ types: ["node.a"] }), [1, 3]);
    assert.deepEqual(chosen({ types: ["node.c", "node.b"], limit: 1 }), [2]);
    assert.deepEqual(chosen({ types: [] }), []);
    assert.deepEqual(chosen({ types: ["node.a"], conversations: [0] }), []);
    assert.deepEqual(chosen({ types: ["node.a"], through: 2 }), [1]);
    assert.deepEqual(chosen({ through: 3, after: 1 }), [2, 3]);
  },

  "after a clock was set back, older events wait for the younger before them": (store) => {
    for (const atMs of [1_000, 9_000, 2_000, 9_500]) store.appendEvent({ type: "node.tick" }, atMs);
    assert.equal(store.pruneEvents({ ...nothing, beforeMs: 5_000 }, 10), 1);
    assert.deepEqual(seqs(store), [2, 3, 4]);
  },
};
