/** Store conformance: words that one conversation tells another (ADR 0030), rows of the teller's turn. */
import assert from "node:assert/strict";
import { bareTurn, bytes, conflict, conversationWrite, type StoreCases, turn } from "./store-rows.ts";

const word = (name: string, conversation = 1) => ({ conversation, name, atMs: 100, data: bytes(`data of ${name}`) });
const both = { conversations: [conversationWrite(0), conversationWrite(1)] };

/** By title. */
export const wordCases: StoreCases = {
  "a word is due with its data, after a restart too, until the turn that hears it": async (store, reopen) => {
    store.commit(bareTurn(both));
    store.commit(turn({ expectedRevision: 1 }, { tells: [word("a"), word("b")] }));
    const again = await reopen();
    assert.equal(again.timersNextDueMs("any"), 100);
    assert.deepEqual(again.timersDue(99, 10, "any"), []);
    assert.deepEqual(new Set(again.timersDue(100, 10, "any")), new Set([word("a"), word("b")]));
    const { data: _data, ...heard } = word("a");
    again.commit(turn({ number: 1, expectedRevision: 1 }, { firedTimer: heard }));
    assert.deepEqual(again.timersDue(100, 10, "any"), [word("b")]);
  },

  "a word is there only if the turn of its teller is": (store) => {
    store.commit(bareTurn(both));
    assert.throws(() => store.commit(turn({ expectedRevision: 7 }, { tells: [word("a")] })), conflict);
    assert.equal(store.timersNextDueMs("any"), undefined);
  },

  "a word stays if the turn that hears it is refused": (store) => {
    store.commit(bareTurn({ ...both, tells: [word("a")] }));
    const { data: _data, ...heard } = word("a");
    assert.throws(() => store.commit(turn({ number: 1, expectedRevision: 7 }, { firedTimer: heard })), conflict);
    assert.deepEqual(store.timersDue(100, 10, "any"), [word("a")]);
  },

  "one of two turns of a group that fails takes its words with it, and no others": (store) => {
    store.commit(bareTurn(both));
    const results = store.commitAll([
      turn({ expectedRevision: 7 }, { tells: [word("lost")] }),
      turn({ number: 1, expectedRevision: 1 }, { tells: [word("kept", 0)] }),
    ]);
    assert.equal(results.length, 2);
    assert.deepEqual(store.timersDue(100, 10, "any"), [word("kept", 0)]);
  },

  "a word may be to a conversation that the same turn opens, and is no timer of it": (store) => {
    store.commit(
      bareTurn({
        conversations: [conversationWrite(0), conversationWrite(1, { setTimers: [{ name: "a", atMs: 300 }] })],
        tells: [word("tell/0.1/a")],
      }),
    );
    store.commit(turn({ number: 1, expectedRevision: 1, cancelTimers: ["a"] }));
    assert.deepEqual(store.timersDue(1_000, 10, "any"), [word("tell/0.1/a")]);
  },

  "words to a conversation that closes go with it": (store) => {
    store.commit(bareTurn({ ...both, tells: [word("a"), word("b", 0)] }));
    store.commit(turn({ number: 1, expectedRevision: 1, closed: true }));
    assert.deepEqual(store.timersDue(1_000, 10, "any"), [word("b", 0)]);
  },
};
