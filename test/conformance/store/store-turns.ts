/** Store conformance: conversations and whole commits. */
import assert from "node:assert/strict";
import { UmbradError } from "../../../src/engine/errors.ts";
import type { StoreCases } from "./store-rows.ts";
import {
  about,
  bytes,
  conflict,
  conversationWrite,
  messageId,
  newMessage,
  outboxRow,
  topic,
  turn,
} from "./store-rows.ts";

/** By title. */
export const conversationCases: StoreCases = {
  "are created, counted up by revision, named and kept": async (store, reopen) => {
    assert.equal(store.nextConversationNumber(), 0);
    store.commit(turn());
    store.commit(turn({ expectedRevision: 1, state: bytes("second") }));
    store.renameConversation(0, "Räya");
    const again = await reopen();
    assert.deepEqual(again.conversation(0), {
      number: 0,
      type: "private/v1",
      revision: 2,
      state: bytes("second"),
      closed: false,
      name: "Räya",
      createdAtMs: 1000,
    });
    assert.equal(again.conversation(1), undefined);
    assert.equal(again.conversationById("/private/v1/0"), 0);
    assert.equal(again.conversationById("/private/v1/1"), undefined);
    assert.equal(again.nextConversationNumber(), 1);
  },

  "that are closed are read by number only, and keep their number": (store) => {
    store.commit(turn({ number: 0 }));
    store.commit(turn({ number: 1 }));
    store.commit(turn({ number: 1, expectedRevision: 1, closed: true }));
    assert.deepEqual(
      Array.from(store.conversations(), (row) => row.number),
      [0],
    );
    assert.equal(store.conversation(1)?.closed, true);
    assert.equal(store.nextConversationNumber(), 2);
  },

  "that are closed fail what was sent in them and has not arrived, and drop what would still leave": (store) => {
    const names = ["delivered", "published", "queued"] as const;
    const newMessages = names.map((name) => newMessage(name));
    const messageStates = [
      { messageId: messageId("delivered"), state: "delivered" },
      { messageId: messageId("published"), state: "published" },
    ] as const;
    const rows = [
      outboxRow("queued", { messageId: messageId("queued") }),
      outboxRow("read", { purpose: "acknowledgement" }),
    ];
    store.commit(turn({ number: 0, newMessages, messageStates, outbox: rows }));
    store.commit(turn({ number: 1, newMessages: [newMessage("elsewhere")], outbox: [outboxRow("elsewhere")] }));
    const { events } = store.commit(turn({ number: 0, expectedRevision: 1, closed: true }));
    assert.deepEqual(
      events.map(({ type, message }) => [type, message?.messageId, message?.state]),
      ["published", "queued"].map((name) => ["message.failed", messageId(name), "failed"]),
    );
    assert.equal(store.message(messageId("delivered"))?.state, "delivered");
    assert.equal(store.message(messageId("elsewhere"))?.state, "queued");
    assert.deepEqual(
      store.outboxList(10).map(({ conversation, purpose }) => [conversation, purpose]),
      [
        [0, "acknowledgement"],
        [1, "content"],
      ],
    );
  },

  "that are closed keep the parts of large content that was received, and no other records": (store) => {
    const attachment = { size: 2, sha256: "", parts: { prefix: "part/1/", count: 2, offset: 0 } };
    const keys = ["part/1/0", "part/1/1", "part/2/0", "skip/1/2"];
    const putRecords = keys.map((key) => ({ key, bytes: bytes(key) }));
    const message = newMessage("large", { direction: "in", state: "received" });
    const ours = newMessage("ours", { state: "failed" });
    const sent = { ...attachment, parts: { ...attachment.parts, prefix: "part/2/", count: 1 } };
    const newMessages = [
      { ...message, body: { ...message.body, attachment } },
      { ...ours, body: { ...ours.body, attachment: sent } },
    ];
    store.commit(turn({ number: 0, putRecords, newMessages }));
    store.commit(turn({ number: 0, expectedRevision: 1, closed: true }));
    const found = store.records(0, keys);
    assert.deepEqual([...found.keys()], ["part/1/0", "part/1/1"]);
  },

  "are iterated by number across pages, while turns go on": (store) => {
    store.commit({ atMs: 1, conversations: Array.from({ length: 600 }, (_, number) => conversationWrite(number)) });
    const seen: number[] = [];
    for (const row of store.conversations()) {
      seen.push(row.number);
      if (row.number === 300) store.commit(turn({ number: 599, expectedRevision: 1, closed: true }));
    }
    assert.deepEqual(
      seen,
      Array.from({ length: 599 }, (_, number) => number),
    );
  },

  "are refused at another revision, a second creation, a repeated id": (store) => {
    store.commit(turn());
    assert.throws(() => store.commit(turn()), conflict);
    assert.throws(() => store.commit(turn({ expectedRevision: 2 })), conflict);
    assert.throws(() => store.commit(turn({ number: 1, conversationId: "/private/v1/0" })), conflict);
    assert.throws(() => store.commit(turn({ number: 7, expectedRevision: 1 })), conflict);
    assert.equal(store.conversation(0)?.revision, 1);
    assert.equal(store.nextConversationNumber(), 1);
  },

  "unknown ones cannot be renamed": (store) => {
    assert.throws(() => store.renameConversation(3, "x"), { code: "conversation/unknown" });
  },

  "records are put, replaced, dropped, and separate for each conversation": async (store, reopen) => {
    const putRecords = [
      { key: "skip/1", bytes: bytes("one") },
      { key: "skip/2", bytes: bytes("two") },
    ];
    store.commit({ atMs: 1, conversations: [conversationWrite(0, { putRecords }), conversationWrite(1)] });
    store.commit(
      turn({
        expectedRevision: 1,
        putRecords: [{ key: "skip/2", bytes: bytes("new") }],
        dropRecords: ["skip/1", "none"],
      }),
    );
    const again = await reopen();
    assert.deepEqual(again.records(0, ["skip/1", "skip/2", "skip/3"]), new Map([["skip/2", bytes("new")]]));
    assert.equal(again.records(1, ["skip/2"]).size, 0);
  },

  "the record message/queued has the ids of what is queued in that conversation, the oldest first": (store) => {
    const newMessages = [newMessage("a"), newMessage("b"), newMessage("c"), newMessage("in", { state: "received" })];
    store.commit(turn({ newMessages }));
    const messageStates = [{ messageId: messageId("b"), state: "published" } as const];
    store.commit(turn({ expectedRevision: 1, messageStates }));
    store.commit(turn({ number: 1, conversationId: "/private/v1/other", newMessages: [newMessage("d")] }));
    const read = (number: number) => Buffer.from(store.records(number, ["message/queued"]).get("message/queued") ?? []);
    assert.equal(read(0).toString(), `${messageId("a")}\n${messageId("c")}`);
    assert.equal(read(1).toString(), messageId("d"));
    assert.equal(read(2).toString(), "");
  },

  "the record message/<id> is the state of that message in that conversation": (store) => {
    store.commit({
      atMs: 1,
      conversations: [conversationWrite(0, { newMessages: [newMessage("a")] }), conversationWrite(1)],
    });
    const key = `message/${messageId("a")}`;
    assert.deepEqual(store.records(0, [key]), new Map([[key, bytes("queued")]]));
    assert.equal(store.records(1, [key]).size, 0);
  },
};

