/** Store conformance: what was spent of a quota, timers that need a token, and what operators do about what waits. */
import assert from "node:assert/strict";
import type { StoreCases } from "./store-rows.ts";
import { bareTurn, bytes, conversationWrite, messageId, newMessage, outboxRow, topic, turn } from "./store-rows.ts";

const ack = { name: "ack", needs: "acknowledgement" } as const;

/** By title. */
export const waitingCases: StoreCases = {
  "what was spent is there after a restart, forgotten after its window, and a refused turn spends nothing": async (
    store,
    reopen,
  ) => {
    assert.deepEqual(store.quota(), { publishedAtMs: [], shareFullAtMs: 0 });
    const spend = (count: number, forgetBeforeMs: number) => ({ publications: { count, forgetBeforeMs } });
    store.commit(bareTurn({ atMs: 100, spend: spend(2, 0) }));
    store.commit(bareTurn({ atMs: 300, spend: spend(1, 0) }));
    const share = { tokens: 2, refillMs: 30, sizeMs: 600 };
    store.commit(bareTurn({ atMs: 1_000, spend: { share } }));
    store.commit(bareTurn({ atMs: 1_010, spend: { share } }));
    const [refused] = store.commitAll([turn({ expectedRevision: 7 }, { spend: { share, ...spend(9, 0) } })]);
    assert.ok(refused instanceof Error);
    const again = await reopen();
    assert.deepEqual(again.quota(), { publishedAtMs: [100, 100, 300], shareFullAtMs: 1_120 });
    again.commit(bareTurn({ atMs: 500, spend: spend(1, 200) }));
    assert.deepEqual(again.quota().publishedAtMs, [300, 500]);
    again.commit(bareTurn({ atMs: 2_000, spend: { share: { ...share, tokens: 99 } } }));
    assert.equal(again.quota().shareFullAtMs, 2_600, "an empty bucket is full again after its time");
  },

  "timers are told apart by what they need": (store) => {
    const resend = { name: "resend", atMs: 20, needs: "resend" } as const;
    store.commit(turn({ setTimers: [{ ...ack, atMs: 30 }, resend, { name: "free", atMs: 10 }] }));
    const due = (which: "any" | "free" | "token" | "acknowledgement") =>
      store.timersDue(100, 9, which).map(({ name }) => name);
    assert.deepEqual(due("any"), ["free", "resend", "ack"]);
    assert.deepEqual([due("free"), due("token"), due("acknowledgement")], [["free"], ["resend", "ack"], ["ack"]]);
    assert.deepEqual(store.timersDue(20, 9, "token"), [{ conversation: 0, ...resend }]);
    const next = (["any", "free", "token", "acknowledgement"] as const).map((which) => store.timersNextDueMs(which));
    assert.deepEqual(next, [10, 10, 20, 30]);
  },

  "a timer that waits for a token keeps its place when it is set for now again": (store) => {
    const set = (expectedRevision: number, atMs: number, nowMs: number, timer: object = ack) =>
      store.commit(turn({ expectedRevision, setTimers: [{ ...ack, ...timer, atMs }] }, { atMs: nowMs }));
    const atMs = () => store.timersNextDueMs();
    set(0, 100, 50);
    set(1, 200, 200);
    assert.equal(atMs(), 100, "it waits since 100");
    set(2, 500, 200);
    assert.equal(atMs(), 500, "later than now: it waits no longer");
    set(3, 300, 400);
    assert.equal(atMs(), 300);
    const free = turn({ expectedRevision: 4, setTimers: [{ name: "ack", atMs: 350 }] }, { atMs: 400 });
    store.commit(free);
    assert.equal(atMs(), 350, "one that needs nothing moves");
  },

  "only what has failed is queued again, and it is told once": (store) => {
    const id = messageId("m1");
    const retried = { revived: [id], events: [{ type: "message.retried", messageId: id }] };
    store.commit(turn({ newMessages: [newMessage("m1")] }));
    assert.deepEqual(store.commit(turn({ expectedRevision: 1, ...retried })).events, []);
    const failed = { messageStates: [{ messageId: id, state: "failed" as const }] };
    store.commit(turn({ expectedRevision: 2, ...failed }));
    const [event, ...more] = store.commit(turn({ expectedRevision: 3, ...retried })).events;
    assert.deepEqual([event?.type, event?.message?.state, more.length], ["message.retried", "queued", 0]);
    assert.equal(store.message(id)?.state, "queued");
    assert.deepEqual(
      store.queuedMessages(9).map((row) => row.messageId),
      [id],
    );
    store.commit(turn({ expectedRevision: 4, messageStates: [{ messageId: id, state: "delivered" }] }));
    assert.deepEqual(store.commit(turn({ expectedRevision: 5, ...retried })).events, []);
    assert.deepEqual([store.message(id)?.state, store.queuedMessages(9)], ["delivered", []]);
  },

  "rows of the outbox are listed, hastened, and removed several at once": (store) => {
    const write = (number: number, names: string[]) =>
      conversationWrite(number, { outbox: names.map((name) => outboxRow(name)) });
    store.commit({ atMs: 1, conversations: [write(0, ["a1", "a2", "a3"]), write(1, ["b1"])] });
    const all = store.outboxList(9);
    assert.deepEqual(
      all.map(({ conversation }) => conversation),
      [0, 0, 0, 1],
    );
    assert.deepEqual([store.outboxList(2), store.outboxList(9, 1)], [all.slice(0, 2), all.slice(3)]);
    const [a1, , a3] = all;
    store.outboxRetry(a1!.id, 9_000);
    store.outboxHasten(a1!.id, 1_500);
    store.outboxHasten(a1!.id, 7_000);
    assert.deepEqual(
      store.outboxList(1).map(({ attempts, dueAtMs }) => [attempts, dueAtMs]),
      [[1, 1_500]],
    );
    store.commit(bareTurn({ removeOutbox: [a1!.id, a3!.id] }));
    assert.deepEqual(
      store
        .outboxDue(10_000, 9)
        .map(({ id }) => id)
        .sort(),
      [all[1]!.id, all[3]!.id],
    );
  },

  "parked envelopes are listed, and hastened if they are there": (store) => {
    store.commit(turn());
    const park = (name: string, dueAtMs: number) =>
      store.park({
        conversation: 0,
        topic: topic("a"),
        payload: bytes(name),
        wakuHash: new Uint8Array(32).fill(dueAtMs),
        errorCode: "engine/bug",
        parkedAtMs: 5,
        dueAtMs,
      });
    park("late", 90);
    park("early", 20);
    assert.deepEqual(
      store.parkedList(9).map(({ dueAtMs }) => dueAtMs),
      [90, 20],
    );
    const [late] = store.parkedList(1);
    assert.equal(store.parkedHasten(late!.id, 10), true);
    assert.equal(store.parkedNextDueMs(), 10);
    assert.equal(store.parkedHasten(late!.id + 100, 10), false);
  },

  "when the clock was set back, what waits is due so much earlier, and dates stay": async (store, reopen) => {
    const timers = [
      { name: "due", atMs: 90, needs: "resend" },
      { ...ack, atMs: 1_030 },
      { name: "date", atMs: 1_040, isDate: true },
      { name: "repair", atMs: 1_050 },
    ] as const;
    const outbox = [
      outboxRow("due", { dueAtMs: 80, queuedAtMs: 80 }),
      outboxRow("later", { dueAtMs: 1_020, queuedAtMs: 1_010 }),
    ];
    const { conversations } = turn({ setTimers: timers, outbox });
    store.saveCursor({ topics: [topic("a")], throughMs: 1_070 });
    store.saveCursor({ topics: [topic("b")], throughMs: 100 });
    const tells = [{ conversation: 0, name: "word", atMs: 1_000, data: bytes("word") }];
    store.commit({ atMs: 5, conversations, tells });
    const parked = { conversation: 0, topic: topic("a"), payload: bytes("p"), errorCode: "engine/bug", parkedAtMs: 5 };
    store.park({ ...parked, wakuHash: new Uint8Array(32), dueAtMs: 1_060 });
    store.clockSetBack(100, 1_000);
    const again = await reopen();
    assert.deepEqual(
      again.timersDue(2_000, 9).map(({ name, atMs }) => [name, atMs]),
      [
        ["word", 0],
        ["ack", 30],
        ["repair", 50],
        ["due", 90],
        ["date", 1_040],
      ],
    );
    assert.deepEqual(
      again.outboxList(9).map(({ dueAtMs, queuedAtMs }) => [dueAtMs, queuedAtMs]),
      [
        [80, 80],
        [20, 10],
      ],
    );
    assert.equal(again.parkedNextDueMs(), 60);
    assert.deepEqual([again.cursor(topic("a")), again.cursor(topic("b"))], [70, 100]);
    again.saveCursor({ topics: [topic("a")], throughMs: 80 });
    assert.equal(again.cursor(topic("a")), 80, "and goes on from there");
  },

  "when the daemon was last at work is remembered, and moves with the clock": async (store, reopen) => {
    assert.equal(store.ranAtMs(), undefined);
    store.ran(5_000);
    assert.equal((await reopen()).ranAtMs(), 5_000);
  },

  "a step back moves that time in its own commit, and cursors of the future are given up": (store) => {
    store.ran(5_000);
    store.saveCursor({ topics: [topic("a")], throughMs: 4_000 });
    store.saveCursor({ topics: [topic("b")], throughMs: 900 });
    store.forgetCursorsAfter(1_000);
    store.clockSetBack(1_000, 4_000);
    assert.deepEqual([store.ranAtMs(), store.cursor(topic("a")), store.cursor(topic("b"))], [1_000, 0, 900]);
  },

  "when the clock was set back, what was spent and what arrived since is as old as it is": (store) => {
    const received = (name: string) =>
      turn({ newMessages: [newMessage(name, { direction: "in", state: "received" })] });
    store.commit({ ...received("old"), atMs: 50 });
    store.commit({
      atMs: 1_090,
      conversations: [{ ...received("new").conversations[0]!, expectedRevision: 1 }],
      spend: { publications: { count: 1, forgetBeforeMs: 0 }, share: { tokens: 1, refillMs: 20, sizeMs: 600 } },
    });
    store.clockSetBack(100, 1_000);
    assert.deepEqual(store.quota(), { publishedAtMs: [90], shareFullAtMs: 110 });
    const expire = (beforeMs: number) =>
      store.expireMessages({ conversation: 0, beforeMs, unacknowledgedBeforeMs: beforeMs }, 9);
    assert.deepEqual([expire(50), expire(51), expire(90), expire(91)], [0, 1, 0, 1]);
  },
};
