/** Store conformance: what loops and intake take from the store. */
import assert from "node:assert/strict";
import type { Store } from "../../../src/engine/ports.ts";
import type { StoreCases } from "./store-rows.ts";
import {
  bareTurn,
  bytes,
  conflict,
  conversationWrite,
  messageId,
  newMessage,
  outboxRow,
  topic,
  turn,
} from "./store-rows.ts";

const names = (store: Store, nowMs = 1000) =>
  store.outboxDue(nowMs, 100).map((row) => new TextDecoder().decode(row.envelope).slice("envelope ".length));

/** By title. */
export const outboxCases: StoreCases = {
  "only the oldest of a conversation leaves; acknowledgements and repeats pass": (store) => {
    store.commit({
      atMs: 1,
      conversations: [
        conversationWrite(0, {
          outbox: [
            outboxRow("a1"),
            outboxRow("a2"),
            outboxRow("a-ack", { purpose: "acknowledgement" }),
            outboxRow("a-again", { purpose: "repeat" }),
          ],
        }),
        conversationWrite(1, { outbox: [outboxRow("b1"), outboxRow("b2")] }),
      ],
    });
    assert.deepEqual(names(store), ["a-ack", "a-again", "a1", "b1"]);
    assert.equal(store.outboxCount(), 6);
    store.outboxDone(store.outboxDue(1000, 3)[2]!.id, 2000);
    assert.deepEqual(names(store), ["a-ack", "a-again", "a2", "b1"]);
  },

  "a head that waits for its retry holds back its conversation, not others": (store) => {
    store.commit({
      atMs: 1,
      conversations: [
        conversationWrite(0, { outbox: [outboxRow("a1"), outboxRow("a2")] }),
        conversationWrite(1, { outbox: [outboxRow("b1", { dueAtMs: 700 })] }),
      ],
    });
    const head = store.outboxDue(1000, 9).find((row) => row.conversation === 0);
    store.outboxRetry(head!.id, 5000);
    assert.deepEqual(names(store), ["b1"]);
    assert.equal(store.outboxNextDueMs(), 700);
    assert.deepEqual(names(store, 5000), ["a1", "b1"]);
    assert.deepEqual(
      store.outboxDue(5000, 9).map((row) => row.attempts),
      [1, 0],
    );
  },

  "what the caller has already is left out, and nothing comes in its place": (store) => {
    const outbox = ["a", "b", "c"].map((name) => outboxRow(name, { purpose: "repeat" }));
    store.commit(turn({ outbox }));
    const [first] = store.outboxDue(1000, 2);
    const rest = store.outboxDue(1000, 2, new Set([first!.id]));
    assert.deepEqual(
      rest.map(({ id }) => id),
      [first!.id + 1],
    );
  },

  "rows come back as they were written, after a restart too": async (store, reopen) => {
    assert.equal(store.outboxNextDueMs(), undefined);
    const part = { messageId: messageId("a"), purpose: "invite", dueAtMs: 123, queuedAtMs: 45 } as const;
    store.commit(turn({ outbox: [outboxRow("a", part)] }));
    const again = await reopen();
    assert.deepEqual(again.outboxDue(122, 10), []);
    const [row] = again.outboxDue(123, 10);
    assert.deepEqual(row, { id: row!.id, conversation: 0, attempts: 0, ...outboxRow("a", part) });
    assert.equal(again.outboxNextDueMs(), 123);
  },

  "publishing removes the row and announces it once": (store) => {
    const outbox = [outboxRow("a", { messageId: messageId("a") }), outboxRow("a2", { messageId: messageId("a") })];
    store.commit(turn({ newMessages: [newMessage("a")], outbox }));
    const [first] = store.outboxDue(1000, 1);
    const { events } = store.outboxDone(first!.id, 2000);
    assert.deepEqual(
      events.map(({ type, atMs, conversation, message }) => ({ type, atMs, conversation, state: message?.state })),
      [{ type: "message.published", atMs: 2000, conversation: 0, state: "published" }],
    );
    assert.deepEqual(store.outboxDone(first!.id, 2001).events, []);
    assert.deepEqual(store.outboxDone(store.outboxDue(1000, 1)[0]!.id, 2002).events, []);
    assert.equal(store.outboxCount(), 0);
    assert.equal(store.lastSeq(), 1);
  },

  "publishing late does not take back a delivery": (store) => {
    store.commit(turn({ newMessages: [newMessage("a")], outbox: [outboxRow("a", { messageId: messageId("a") })] }));
    store.commit(turn({ expectedRevision: 1, messageStates: [{ messageId: messageId("a"), state: "delivered" }] }));
    assert.deepEqual(store.outboxDone(store.outboxDue(1000, 1)[0]!.id, 2000).events, []);
    assert.equal(store.message(messageId("a"))?.state, "delivered");
  },

  "a turn may remove a row, and an id never comes back": (store) => {
    store.commit(turn({ outbox: [outboxRow("a1"), outboxRow("a2")] }));
    const [first] = store.outboxDue(1000, 1);
    store.commit(turn({ expectedRevision: 1 }, { removeOutbox: first!.id }));
    assert.deepEqual(names(store), ["a2"]);
    const [second] = store.outboxDue(1000, 1);
    store.outboxDone(second!.id, 1);
    store.commit(turn({ expectedRevision: 2, outbox: [outboxRow("a3")] }));
    assert.ok(store.outboxDue(1000, 1)[0]!.id > second!.id);
  },

  "invites are not hidden behind a full queue": (store) => {
    const outbox = Array.from({ length: 20 }, (_, index) => outboxRow(`ack${index}`, { purpose: "acknowledgement" }));
    store.commit(turn({ outbox }));
    store.commit(turn({ number: 1, outbox: [outboxRow("invite", { purpose: "invite" })] }));
    assert.equal(store.outboxDue(1000, 5)[0]?.purpose, "invite");
    assert.equal(store.outboxDue(1000, 5).length, 5);
  },
};