const full = (number: number) => ({
  number,
  putRecords: [{ key: "r", bytes: bytes("r") }],
  setTimers: [{ name: "t", atMs: 1 }],
  newMessages: [newMessage("a")],
  events: [about("message.queued", "a")],
  outbox: [outboxRow("a")],
});

/** By title. */
export const commitCases: StoreCases = {
  "a refused turn leaves nothing": (store) => {
    store.commit(turn({ number: 5 }));
    const conversations = [conversationWrite(0, full(0)), conversationWrite(5, full(5))];
    const rest = { seenWakuHash: new Uint8Array(32), cursor: { topics: [topic("a")], throughMs: 9 } };
    assert.throws(() => store.commit({ atMs: 1, conversations, ...rest }), conflict);
    assert.equal(store.conversation(0), undefined);
    assert.equal(store.records(0, ["r"]).size, 0);
    assert.equal(store.timersNextDueMs(), undefined);
    assert.equal(store.message(messageId("a")), undefined);
    assert.equal(store.lastSeq(), 0);
    assert.equal(store.outboxCount(), 0);
    assert.equal(store.hasWakuHash(new Uint8Array(32)), false);
    assert.equal(store.cursor(topic("a")), undefined);
  },

  "in a group each turn stands alone, and numbers have no gap": (store) => {
    const results = store.commitAll([
      turn(full(0)),
      turn(full(0)),
      turn({ expectedRevision: 1, events: [{ type: "x" }] }),
      turn(full(1)),
    ]);
    assert.deepEqual(
      results.map((result) => (result instanceof UmbradError ? result.code : result.events.map((event) => event.seq))),
      [[1], "store/conflict", [2], [3]],
    );
    assert.deepEqual([store.conversation(0)?.revision, store.conversation(1)?.revision], [2, 1]);
    assert.equal(store.outboxCount(), 2);
    assert.deepEqual(store.commitAll([]), []);
  },

  "a turn that cannot be written does not take its group with it": (store) => {
    const cyclic: Record<string, unknown> = {};
    cyclic["self"] = cyclic;
    const results = store.commitAll([
      turn(),
      turn({ number: 1, events: [{ type: "x", data: cyclic }] }),
      turn({ number: 2 }),
    ]);
    assert.deepEqual(
      results.map((result) => result instanceof UmbradError),
      [false, true, false],
    );
    assert.deepEqual(
      Array.from(store.conversations(), (row) => row.number),
      [0, 2],
    );
    assert.throws(() => store.commit(turn({ number: 1, events: [{ type: "x", data: cyclic }] })));
    assert.equal(store.conversation(1), undefined);
  },
};
