/** Store conformance: messages and the event log. */
import assert from "node:assert/strict";
import type { StoreCases } from "./store-rows.ts";
import { about, conflict, conversationWrite, messageId, newMessage, turn } from "./store-rows.ts";

const received = (name: string) => newMessage(name, { direction: "in", state: "received" });

/** By title. */
export const messageCases: StoreCases = {
  "a message is kept with its event, whole": async (store, reopen) => {
    const event = { ...about("message.received", "a"), data: { text: "hé", nested: [1, null] } };
    const receipt = store.commit(turn({ newMessages: [received("a")], events: [event] }));
    const again = await reopen();
    const message = { ...received("a"), rowId: receipt.events[0]!.message!.rowId, conversation: 0 };
    const row = { seq: 1, atMs: 5000, type: "message.received", conversation: 0, message, data: event.data };
    assert.deepEqual(receipt.events, [row]);
    assert.deepEqual(again.events({ after: 0, limit: 10 }), [row]);
    assert.deepEqual(again.message(messageId("a")), message);
    assert.equal(again.message(messageId("b")), undefined);
  },

  "a repeated message is neither stored nor announced again": (store) => {
    const once = { newMessages: [received("a")], events: [about("message.received", "a")] };
    store.commit(turn(once));
    const receipt = store.commit(turn({ ...once, expectedRevision: 1, newMessages: [received("a"), received("b")] }));
    assert.deepEqual(receipt.events, []);
    assert.equal(store.messages({ conversation: 0, limit: 10 }).length, 2);
  },

  "twice in one turn is announced once": (store) => {
    const events = [about("message.received", "a"), about("message.received", "a")];
    assert.equal(store.commit(turn({ newMessages: [received("a"), received("a")], events })).events.length, 1);
  },

  "the same id in another conversation is another message": (store) => {
    const part = { newMessages: [received("a")], events: [about("message.received", "a")] };
    store.commit(turn(part));
    assert.equal(store.commit(turn({ ...part, number: 1 })).events.length, 1);
    assert.equal(store.message(messageId("a"))?.conversation, 1);
  },

  "of content that is there already no parts stay": async (store, reopen) => {
    const parts = (prefix: string) =>
      [0, 1].map((index) => ({ key: `${prefix}${index}`, bytes: Uint8Array.of(index) }));
    const file = (name: string, prefix: string) => {
      const message = received(name);
      const attachment = { size: 2, sha256: "", parts: { prefix, count: 2, offset: 0 } };
      return { ...message, body: { ...message.body, attachment }, otherIds: [messageId("a")] };
    };
    const write = (name: string, prefix: string) => ({
      newMessages: [file(name, prefix)],
      events: [about("message.received", name)],
      putRecords: parts(prefix),
    });
    store.commit(turn(write("a", "part/1/")));
    store.commit(turn({ ...write("b", "part/1/"), number: 1 }));
    store.commit(turn({ ...write("a", "part/2/"), expectedRevision: 1 }));
    const again = await reopen();
    const left = (conversation: number, prefix: string) =>
      again.records(
        conversation,
        parts(prefix).map(({ key }) => key),
      ).size;
    assert.deepEqual([left(0, "part/1/"), left(1, "part/1/"), left(0, "part/2/")], [2, 0, 0]);
  },

  "content that another conversation has under another id is neither stored nor announced": async (store, reopen) => {
    store.commit(turn({ newMessages: [received("a")], events: [about("message.received", "a")] }));
    const again = { ...received("b"), otherIds: [messageId("x"), messageId("a")] };
    const events = [about("message.received", "b")];
    assert.deepEqual(store.commit(turn({ newMessages: [again], events, number: 1 })).events, []);
    const first = { ...received("c"), otherIds: [messageId("x")] };
    const news = turn({
      newMessages: [first],
      events: [about("message.received", "c")],
      number: 1,
      expectedRevision: 1,
    });
    assert.equal(store.commit(news).events.length, 1);
    const reopened = await reopen();
    assert.equal(reopened.message(messageId("b")), undefined);
    assert.deepEqual(reopened.message(messageId("c"))?.conversation, 1);
    assert.ok(!("otherIds" in (reopened.message(messageId("c")) ?? {})));
  },

  "states move forwards only, and only news is announced": (store) => {
    store.commit(turn({ newMessages: [newMessage("a")] }));
    let revision = 1;
    const advance = (state: "published" | "stored" | "delivered" | "failed") => {
      const part = { messageStates: [{ messageId: messageId("a"), state }], events: [about(`message.${state}`, "a")] };
      return store.commit(turn({ ...part, expectedRevision: revision++ })).events.map((event) => event.message?.state);
    };
    assert.deepEqual(advance("stored"), ["stored"]);
    assert.deepEqual(advance("published"), []);
    assert.deepEqual(advance("delivered"), ["delivered"]);
    assert.deepEqual(advance("delivered"), []);
    assert.deepEqual(advance("failed"), []);
    assert.equal(store.message(messageId("a"))?.state, "delivered");
  },

  "an event that no change belongs to is written, with its message": (store) => {
    store.commit(turn({ newMessages: [received("a")] }));
    const [event] = store.commit(turn({ expectedRevision: 1, events: [about("message.read", "a")] })).events;
    assert.equal(event?.message?.messageId, messageId("a"));
    const [second] = store.commit(turn({ expectedRevision: 2, events: [about("message.read", "unknown")] })).events;
    assert.equal(second?.message, undefined);
  },

  "events are numbered without a gap, past refused turns and restarts": async (store, reopen) => {
    const events = [{ type: "x" }, { type: "y" }];
    store.commit(turn({ events }));
    assert.throws(() => store.commit(turn({ events })), conflict);
    store.appendEvent({ type: "daemon.started", data: { pid: 7 } }, 9);
    const again = await reopen();
    again.commit(turn({ expectedRevision: 1, events }));
    assert.deepEqual(
      again.events({ after: 0, limit: 9 }).map((event) => event.seq),
      [1, 2, 3, 4, 5],
    );
    assert.deepEqual(again.events({ after: 2, limit: 1 })[0], {
      seq: 3,
      atMs: 9,
      type: "daemon.started",
      conversation: undefined,
      message: undefined,
      data: { pid: 7 },
    });
    assert.equal(again.lastSeq(), 5);
  },

  "events can be asked for by conversation": (store) => {
    const events = [{ type: "x" }];
    store.commit({
      atMs: 1,
      conversations: [0, 1, 2, 1].map((number, index) =>
        conversationWrite(number, { events, expectedRevision: index === 3 ? 1 : 0 }),
      ),
    });
    store.appendEvent({ type: "daemon.started" }, 9);
    const seqs = (conversations: number[]) =>
      store.events({ after: 0, limit: 10, conversations }).map((event) => event.seq);
    assert.deepEqual(seqs([1]), [2, 4]);
    assert.deepEqual(seqs([0, 2]), [1, 3]);
    assert.deepEqual(seqs([]), []);
  },

  "history is newest first and paged by row": (store) => {
    const names = ["a", "b", "c", "d", "e"];
    store.commit({
      atMs: 1,
      conversations: [
        conversationWrite(0, { newMessages: names.map((name) => received(name)) }),
        conversationWrite(1, { newMessages: [received("other")] }),
      ],
    });
    const page = (before?: number) =>
      store.messages(before === undefined ? { conversation: 0, limit: 2 } : { conversation: 0, limit: 2, before });
    const first = page();
    assert.deepEqual(
      first.map((row) => row.messageId),
      [messageId("e"), messageId("d")],
    );
    const second = page(first.at(-1)?.rowId);
    assert.deepEqual(
      second.map((row) => row.messageId),
      [messageId("c"), messageId("b")],
    );
    assert.deepEqual(
      page(second.at(-1)?.rowId).map((row) => row.messageId),
      [messageId("a")],
    );
  },
};
