/**
 * What the engine needs from the world: a Store, a Transport, a clock with randomness, and a log. Adapters implement
 * these; the engine never imports an adapter.
 */
import type { Attachment, Effect, Purpose, RecordKey, TokenNeed } from "../conversation/contract.ts";
import type { ContentTopic, MessageId } from "../wire/ids.ts";
import type { ContactStore } from "./contacts/contact-store.ts";
import type { UmbradError } from "./errors.ts";
import type { EventLog } from "./event-log/port.ts";
import type { DatedRows } from "./port/clock.ts";
import type { LookOutcome, MessageTrace, PublicationRow, Published } from "./port/delivery.ts";
import type { BackupRecord, DiskStore } from "./port/disk.ts";
import type { ExpiryStore } from "./port/expiry.ts";
import type { ParkedStore } from "./port/parked.ts";
import type { Spend, SpentRows } from "./port/quota.ts";
import type { RollbackStore } from "./port/rollback.ts";
import type { TokenTable } from "./port/tokens.ts";

export type { ContactRow, ContactStore } from "./contacts/contact-store.ts";
export type { ConsumerRow, EventBounds } from "./event-log/port.ts";
export type { Log, LogFields } from "./log/log.ts";
export type { LookOutcome, MessageTrace, PublicationRow, Published } from "./port/delivery.ts";
export type { ExpiryBounds } from "./port/expiry.ts";
export type { ParkedRow } from "./port/parked.ts";
export type { Spend, SpentRows } from "./port/quota.ts";
export type { RollbackCause, RollbackStore } from "./port/rollback.ts";
export type { TokenRow, TokenTable } from "./port/tokens.ts";

/** Number of a conversation in this database: 0 is the default inbox, its handle is `c<number>`. Never reused. */
export type ConversationNumber = number;

export interface StoredConversation {
  readonly number: ConversationNumber;
  readonly type: string;
  /** Number of committed turns. */
  readonly revision: number;
  readonly state: Uint8Array;
  readonly closed: boolean;
  /** Given by the operator; absent until `conversation rename`. */
  readonly name: string | undefined;
  readonly createdAtMs: number;
}

/** `queued → published → stored → delivered`, or `failed`; what we received is `received`. Never moves backwards. */
export type MessageState = "queued" | "published" | "stored" | "delivered" | "failed" | "received";

export interface MessageRow {
  /** Position in the message table: history is paged by it. */
  readonly rowId: number;
  readonly conversation: ConversationNumber;
  readonly messageId: MessageId;
  readonly direction: "in" | "out";
  readonly state: MessageState;
  readonly timestampMs: number;
  /** Sealed at rest. */
  readonly body: MessageBody;
}

export interface MessageBody {
  readonly sender: string;
  readonly domain: number;
  readonly tag: number;
  readonly bytes: Uint8Array;
  readonly attachment?: Attachment;
  /** Its content was deleted when it became too old. */
  readonly isExpired?: true;
}

export interface EventRow {
  /** Gap-free, from 1, assigned in the turn's commit. */
  readonly seq: number;
  readonly atMs: number;
  readonly type: string;
  /** undefined for events of the daemon itself. */
  readonly conversation: ConversationNumber | undefined;
  /** The message it is about, joined from the message table. */
  readonly message: MessageRow | undefined;
  /** Further fields, sealed at rest. */
  readonly data: Readonly<Record<string, unknown>>;
}

export interface OutboxRow {
  readonly id: number;
  readonly conversation: ConversationNumber;
  readonly topic: ContentTopic;
  /** Final bytes: a retry sends exactly these. */
  readonly envelope: Uint8Array;
  readonly purpose: Purpose;
  readonly messageId: MessageId | undefined;
  readonly attempts: number;
  readonly dueAtMs: number;
  readonly queuedAtMs: number;
}

export interface TimerRow {
  readonly conversation: ConversationNumber;
  readonly name: string;
  readonly atMs: number;
  /** Absent: it fires when it is due. Else it needs a token besides, where a quota counts. */
  readonly needs?: TokenNeed;
  /** Present: what another conversation tells this one, sealed at rest; the row is a word on its way and no timer. */
  readonly data?: Uint8Array;
}

