/**
 * Writes one turn into the tables. Always called inside a transaction that it neither begins nor ends, so that several
 * turns can share one. No await and no decision of the engine's here: rows in, rows out.
 */
import type {
  CommitReceipt,
  ConversationNumber,
  ConversationWrite,
  EventRow,
  LookOutcome,
  MessageRow,
  NewEvent,
  NewMessage,
  Published,
  TurnCommit,
} from "../engine/ports.ts";
import type { MessageId } from "../wire/ids.ts";
import type { ConversationTables } from "./conversations.ts";
import type { EventTable } from "./events.ts";
import type { IntakeTables } from "./intake.ts";
import type { MessageTable } from "./messages.ts";
import type { OutboxTable } from "./outbox.ts";
import type { PublicationTable } from "./tables/publications.ts";
import type { QuotaTable } from "./tables/quota.ts";

export interface Tables {
  readonly conversations: ConversationTables;
  readonly messages: MessageTable;
  readonly events: EventTable;
  readonly outbox: OutboxTable;
  readonly publications: PublicationTable;
  readonly intake: IntakeTables;
  readonly quota: QuotaTable;
}

/** All rows of the turn; throws `store/conflict` when another was first. */
export function writeTurn(tables: Tables, turn: TurnCommit): CommitReceipt {
  const { conversations, outbox, intake } = tables;
  // Consumed things go first: what the turn sets anew under the same name must stay.
  if (turn.firedTimer !== undefined) conversations.dropFiredTimer(turn.firedTimer);
  if (turn.unparked !== undefined) intake.parkedDrop(turn.unparked);
  for (const id of [turn.removeOutbox ?? []].flat()) outbox.remove(id);
  const events = turn.conversations.flatMap((write) => writeConversation(tables, write, turn.atMs));
  if (turn.spend !== undefined) tables.quota.write(turn.spend, turn.atMs);
  // Last: the conversation that is told may be of this turn.
  for (const tell of turn.tells ?? []) conversations.addTell(tell);
  if (turn.seenWakuHash !== undefined) intake.remember(turn.seenWakuHash, turn.atMs);
  if (turn.cursor !== undefined) intake.advance(turn.cursor);
  if (turn.idempotency !== undefined) intake.answer(turn.idempotency, turn.atMs);
  return { events };
}

/** A published row leaves, its message moves on, and the event tells of it: once, however often it was published. */
export function writePublished(
  tables: Tables,
  id: number,
  atMs: number,
  published: Published | undefined,
): CommitReceipt {
  const entry = tables.outbox.remove(id);
  if (entry?.messageId === undefined) return { events: [] };
  const { conversation, messageId } = entry;
  const rowId = tables.messages.rowIdOf(conversation, messageId);
  if (rowId === undefined) return { events: [] };
  const hasMoved = tables.messages.advance(rowId, "published");
  const message = tables.messages.read(rowId);
  if (published !== undefined && message?.state === "published") {
    tables.publications.add(rowId, { ...entry, messageId }, published);
  }
  if (!hasMoved) return { events: [] };
  const data = published === undefined ? {} : { peers: published.peers };
  return { events: [tables.events.append({ type: "message.published", data }, { atMs, conversation, message })] };
}

/** What Store nodes said of published messages. Who has moved on meanwhile has no publication any more. */
export function writeLooked(tables: Tables, outcome: LookOutcome, atMs: number): CommitReceipt {
  const { messages, publications, outbox, events } = tables;
  const told = outcome.stored.flatMap((rowId) => {
    if (publications.find(rowId) === undefined || !messages.advance(rowId, "stored")) return [];
    const message = messages.read(rowId);
    const about = message === undefined ? {} : { conversation: message.conversation };
    return [events.append({ type: "message.stored" }, { atMs, message, ...about })];
  });
  for (const { message, dueAtMs } of outcome.later) publications.lookLater(message, dueAtMs);
  for (const rowId of outcome.enough) publications.rest(rowId);
  for (const rowId of outcome.again) {
    const row = publications.find(rowId);
    if (row === undefined) continue;
    publications.rest(rowId);
    const { topic, envelope, messageId } = row;
    // A repetition: what was queued since need not wait for it.
    outbox.add(row.conversation, { topic, envelope, messageId, purpose: "repeat", dueAtMs: atMs, queuedAtMs: atMs });
  }
  return { events: told };
}

function writeConversation(tables: Tables, write: ConversationWrite, atMs: number): EventRow[] {
  tables.conversations.write(write);
  tables.conversations.writeRecords(write);
  tables.conversations.writeTimers(write, atMs);
  const changes = new MessageChanges(tables.messages, write, atMs);
  const events = write.events
    .filter((event) => changes.isNews(event))
    .map((event) => {
      const message = event.messageId === undefined ? undefined : changes.message(event.messageId);
      return tables.events.append(event, { atMs, conversation: write.number, message });
    });
  for (const key of changes.orphanedParts()) tables.conversations.dropRecord(write.number, key);
  for (const row of write.outbox) tables.outbox.add(write.number, row);
  return write.closed ? [...events, ...closeConversation(tables, write.number, atMs)] : events;
}

