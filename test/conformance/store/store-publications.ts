/** Store conformance: messages on their way from `published` to `stored`, and the trace of one. */
import assert from "node:assert/strict";
import type { Published, Store } from "../../../src/engine/ports.ts";
import type { StoreCases } from "./store-rows.ts";
import { messageId, newMessage, outboxRow, turn } from "./store-rows.ts";

const nothing = { stored: [], later: [], again: [], enough: [] };
const published = (fill: number, lookAtMs = 3000): Published => ({
  hash: new Uint8Array(32).fill(fill),
  peers: 1,
  lookAtMs,
});

/** A message "a", published at 2000, to be looked for from 3000 on. */
function publish(store: Store): number {
  store.commit(turn({ newMessages: [newMessage("a")], outbox: [outboxRow("a", { messageId: messageId("a") })] }));
  store.outboxDone(store.outboxDue(1000, 1)[0]!.id, 2000, published(1));
  return store.message(messageId("a"))!.rowId;
}

/** By title. */
export const publicationCases: StoreCases = {
  "what is published is looked for, after a restart too": async (store, reopen) => {
    const message = publish(store);
    assert.deepEqual(store.events({ after: 0, limit: 9 }).at(-1)?.data, { peers: 1 });
    const again = await reopen();
    assert.equal(again.publicationsNextDueMs(), 3000);
    assert.deepEqual(again.publicationsDue(2999, 9), []);
    const { topic, envelope } = outboxRow("a");
    const row = { message, conversation: 0, messageId: messageId("a"), topic, envelope };
    const hashes = [published(1).hash];
    assert.deepEqual(again.publicationsDue(3000, 9), [{ ...row, hashes, looks: 0, times: 1, dueAtMs: 3000 }]);
  },

  "without a hash, or without a message, nothing is looked for": (store) => {
    const messages = { newMessages: [newMessage("a")], outbox: [outboxRow("a", { messageId: messageId("a") })] };
    store.commit(turn({ ...messages, outbox: [...messages.outbox, outboxRow("bare")] }));
    store.outboxDone(store.outboxDue(1000, 1)[0]!.id, 2000);
    store.outboxDone(store.outboxDue(1000, 1)[0]!.id, 2000, published(1));
    assert.equal(store.publicationsNextDueMs(), undefined);
  },

  "what is found is stored, and announced once": (store) => {
    const message = publish(store);
    const { events } = store.looked({ ...nothing, stored: [message] }, 4000);
    assert.deepEqual(
      events.map(({ type, atMs, conversation, message: row }) => ({ type, atMs, conversation, state: row?.state })),
      [{ type: "message.stored", atMs: 4000, conversation: 0, state: "stored" }],
    );
    assert.deepEqual(store.looked({ ...nothing, stored: [message], again: [message] }, 4001).events, []);
    assert.deepEqual([store.publicationsNextDueMs(), store.outboxCount()], [undefined, 0]);
  },

  "what is missing is looked for later, then published again with the same bytes, then left alone": (store) => {
    const message = publish(store);
    store.looked({ ...nothing, later: [{ message, dueAtMs: 5000 }] }, 3000);
    assert.deepEqual(
      store.publicationsDue(9000, 9).map(({ looks, dueAtMs }) => [looks, dueAtMs]),
      [[1, 5000]],
    );
    store.looked({ ...nothing, again: [message] }, 6000);
    assert.equal(store.publicationsNextDueMs(), undefined);
    const [row] = store.outboxDue(6000, 9);
    const { topic, envelope } = outboxRow("a");
    const bytes = { topic, envelope, messageId: messageId("a"), purpose: "repeat" } as const;
    assert.deepEqual(row, { id: row!.id, conversation: 0, attempts: 0, dueAtMs: 6000, queuedAtMs: 6000, ...bytes });
    assert.deepEqual(store.outboxDone(row!.id, 7000, published(2, 8000)).events, [], "announced already");
    const [publication] = store.publicationsDue(8000, 9);
    assert.deepEqual([publication?.times, publication?.looks], [2, 0]);
    assert.deepEqual(publication?.hashes, [published(1).hash, published(2).hash]);
    store.looked({ ...nothing, enough: [message] }, 9000);
    assert.equal(store.publicationsNextDueMs(), undefined);
    assert.equal(store.message(messageId("a"))?.state, "published");
  },

  "who has moved on is not looked for": (store) => {
    const message = publish(store);
    store.commit(turn({ expectedRevision: 1, messageStates: [{ messageId: messageId("a"), state: "delivered" }] }));
    assert.equal(store.publicationsNextDueMs(), undefined);
    assert.deepEqual(store.looked({ ...nothing, stored: [message], again: [message] }, 4000).events, []);
    assert.equal(store.outboxCount(), 0);
    assert.equal(store.message(messageId("a"))?.state, "delivered");
  },

  "a trace has all of one message and nothing of another": (store) => {
    assert.equal(store.trace(messageId("a")), undefined);
    publish(store);
    const outbox = [outboxRow("b", { messageId: messageId("b") })];
    const events = [{ type: "message.queued", messageId: messageId("b") }];
    store.commit(turn({ expectedRevision: 1, newMessages: [newMessage("b")], outbox, events }));
    const [a, b] = [store.trace(messageId("a")), store.trace(messageId("b"))];
    assert.deepEqual(
      [a, b].map((life) => [life?.events.map(({ type }) => type), life?.outbox?.messageId, life?.publication?.times]),
      [
        [["message.published"], undefined, 1],
        [["message.queued"], messageId("b"), undefined],
      ],
    );
  },

  "a probe is a commit that changes nothing": (store) => {
    store.probe();
    store.probe();
    assert.equal(store.lastSeq(), 0);
  },

  "how long the oldest envelope waits": (store) => {
    assert.equal(store.outboxOldestMs(), undefined);
    store.commit(turn({ outbox: [outboxRow("a", { queuedAtMs: 70 }), outboxRow("b", { queuedAtMs: 60 })] }));
    assert.equal(store.outboxOldestMs(), 60);
  },
};