/** Which timers: any; those that need no token; those that do; of these the acknowledgements. */
export type TimerChoice = "any" | "free" | "token" | "acknowledgement";

/** One conversation's part of a turn. */
export type NewMessage = Omit<MessageRow, "rowId" | "conversation"> & { readonly otherIds?: readonly MessageId[] };

export interface ConversationWrite {
  readonly number: ConversationNumber;
  readonly type: string;
  /** 0 creates the row; otherwise the write is refused with `store/conflict` when the stored revision differs. */
  readonly expectedRevision: number;
  readonly state: Uint8Array;
  /** Kept sealed; a keyed hash of it makes a second conversation with the same id impossible. Needed on creation. */
  readonly conversationId: string;
  readonly createdAtMs: number;
  readonly closed: boolean;
  readonly putRecords: readonly { readonly key: RecordKey; readonly bytes: Uint8Array }[];
  readonly dropRecords: readonly RecordKey[];
  /** One that needs a token, is due already and is set for now keeps its earlier time. A date: see `clockSetBack`. */
  readonly setTimers: readonly Omit<Extract<Effect, { kind: "schedule" }>, "kind">[];
  readonly cancelTimers: readonly string[];
  /** Inserted unless (conversation, messageId) exists, or one of `otherIds` anywhere. */
  readonly newMessages: readonly NewMessage[];
  /** Applied only forwards in the order of MessageState. */
  readonly messageStates: readonly { readonly messageId: MessageId; readonly state: MessageState }[];
  /** From `failed` back to `queued`; ignored in any other state. Before `messageStates`. */
  readonly revived: readonly MessageId[];
  /**
   * Appended in order. An event with `messageId` whose message insert or state change turned out to be a repetition is
   * not written: a message is announced once.
   */
  readonly events: readonly NewEvent[];
  readonly outbox: readonly Omit<OutboxRow, "id" | "conversation" | "attempts">[];
}

export interface NewEvent {
  readonly type: string;
  readonly messageId?: MessageId;
  readonly data?: Readonly<Record<string, unknown>>;
}

/** Everything one turn writes, in one transaction. */
export interface TurnCommit {
  readonly atMs: number;
  readonly conversations: readonly ConversationWrite[];
  /** Words between conversations, each under a name that was never used; the one told may be of this turn. */
  readonly tells?: readonly Required<Omit<TimerRow, "needs">>[];
  /** Waku message hash (32 bytes) of the envelope that this turn consumed: an exact duplicate is dropped at intake. */
  readonly seenWakuHash?: Uint8Array;
  /** Advance of the Store cursors: everything up to `atMs` on these topics is durable. */
  readonly cursor?: CursorWrite;
  /** Remembers a caller's key: the same key and fingerprint give the same reply. */
  readonly idempotency?: { readonly key: string; readonly fingerprint: string; readonly reply: unknown };
  /** The timer that this turn consumed; ignored if it was set anew meanwhile. */
  readonly firedTimer?: TimerRow;
  /** The parked envelope that this turn consumed. */
  readonly unparked?: number;
  /** The outbox rows that this turn removes (given up or cancelled). */
  readonly removeOutbox?: number | readonly number[];
  /** What it takes of the network's quota. */
  readonly spend?: Spend;
}

export interface CursorWrite {
  readonly topics: readonly ContentTopic[];
  /** Unix ms on our clock. */
  readonly throughMs: number;
}

export interface CommitReceipt {
  /** The events that this commit appended, with their seq. */
  readonly events: readonly EventRow[];
}

/**
 * Durable state. Synchronous, because a turn's commit must not be interleaved; every method throws UmbradError with a
 * `store/…` code when the environment fails. Bytes given and returned are plain: sealing is the adapter's.
 */
export interface Store extends EventLog, ContactStore, DatedRows, BackupRecord, DiskStore, ExpiryStore, ParkedStore {
  readonly rollbacks: RollbackStore;
  readonly tokenTable: TokenTable;