/** Nothing of it is repeated or acknowledged any more, so what has not arrived by now has failed, and whoever sent it hears so. */
function closeConversation(tables: Tables, conversation: ConversationNumber, atMs: number): EventRow[] {
  tables.conversations.clear(conversation, partsOfMessages(tables, conversation));
  tables.outbox.dropMessages(conversation);
  const reason = "the conversation was closed before the peer had acknowledged the message: it may have arrived";
  return tables.messages.unfinished(conversation).map((message) => {
    tables.messages.advance(message.rowId, "failed");
    const failed: MessageRow = { ...message, state: "failed" };
    return tables.events.append({ type: "message.failed", data: { reason } }, { atMs, conversation, message: failed });
  });
}

/** Records that hold content of messages: history outlives the conversation. What was sent in it has no further try. */
function* partsOfMessages(tables: Tables, conversation: ConversationNumber): Generator<string> {
  for (const message of tables.messages.all(conversation)) if (message.direction === "in") yield* partsOf(message);
}

function partsOf({ body }: Pick<NewMessage, "body">): string[] {
  const { prefix, count } = body.attachment?.parts ?? { prefix: "", count: 0 };
  return Array.from({ length: count }, (_, index) => `${prefix}${index}`);
}

/** The message changes of one write: which of them took effect, and the rows as they are after it. */
class MessageChanges {
  readonly #messages: MessageTable;
  readonly #write: ConversationWrite;
  /** `id state` → whether it took effect. */
  readonly #fresh = new Map<string, boolean>();
  readonly #announced = new Set<string>();
  readonly #rows = new Map<MessageId, MessageRow | undefined>();

  constructor(messages: MessageTable, write: ConversationWrite, atMs: number) {
    this.#messages = messages;
    this.#write = write;
    for (const message of write.newMessages) this.#insert(message, atMs);
    for (const messageId of write.revived) {
      const rowId = this.#rowId(messageId);
      const hasMoved = rowId !== undefined && messages.revive(rowId);
      if (hasMoved) this.#moved(messageId, "queued");
      this.#note(messageId, "retried", hasMoved);
    }
    for (const { messageId, state } of write.messageStates) {
      const rowId = this.#rowId(messageId);
      const moved = rowId !== undefined && messages.advance(rowId, state);
      if (moved) this.#moved(messageId, state);
      this.#note(messageId, state, moved);
    }
  }

  /** False when the change that the event tells of was a repetition, so that a message is announced once. */
  isNews(event: NewEvent): boolean {
    if (event.messageId === undefined) return true;
    const change = `${event.messageId} ${event.type.replace(/^message\./, "")}`;
    const fresh = this.#fresh.get(change);
    if (fresh === undefined) return !this.#allRepeated(event.messageId);
    if (this.#announced.has(change)) return false;
    this.#announced.add(change);
    return fresh;
  }

  /** Of content that came, and was there already: nothing refers to these records. */
  orphanedParts(): string[] {
    const isDropped = ({ messageId, direction }: NewMessage) =>
      direction === "in" && this.#fresh.get(`${messageId} received`) === false;
    return this.#write.newMessages.filter(isDropped).flatMap(partsOf);
  }

  message(messageId: MessageId): MessageRow | undefined {
    if (!this.#rows.has(messageId)) {
      const rowId = this.#messages.rowIdOf(this.#write.number, messageId);
      this.#rows.set(messageId, rowId === undefined ? undefined : this.#messages.read(rowId));
    }
    return this.#rows.get(messageId);
  }

  #rowId(messageId: MessageId): number | undefined {
    return this.#rows.get(messageId)?.rowId ?? this.#messages.rowIdOf(this.#write.number, messageId);
  }

  #insert(message: NewMessage, atMs: number): void {
    const row = this.#messages.insert(this.#write.number, message, atMs);
    if (row !== undefined) this.#rows.set(message.messageId, row);
    this.#note(message.messageId, message.state, row !== undefined);
  }

  #note(messageId: MessageId, state: MessageRow["state"] | "retried", fresh: boolean): void {
    const change = `${messageId} ${state}`;
    this.#fresh.set(change, fresh || this.#fresh.get(change) === true);
  }

  #moved(messageId: MessageId, state: MessageRow["state"]): void {
    const row = this.#rows.get(messageId);
    if (row !== undefined) this.#rows.set(messageId, { ...row, state });
  }

  #allRepeated(messageId: MessageId): boolean {
    const outcomes = [...this.#fresh].filter(([change]) => change.startsWith(`${messageId} `));
    return outcomes.length > 0 && outcomes.every(([, fresh]) => !fresh);
  }
}
