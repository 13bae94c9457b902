/** The store of the conversation world: maps that take a transition's effects as the real store does. */
import assert from "node:assert/strict";
import {
  type AnyConversationType,
  type ConversationEvent,
  type Effect,
  RECORD_QUEUED,
  type RecordKey,
} from "../../../src/conversation/contract.ts";
import { utf8 } from "../../../src/crypto/bytes.ts";
import type { MessageId } from "../../../src/wire/ids.ts";

/** A conversation as rows. */
export interface Row {
  readonly number: number;
  readonly type: AnyConversationType;
  bytes: Uint8Array;
  readonly records: Map<RecordKey, Uint8Array>;
  readonly timers: Map<string, number>;
  /** Ids in the order of their first event, with the newest state. */
  readonly messages: Map<MessageId, { readonly direction: "in" | "out"; state: string }>;
  readonly events: ConversationEvent[];
  /** What the timers of these names bring: words of other conversations. */
  readonly told: Map<string, Uint8Array>;
  isClosed: boolean;
}

/** As a restarted node has it: from bytes. */
// biome-ignore lint/suspicious/noExplicitAny: tests look into the states of types that they know.
export function stateOf(row: Row): any {
  return row.type.state.decode(row.bytes);
}

/** What the engine would load: a record, or what the message table knows. */
export function recordOf(row: Row, key: RecordKey): Uint8Array | undefined {
  if (!key.startsWith("message/")) return row.records.get(key);
  if (key === RECORD_QUEUED) return utf8(queuedIn(row).join("\n"));
  const known = row.messages.get(key.slice("message/".length) as MessageId);
  return known === undefined ? undefined : utf8(known.state.replace(/^message\./, ""));
}

function queuedIn({ messages }: Row): MessageId[] {
  const isQueued = ({ direction, state }: { readonly direction: string; readonly state: string }) =>
    direction === "out" && state === "message.queued";
  return [...messages].flatMap(([id, message]) => (isQueued(message) ? [id] : []));
}

/** In the order of the real store: drops before puts, cancels before schedules. */
export function applyRows(row: Row, effects: readonly Effect[], all: readonly Row[]): void {
  for (const effect of effects) {
    if (effect.kind === "drop") row.records.delete(effect.key);
    if (effect.kind === "cancel") row.timers.delete(effect.name);
  }
  for (const effect of effects) {
    if (effect.kind === "put") row.records.set(effect.key, effect.bytes.slice());
    if (effect.kind === "schedule") row.timers.set(effect.name, effect.atMs);
    if (effect.kind === "deliver") applyEvent(row, effect.event, all);
  }
}

/** A message is announced once in each state, as the real message table does. */
function applyEvent(row: Row, event: ConversationEvent, all: readonly Row[]): void {
  if (event.type === "message.received" || event.type === "message.queued") {
    if (row.messages.has(event.messageId)) return;
    const elsewhere = event.type === "message.received" ? (event.otherIds ?? []) : [];
    if (elsewhere.some((id) => all.some(({ messages }) => messages.has(id)))) return;
    const direction = event.type === "message.received" ? "in" : "out";
    row.messages.set(event.messageId, { direction, state: event.type });
  } else if (event.type === "message.delivered" || event.type === "message.failed") {
    const message = row.messages.get(event.messageId);
    assert.ok(message?.direction === "out", "only our own messages are delivered or fail");
    assert.equal(message.state, "message.queued", "a fate is final and told once");
    message.state = event.type;
  }
  if (event.type === "message.retried") {
    const message = row.messages.get(event.messageId);
    assert.ok(message?.state === "message.failed", "only what has failed is tried again");
    message.state = "message.queued";
  }
  row.events.push(event);
}