  /** Every open conversation, by number; closed ones too when asked. */
  conversations(): IterableIterator<StoredConversation>;
  conversation(number: ConversationNumber): StoredConversation | undefined;
  /** By keyed hash of the id. */
  conversationById(conversationId: string): ConversationNumber | undefined;
  nextConversationNumber(): ConversationNumber;
  renameConversation(number: ConversationNumber, name: string): void;

  /** Present keys only. `message/<id>` reads the message table: its value is the state's name in UTF-8. */
  records(conversation: ConversationNumber, keys: readonly RecordKey[]): Map<RecordKey, Uint8Array>;

  /** The only multi-row write: one transaction, durable (fsync) on return; all or nothing. */
  commit(turn: TurnCommit): CommitReceipt;
  /** Several turns in one transaction, a savepoint each: one fsync, and a refused turn (`store/conflict`) fails alone. */
  commitAll(turns: readonly TurnCommit[]): (CommitReceipt | UmbradError)[];

  // Outbox: written by turns, emptied by the outbox loop.
  /**
   * Rows due at or before `nowMs`, oldest id first within a conversation; only the head of each conversation. Of the first
   * `limit` those are left out whose ids are in `except`.
   */
  outboxDue(nowMs: number, limit: number, except?: ReadonlySet<number>): OutboxRow[];
  outboxNextDueMs(): number | undefined;
  outboxCount(): number;
  /** When the one that waits longest was queued. */
  outboxOldestMs(): number | undefined;
  /**
   * Published: removes the row, moves the message to `published` and appends `message.published`, in one commit. With
   * `published`, a message that is not stored yet becomes a publication.
   */
  outboxDone(id: number, atMs: number, published?: Published): CommitReceipt;
  outboxRetry(id: number, dueAtMs: number): void;
  /** Due then at the latest; no attempt is counted. */
  outboxHasten(id: number, dueAtMs: number): void;
  /** Oldest first: of all conversations, or of one. */
  outboxList(limit: number, conversation?: ConversationNumber): OutboxRow[];
  /** Our messages in the state `queued`, oldest first. */
  queuedMessages(limit: number): MessageRow[];

  // Publications: written by `outboxDone`, gone as soon as their message is `stored`, `delivered` or `failed`.
  publicationsDue(nowMs: number, limit: number): PublicationRow[];
  publicationsNextDueMs(): number | undefined;
  /** One commit; appends `message.stored` for each that was found, once. */
  looked(outcome: LookOutcome, atMs: number): CommitReceipt;
  trace(messageId: MessageId): MessageTrace | undefined;

  /** Those that are due longest first. */
  timersDue(nowMs: number, limit: number, which?: TimerChoice): TimerRow[];
  timersNextDueMs(which?: TimerChoice): number | undefined;

  /** What was spent of the network's quota: written by `TurnCommit.spend`. */
  quota(): SpentRows;

  /** Committed Waku message hashes, newest last, to warm the duplicate check. */
  recentWakuHashes(limit: number): Uint8Array[];
  hasWakuHash(hash: Uint8Array): boolean;
  cursor(topic: ContentTopic): number | undefined;
  /** For envelopes that changed nothing: at most once a second. */
  saveCursor(cursor: CursorWrite): void;

  /** Newest first; `before` is a rowId. */
  messages(query: {
    readonly conversation: ConversationNumber;
    readonly limit: number;
    readonly before?: number;
  }): MessageRow[];
  message(messageId: MessageId): MessageRow | undefined;
  idempotent(key: string): { readonly fingerprint: string; readonly reply: unknown } | undefined;

  /** Deletes what only bounds need: duplicate hashes and idempotency keys older than `beforeMs`. */
  prune(beforeMs: number): void;
  close(): void;
}

// ---------------------------------------------------------------- Transport

export type { Clock } from "./port/clock.ts";
export type { Meter } from "./port/meter.ts";
export type {
  IncomingMessage,
  NodeSubscription,
  PublishResult,
  Transport,
  TransportEvents,
  TransportStatus,
} from "./port/transport.ts";
