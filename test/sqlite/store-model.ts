/** What a Store holds after turns, in the simplest form that could be right: plain values, copied before each turn. */
import type { ConversationWrite, MessageState, TurnCommit } from "../../src/engine/ports.ts";

interface ModelMessage {
  readonly conversation: number;
  readonly id: string;
  state: MessageState;
}

/** Everything that tests compare. */
export interface Model {
  revisions: Record<number, number>;
  states: Record<number, string>;
  records: Record<string, string>;
  timers: Record<string, number>;
  messages: ModelMessage[];
  events: string[];
  outbox: { id: number; conversation: number; ordered: boolean; messageId: string | undefined }[];
  outboxIds: number;
}

export function emptyModel(): Model {
  return { revisions: {}, states: {}, records: {}, timers: {}, messages: [], events: [], outbox: [], outboxIds: 0 };
}

/** The model after the turn, or undefined when the turn is refused. */
export function after(model: Model, turn: TurnCommit): Model | undefined {
  const next = structuredClone(model);
  const { firedTimer: fired } = turn;
  if (fired !== undefined) {
    const key = `${fired.conversation} ${fired.name}`;
    if (next.timers[key] === fired.atMs) delete next.timers[key];
  }
  for (const write of turn.conversations) {
    if ((next.revisions[write.number] ?? 0) !== write.expectedRevision) return undefined;
    apply(next, write);
  }
  return next;
}

function apply(model: Model, write: ConversationWrite): void {
  const { number } = write;
  model.revisions[number] = write.expectedRevision + 1;
  model.states[number] = Buffer.from(write.state).toString();
  for (const key of write.dropRecords) delete model.records[`${number} ${key}`];
  for (const { key, bytes } of write.putRecords) model.records[`${number} ${key}`] = Buffer.from(bytes).toString();
  for (const name of write.cancelTimers) delete model.timers[`${number} ${name}`];
  for (const { name, atMs } of write.setTimers) model.timers[`${number} ${name}`] = atMs;
  const news = new Set<string>();
  for (const { messageId, state } of write.newMessages) {
    if (messageOf(model, number, messageId) !== undefined) continue;
    model.messages.push({ conversation: number, id: messageId, state });
    news.add(`${messageId} message.${state}`);
  }
  for (const { messageId, state } of write.messageStates) {
    const message = messageOf(model, number, messageId);
    if (message === undefined || !mayBecome[message.state].includes(state)) continue;
    message.state = state;
    news.add(`${messageId} message.${state}`);
  }
  for (const { type, messageId } of write.events) {
    if (messageId !== undefined && !news.delete(`${messageId} ${type}`)) continue;
    model.events.push(`${number} ${type} ${messageId}`);
  }
  for (const { purpose, messageId } of write.outbox) {
    const ordered = purpose === "content" || purpose === "invite";
    model.outbox.push({ id: ++model.outboxIds, conversation: number, ordered, messageId });
  }
}

/** What the outbox may send now, by id. */
export function ready(model: Model): number[] {
  const rows = model.outbox.filter(
    (row) =>
      !row.ordered ||
      !model.outbox.some((other) => other.ordered && other.conversation === row.conversation && other.id < row.id),
  );
  return rows.map((row) => row.id);
}

export function published(model: Model, id: number): Model {
  const next = structuredClone(model);
  const row = next.outbox.find((candidate) => candidate.id === id);
  next.outbox = next.outbox.filter((candidate) => candidate !== row);
  const message = row?.messageId === undefined ? undefined : messageOf(next, row.conversation, row.messageId);
  if (message === undefined || !mayBecome[message.state].includes("published")) return next;
  message.state = "published";
  next.events.push(`${message.conversation} message.published ${message.id}`);
  return next;
}

function messageOf(model: Model, conversation: number, id: string): ModelMessage | undefined {
  return model.messages.find((message) => message.conversation === conversation && message.id === id);
}

const mayBecome: Readonly<Record<MessageState, readonly MessageState[]>> = {
  queued: ["published", "stored", "delivered", "failed"],
  published: ["stored", "delivered", "failed"],
  stored: ["delivered", "failed"],
  delivered: [],
  failed: [],
  received: [],
};
