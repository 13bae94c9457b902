/** Rows for tests of the Store port: complete by default, so that a test names only what it is about. */
import { UmbradError } from "../../../src/engine/errors.ts";
import type {
  ConversationWrite,
  MessageRow,
  NewEvent,
  OutboxRow,
  Store,
  TurnCommit,
} from "../../../src/engine/ports.ts";
import type { ContentTopic, MessageId } from "../../../src/wire/ids.ts";

export const topic = (name: string): ContentTopic => `/umbra/1/${name}/proto` as ContentTopic;
export const messageId = (name: string): MessageId => Buffer.from(name.padEnd(16, "-")).toString("hex") as MessageId;
export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

export function conversationWrite(number: number, part: Partial<ConversationWrite> = {}): ConversationWrite {
  return {
    number,
    type: "private/v1",
    expectedRevision: 0,
    state: bytes(`state of ${number}`),
    conversationId: `/private/v1/${number}`,
    createdAtMs: 1000 + number,
    closed: false,
    putRecords: [],
    dropRecords: [],
    setTimers: [],
    cancelTimers: [],
    newMessages: [],
    messageStates: [],
    revived: [],
    events: [],
    outbox: [],
    ...part,
  };
}

/** A turn of conversation 0 unless told otherwise. */
export function turn(part: Partial<ConversationWrite> = {}, rest: Partial<TurnCommit> = {}): TurnCommit {
  return { atMs: 5000, conversations: [conversationWrite(part.number ?? 0, part)], ...rest };
}

/** A turn that touches no conversation. */
export function bareTurn(rest: Partial<TurnCommit>): TurnCommit {
  return { atMs: 5000, conversations: [], ...rest };
}

export function newMessage(
  name: string,
  part: Partial<Omit<MessageRow, "rowId" | "conversation">> = {},
): Omit<MessageRow, "rowId" | "conversation"> {
  return {
    messageId: messageId(name),
    direction: "out",
    state: "queued",
    timestampMs: 4000,
    body: { sender: "us", domain: 1, tag: 2, bytes: bytes(`content of ${name}`) },
    ...part,
  };
}

export function about(type: string, name: string): NewEvent {
  return { type, messageId: messageId(name) };
}

export function outboxRow(
  name: string,
  part: Partial<Omit<OutboxRow, "id" | "conversation" | "attempts">> = {},
): Omit<OutboxRow, "id" | "conversation" | "attempts"> {
  return {
    topic: topic("b4-7"),
    envelope: bytes(`envelope ${name}`),
    purpose: "content",
    messageId: undefined,
    dueAtMs: 100,
    queuedAtMs: 50,
    ...part,
  };
}

/** What `assert.throws` wants to hear of a turn that came second. */
export const conflict = (error: unknown): boolean => error instanceof UmbradError && error.code === "store/conflict";

/** Cases of a suite, by title. */
export type StoreCases = Readonly<Record<string, (store: Store, reopen: () => Promise<Store>) => void | Promise<void>>>;
