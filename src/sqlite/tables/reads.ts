/** Reads that join several tables. */
import { RECORD_QUEUED } from "../../conversation/contract.ts";
import { utf8 } from "../../crypto/bytes.ts";
import type { ConversationNumber, MessageTrace } from "../../engine/ports.ts";
import type { MessageId } from "../../wire/ids.ts";
import type { Tables } from "../commit.ts";

const MESSAGE_RECORD = "message/";
/** Ids read at once: some 10 ms. */
const QUEUED_MAX = 1_000;

/** Those that exist. `message/…` are views of the message table: the name of a message's state, and which are queued. */
export function readRecords(
  tables: Tables,
  conversation: ConversationNumber,
  keys: readonly string[],
): Map<string, Uint8Array> {
  const found = new Map<string, Uint8Array>();
  for (const key of keys) {
    const bytes = readRecord(tables, conversation, key);
    if (bytes !== undefined) found.set(key, bytes);
  }
  return found;
}

function readRecord(tables: Tables, conversation: ConversationNumber, key: string): Uint8Array | undefined {
  if (!key.startsWith(MESSAGE_RECORD)) return tables.conversations.record(conversation, key);
  if (key === RECORD_QUEUED) {
    const queued = tables.messages.queued(QUEUED_MAX, conversation);
    return utf8(queued.map(({ messageId }) => messageId).join("\n"));
  }
  const state = tables.messages.stateOf(conversation, key.slice(MESSAGE_RECORD.length) as MessageId);
  return state === undefined ? undefined : utf8(state);
}

/** All that is on disk about one message. */
export function readTrace(tables: Tables, messageId: MessageId): MessageTrace | undefined {
  const { messages, events, outbox, publications } = tables;
  const message = messages.find(messageId);
  if (message === undefined) return undefined;
  return {
    message,
    events: events.about(message.rowId),
    outbox: outbox.find(message.conversation, messageId),
    publication: publications.find(message.rowId),
  };
}
