// Some of everything that a store keeps, and the same read back: a fixture that upgrades must still have all of it.
import type { Store } from "../../../src/engine/ports.ts";
import { about, bytes, messageId, newMessage, outboxRow, topic, turn } from "../../conformance/store/store-rows.ts";

const hash = new Uint8Array(32).fill(7);

export function fill(store: Store): void {
  const written = turn(
    {
      state: bytes("the state of an inbox"),
      conversationId: "/inbox/v1/a",
      putRecords: [{ key: "skip/1/2", bytes: bytes("a record") }],
      setTimers: [{ name: "tick", atMs: 5_000 }],
      newMessages: [newMessage("one")],
      events: [about("message.received", "one")],
      outbox: [outboxRow("a", { queuedAtMs: 3 })],
    },
    {
      seenWakuHash: hash,
      cursor: { topics: [topic("t")], throughMs: 4_000 },
      idempotency: { key: "k", fingerprint: "f", reply: { ok: true } },
    },
  );
  store.commit(written);
  store.renameConversation(0, "a name");
  store.setExpiry(0, 86_400_000);
  store.addConsumer({ name: "bot", ackedSeq: 1, createdAtMs: 9 });
  store.park({
    conversation: 0,
    topic: topic("t"),
    payload: bytes("p"),
    wakuHash: hash,
    errorCode: "x",
    parkedAtMs: 1,
    dueAtMs: 2,
  });
}

/** Everything of it, as plain values. */
export function contentOf(store: Store): unknown {
  const { state, name, revision } = store.conversation(0) ?? {};
  const message = store.message(messageId("one"));
  const readable = [
    { state: text(state), name, revision, number: store.conversationById("/inbox/v1/a"), expiry: store.expiry(0) },
    [...store.records(0, ["skip/1/2"])].map(([key, value]) => [key, text(value)]),
    store.timersDue(9_999, 9, "any"),
    { ...message, body: { ...message?.body, bytes: text(message?.body.bytes) } },
    store
      .events({ after: 0, limit: 9 })
      .map(({ seq, type, data, conversation }) => ({ seq, type, data, conversation })),
    store.outboxDue(9_999, 9).map(({ envelope, ...row }) => ({ ...row, envelope: text(envelope) })),
    { cursor: store.cursor(topic("t")), seen: store.hasWakuHash(hash), answer: store.idempotent("k") },
    store.consumers().map(({ name: who, ackedSeq }) => ({ who, ackedSeq })),
    store.parkedDue(9, 9).map(({ payload, wakuHash: _hash, ...row }) => ({ ...row, payload: text(payload) })),
  ];
  return JSON.parse(JSON.stringify(readable));
}

function text(value: Uint8Array | undefined): string {
  return Buffer.from(value ?? []).toString();
}