/** By title. */
export const intakeCases: StoreCases = {
  "timers are set, moved, cancelled and given when due": async (store, reopen) => {
    const setTimers = ["ack", "resend", "expire"].map((name, index) => ({ name, atMs: 100 * (index + 1) }));
    store.commit(turn({ setTimers }));
    store.commit(
      turn({ expectedRevision: 1, setTimers: [{ name: "ack", atMs: 250 }], cancelTimers: ["resend", "none"] }),
    );
    const again = await reopen();
    assert.equal(again.timersNextDueMs(), 250);
    assert.deepEqual(again.timersDue(249, 10), []);
    assert.deepEqual(again.timersDue(300, 10), [
      { conversation: 0, name: "ack", atMs: 250 },
      { conversation: 0, name: "expire", atMs: 300 },
    ]);
    assert.equal(again.timersDue(300, 1).length, 1);
  },

  "a fired timer is consumed unless it was set anew, before or in the same turn": (store) => {
    const timer = (atMs: number) => ({ conversation: 0, name: "ack", atMs });
    store.commit(turn({ setTimers: [{ name: "ack", atMs: 200 }] }));
    store.commit(bareTurn({ firedTimer: timer(100) }));
    assert.equal(store.timersNextDueMs(), 200);
    store.commit(turn({ expectedRevision: 1, setTimers: [{ name: "ack", atMs: 200 }] }, { firedTimer: timer(200) }));
    assert.equal(store.timersNextDueMs(), 200);
    store.commit(bareTurn({ firedTimer: timer(200) }));
    assert.equal(store.timersNextDueMs(), undefined);
  },

  "parked envelopes are kept once, retried and consumed": async (store, reopen) => {
    const wakuHash = new Uint8Array(32).fill(7);
    const row = { conversation: 0, topic: topic("a"), payload: bytes("p"), wakuHash, parkedAtMs: 10 };
    store.commit(turn());
    assert.equal(store.park({ ...row, errorCode: "engine/bug", dueAtMs: 20 }), true);
    assert.equal(store.park({ ...row, errorCode: "engine/bug", dueAtMs: 90 }), false);
    const other = { ...row, wakuHash: new Uint8Array(32).fill(77), errorCode: "engine/bug", dueAtMs: 95 };
    assert.deepEqual(store.parkAll([{ ...row, errorCode: "engine/bug", dueAtMs: 90 }, other]), [false, true]);
    for (const { id } of store.parkedDue(95, 10).filter(({ dueAtMs }) => dueAtMs === 95)) store.parkedDrop(id);
    const again = await reopen();
    assert.equal(again.parkedCount(), 1);
    assert.equal(again.parkedNextDueMs(), 20);
    assert.deepEqual(again.parkedDue(19, 10), []);
    const [parked] = again.parkedDue(20, 10);
    assert.deepEqual(parked, { ...row, id: parked!.id, errorCode: "engine/bug", attempts: 0, dueAtMs: 20 });
    again.parkedRetryLater(parked!.id, 50, "store/full");
    const [later] = again.parkedDue(50, 10);
    assert.deepEqual([later?.attempts, later?.dueAtMs, later?.errorCode], [1, 50, "store/full"]);
    again.commit(bareTurn({ unparked: parked!.id }));
    assert.equal(again.parkedCount(), 0);
    assert.equal(again.parkedNextDueMs(), undefined);
    again.park({ ...row, errorCode: "engine/bug", dueAtMs: 20 });
    again.parkedDrop(again.parkedDue(20, 1)[0]!.id);
    assert.equal(again.parkedCount(), 0);
  },

  "hashes of consumed envelopes are remembered, newest last, until pruned": async (store, reopen) => {
    const hash = (fill: number) => new Uint8Array(32).fill(fill);
    for (const fill of [1, 2, 3, 2]) store.commit(bareTurn({ atMs: fill * 100, seenWakuHash: hash(fill) }));
    const again = await reopen();
    assert.deepEqual(again.recentWakuHashes(2), [hash(2), hash(3)]);
    assert.equal(again.hasWakuHash(hash(1)), true);
    again.prune(200);
    assert.equal(again.hasWakuHash(hash(1)), false);
    assert.deepEqual(again.recentWakuHashes(9), [hash(2), hash(3)]);
  },

  "cursors never move backwards": async (store, reopen) => {
    const [a, b] = [topic("a"), topic("b")];
    store.saveCursor({ topics: [a, b], throughMs: 100 });
    store.commit(bareTurn({ cursor: { topics: [a], throughMs: 300 } }));
    store.saveCursor({ topics: [a, b], throughMs: 200 });
    const again = await reopen();
    assert.deepEqual([again.cursor(a), again.cursor(b), again.cursor(topic("c"))], [300, 200, undefined]);
  },

  "a command's answer is remembered by its key, until pruned": async (store, reopen) => {
    const idempotency = { key: "k", fingerprint: "f", reply: { id: "x", list: [1] } };
    store.commit(bareTurn({ atMs: 10, idempotency }));
    const again = await reopen();
    assert.deepEqual(again.idempotent("k"), { fingerprint: "f", reply: { id: "x", list: [1] } });
    assert.equal(again.idempotent("other"), undefined);
    assert.throws(() => again.commit(turn({}, { idempotency: { ...idempotency, fingerprint: "g" } })), conflict);
    assert.equal(again.conversation(0), undefined);
    again.prune(11);
    assert.equal(again.idempotent("k"), undefined);
  },
};
