/**
 * Goal: any sequence of turns, groups, refusals, publications and restarts leaves exactly what the model says.
 * Method: random scripts over few names, so that repetitions and conflicts are frequent.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { UmbradError } from "../../src/engine/errors.ts";
import type { ConversationWrite, MessageState, Store, TurnCommit } from "../../src/engine/ports.ts";
import { about, bytes, conversationWrite, messageId, newMessage, outboxRow } from "../conformance/store/store-rows.ts";
import { after, emptyModel, type Model, published, ready } from "./store-model.ts";
import { temporaryStore } from "./temporary-store.ts";

const numbers = [0, 1, 2];
const keys = ["k0", "k1"];
const names = ["m0", "m1", "m2"];
const timerNames = ["t0", "t1"];

interface Draft {
  readonly number: number;
  readonly isStale: boolean;
  readonly part: Partial<ConversationWrite>;
}

type Step =
  | {
      readonly kind: "commit";
      readonly drafts: readonly Draft[];
      readonly fired: { name: string; atMs: number } | undefined;
    }
  | { readonly kind: "group"; readonly drafts: readonly Draft[] }
  | { readonly kind: "publish"; readonly pick: number }
  | { readonly kind: "reopen" };

const few = <T>(arbitrary: fc.Arbitrary<T>) => fc.array(arbitrary, { maxLength: 3 });
const atMs = fc.integer({ min: 1, max: 4 });
const outState = fc.constantFrom<MessageState>("published", "stored", "delivered", "failed");
const change = fc.record({ name: fc.constantFrom(...names), state: outState });
const added = fc.record({
  name: fc.constantFrom(...names),
  state: fc.constantFrom<MessageState>("queued", "received"),
});

const part: fc.Arbitrary<Partial<ConversationWrite>> = fc
  .record({
    state: fc.string({ maxLength: 5 }),
    puts: few(fc.record({ key: fc.constantFrom(...keys), bytes: fc.string().map(bytes) })),
    drops: few(fc.constantFrom(...keys)),
    sets: few(fc.record({ name: fc.constantFrom(...timerNames), atMs })),
    cancels: few(fc.constantFrom(...timerNames)),
    added: few(added),
    changes: few(change),
    posts: few(
      fc.record({
        purpose: fc.constantFrom("content", "invite", "acknowledgement", "repeat"),
        name: fc.option(fc.constantFrom(...names)),
      }),
    ),
  })
  .map((drawn) => ({
    state: bytes(drawn.state),
    putRecords: drawn.puts,
    dropRecords: drawn.drops,
    setTimers: drawn.sets,
    cancelTimers: drawn.cancels,
    newMessages: drawn.added.map(({ name, state }) => newMessage(name, { state })),
    messageStates: drawn.changes.map(({ name, state }) => ({ messageId: messageId(name), state })),
    events: [...drawn.added, ...drawn.changes].map(({ name, state }) => about(`message.${state}`, name)),
    outbox: drawn.posts.map(({ purpose, name }) =>
      outboxRow("e", { purpose, messageId: name === null ? undefined : messageId(name) }),
    ),
  }));

const draft: fc.Arbitrary<Draft> = fc.record({
  number: fc.constantFrom(...numbers),
  isStale: fc.nat(9).map((drawn) => drawn === 0),
  part,
});
const drafts = fc.array(draft, { minLength: 1, maxLength: 3 });
const fired = fc.option(fc.record({ name: fc.constantFrom(...timerNames), atMs }), { nil: undefined });

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant("commit" as const), drafts, fired }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("group" as const), drafts }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("publish" as const), pick: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("reopen" as const) }) },
);

/** Fills in the revisions, which the script cannot know. */
function turnOf(model: Model, drafted: readonly Draft[], rest: Partial<TurnCommit> = {}): TurnCommit {
  const revisions = { ...model.revisions };
  const conversations = drafted.map((one) => {
    const present = revisions[one.number] ?? 0;
    revisions[one.number] = present + 1;
    return conversationWrite(one.number, { ...one.part, expectedRevision: one.isStale ? present + 7 : present });
  });
  return { atMs: 9, conversations, ...rest };
}

function commit(store: Store, model: Model, turn: TurnCommit): Model {
  const expected = after(model, turn);
  if (expected === undefined) {
    assert.throws(() => store.commit(turn), { code: "store/conflict" });
    return model;
  }
  const seqs = store.commit(turn).events.map((event) => event.seq);
  assert.deepEqual(
    seqs,
    expected.events.slice(model.events.length).map((_, index) => model.events.length + index + 1),
  );
  return expected;
}

function commitGroup(store: Store, model: Model, drafted: readonly Draft[]): Model {
  let expected = model;
  const refusals: boolean[] = [];
  const turns = drafted.map((one) => {
    const turn = turnOf(expected, [one]);
    const next = after(expected, turn);
    refusals.push(next === undefined);
    expected = next ?? expected;
    return turn;
  });
  assert.deepEqual(
    store.commitAll(turns).map((result) => result instanceof UmbradError),
    refusals,
  );
  return expected;
}

function publish(store: Store, model: Model, pick: number): Model {
  const rows = store.outboxDue(1000, 100);
  const row = rows[pick % Math.max(rows.length, 1)];
  if (row === undefined) return model;
  store.outboxDone(row.id, 9);
  return published(model, row.id);
}

function assertHolds(store: Store, model: Model): void {
  for (const number of numbers) {
    const stored = store.conversation(number);
    assert.equal(stored?.revision, model.revisions[number]);
    assert.equal(stored && Buffer.from(stored.state).toString(), model.states[number]);
    for (const key of keys) {
      const value = store.records(number, [key]).get(key);
      assert.equal(value && Buffer.from(value).toString(), model.records[`${number} ${key}`]);
    }
    const messages = store.messages({ conversation: number, limit: 100 }).reverse();
    assert.deepEqual(
      messages.map(({ messageId: id, state, conversation }) => ({ conversation, id, state })),
      model.messages.filter((message) => message.conversation === number),
    );
  }
  const timers = store.timersDue(1000, 100).map((timer) => [`${timer.conversation} ${timer.name}`, timer.atMs]);
  assert.deepEqual(Object.fromEntries(timers), model.timers);
  const events = store.events({ after: 0, limit: 10_000 });
  assert.deepEqual(
    events.map((event) => event.seq),
    model.events.map((_, index) => index + 1),
  );
  assert.deepEqual(
    events.map((event) => `${event.conversation} ${event.type} ${event.message?.messageId}`),
    model.events,
  );
  const due = store.outboxDue(1000, 1000).map((row) => row.id);
  assert.deepEqual(
    due.sort((a, b) => a - b),
    ready(model),
  );
  assert.equal(store.outboxCount(), model.outbox.length);
}

describe("a Store and its model", () => {
  it("agree after every step of any script", async () => {
    const property = fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (script) => {
      const made = await temporaryStore();
      try {
        let store = made.store;
        let model = emptyModel();
        for (const one of script) {
          if (one.kind === "reopen") store = await made.reopen();
          else if (one.kind === "publish") model = publish(store, model, one.pick);
          else if (one.kind === "group") model = commitGroup(store, model, one.drafts);
          else {
            const firedTimer = one.fired === undefined ? {} : { firedTimer: { conversation: 0, ...one.fired } };
            model = commit(store, model, turnOf(model, one.drafts, firedTimer));
          }
          assertHolds(store, model);
        }
      } finally {
        made.dispose();
      }
    });
    await fc.assert(property, { numRuns: 40 });
  });
});
