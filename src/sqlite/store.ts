/** The Store port on SQLite. Each method is a query or one transaction; the rules are in the tables' own files. */
import { utf8 } from "../crypto/bytes.ts";
import { InvariantError, type UmbradError } from "../engine/errors.ts";
import type {
  CommitReceipt,
  ConsumerRow,
  ContactRow,
  ConversationNumber,
  CursorWrite,
  EventBounds,
  EventRow,
  ExpiryBounds,
  MessageRow,
  MessageTrace,
  NewEvent,
  Store,
  StoredConversation,
  TurnCommit,
} from "../engine/ports.ts";
import type { ContentTopic, MessageId } from "../wire/ids.ts";
import { type Tables, writeTurn } from "./commit.ts";
import { ContactTable } from "./contacts/contact-table.ts";
import { ConversationTables } from "./conversations.ts";
import { type Database, isDiskFault } from "./database.ts";
import { ConsumerTable } from "./event-log/consumers.ts";
import { pruneEvents } from "./event-log/retention.ts";
import { EventTable } from "./events.ts";
import { type Answer, IntakeTables } from "./intake.ts";
import { MessageTable } from "./messages.ts";
import { OutboxTable } from "./outbox.ts";
import type { Keeping } from "./rollback/changes.ts";
import { Rollbacks } from "./rollback/rollbacks.ts";
import type { Sealer } from "./seal.ts";
import { noteRan, ranAtMs, setRowsBack } from "./tables/dated-rows.ts";
import { ExpiryTable } from "./tables/expiry.ts";
import { writeGroup } from "./tables/group.ts";
import { PublicationTable } from "./tables/publications.ts";
import { QuotaTable } from "./tables/quota.ts";
import { readRecords, readTrace } from "./tables/reads.ts";
import { TokenRows } from "./tables/tokens.ts";
import { WaitingRows } from "./tables/waiting-rows.ts";

/** Owns the connection until `close`; `release` gives the state directory free after it. */
export class SqliteStore extends WaitingRows implements Store {
  readonly #database: Database;
  readonly #sealer: Sealer;
  protected readonly tables: Tables;
  readonly rollbacks: Rollbacks;
  readonly #consumers: ConsumerTable;
  readonly tokenTable: TokenRows;
  readonly #release: () => void;
  readonly #changes: Keeping["changes"];
  readonly #contacts: ContactTable;
  readonly #expiry: ExpiryTable;
  #onFault: ((fault: UmbradError) => void) | undefined;
  readonly #onCommitFault: Keeping["onCommitFault"];
  #closed = false;

  constructor(database: Database, sealer: Sealer, { changes, release, onCommitFault }: Keeping) {
    super();
    this.#database = database;
    this.#sealer = sealer;
    this.#release = release;
    this.#changes = changes;
    this.#onCommitFault = onCommitFault;
    this.#consumers = new ConsumerTable(database);
    this.tokenTable = new TokenRows(database, sealer, (body) => this.write(body));
    const messages = new MessageTable(database, sealer);
    this.#contacts = new ContactTable(database, sealer);
    this.#expiry = new ExpiryTable(database);
    this.tables = {
      conversations: new ConversationTables(database, sealer),
      messages,
      events: new EventTable(database, sealer, messages),
      outbox: new OutboxTable(database, sealer),
      publications: new PublicationTable(database, sealer),
      intake: new IntakeTables(database, sealer),
      quota: new QuotaTable(database),
    };
    this.rollbacks = new Rollbacks(database, this.tables, (body) => this.write(body));
  }

  commit(turn: TurnCommit): CommitReceipt {
    return this.write(() => writeTurn(this.tables, turn));
  }

  commitAll(turns: readonly TurnCommit[]): (CommitReceipt | UmbradError)[] {
    return this.write(() => writeGroup(this.#database, this.tables, turns));
  }

  conversations(): IterableIterator<StoredConversation> {
    return this.tables.conversations.open();
  }

  conversation(number: ConversationNumber): StoredConversation | undefined {
    return this.tables.conversations.find(number);
  }

  conversationById(conversationId: string): ConversationNumber | undefined {
    return this.tables.conversations.numberOf(conversationId);
  }

  nextConversationNumber(): ConversationNumber {
    return this.tables.conversations.nextNumber();
  }

  renameConversation(number: ConversationNumber, name: string): void {
    this.write(() => this.tables.conversations.rename(number, name));
  }

  contacts(): ContactRow[] {
    return this.#contacts.list();
  }

  putContact(row: ContactRow): void {
    this.write(() => this.#contacts.put(row));
  }

  records(conversation: ConversationNumber, keys: readonly string[]): Map<string, Uint8Array> {
    return readRecords(this.tables, conversation, keys);
  }

  trace(messageId: MessageId): MessageTrace | undefined {
    return readTrace(this.tables, messageId);
  }

  recentWakuHashes(limit: number): Uint8Array[] {
    return this.tables.intake.recentHashes(limit);
  }

  hasWakuHash(hash: Uint8Array): boolean {
    return this.tables.intake.hasHash(hash);
  }

  cursor(topic: ContentTopic): number | undefined {
    return this.tables.intake.cursor(topic);
  }

  saveCursor(cursor: CursorWrite): void {
    this.write(() => this.tables.intake.advance(cursor));
  }

  events(query: Parameters<Store["events"]>[0]): EventRow[] {
    return this.tables.events.list(query);
  }

  lastSeq(): number {
    return this.tables.events.lastSeq();
  }

  firstSeq(): number {
    return this.tables.events.firstSeq();
  }

  pruneEvents(bounds: EventBounds, limit: number): number {
    return this.write(() => pruneEvents(this.#database, this.#consumers.leastAcked(), bounds, limit));
  }

  setExpiry(conversation: ConversationNumber, ms: number | undefined): void {
    this.write(() => this.#expiry.set(conversation, ms));
  }

  expiry(conversation: ConversationNumber): number | undefined {
    return this.#expiry.of(conversation);
  }

  expiries(...query: Parameters<Store["expiries"]>): ReturnType<Store["expiries"]> {
    return this.#expiry.page(...query);
  }

  expireMessages(bounds: ExpiryBounds, limit: number): number {
    return this.write(() => this.#expiry.expire(this.tables, bounds, this.#consumers.leastAcked(), limit));
  }

  emptyLog(): void {
    this.#expiry.emptyLog();
  }

  consumers(): ConsumerRow[] {
    return this.#consumers.list();
  }

  consumer(name: string): ConsumerRow | undefined {
    return this.#consumers.find(name);
  }

  addConsumer(consumer: Omit<ConsumerRow, "ackedAtMs">): void {
    this.write(() => this.#consumers.add(consumer));
  }

  acknowledge(name: string, seq: number, atMs: number): void {
    this.write(() => this.#consumers.acknowledge(name, seq, atMs));
  }

  dropConsumer(name: string): void {
    this.write(() => this.#consumers.drop(name));
  }

  appendEvent(event: NewEvent, atMs: number): EventRow {
    const { messages, events } = this.tables;
    const messageOf = () => (event.messageId === undefined ? undefined : messages.find(event.messageId));
    return this.write(() => events.append(event, { atMs, message: messageOf() }));
  }

  messages(query: {
    readonly conversation: ConversationNumber;
    readonly limit: number;
    readonly before?: number;
  }): MessageRow[] {
    const { conversation, limit, before = Number.MAX_SAFE_INTEGER } = query;
    return this.tables.messages.list(conversation, limit, before);
  }

  message(messageId: MessageId): MessageRow | undefined {
    return this.tables.messages.find(messageId);
  }

  idempotent(key: string): Answer | undefined {
    return this.tables.intake.answerTo(key);
  }

  clockSetBack(nowMs: number, byMs: number): void {
    this.write(() => setRowsBack(this.#database, nowMs, byMs));
  }

  ran(atMs: number): void {
    this.write(() => noteRan(this.#database, atMs));
  }

  ranAtMs(): number | undefined {
    return ranAtMs(this.#database);
  }

  forgetCursorsAfter(nowMs: number): void {
    this.write(() => this.#database.run("UPDATE cursor SET through_ms = 0 WHERE through_ms > ?", nowMs));
  }

  backedUp(atMs: number): void {
    const sql = "INSERT OR REPLACE INTO meta (key, value) VALUES ('backed-up', ?)";
    this.write(() => this.#database.run(sql, utf8(String(atMs))));
  }

  backedUpAtMs(): number | undefined {
    const row = this.#database.get<{ value: Uint8Array }>("SELECT value FROM meta WHERE key = 'backed-up'");
    return row === undefined ? undefined : Number(Buffer.from(row.value).toString());
  }

  probe(bytes = 8): void {
    // Another value each time, so that there is something to write.
    const sql = "INSERT OR REPLACE INTO meta (key, value) VALUES ('probe', randomblob(?))";
    this.write(() => this.#database.run(sql, bytes));
  }

  onFault(listener: (fault: UmbradError) => void): void {
    this.#onFault = listener;
  }

  prune(beforeMs: number): void {
    this.write(() => this.tables.intake.prune(beforeMs));
  }

  /** Twice is allowed: a shutdown that failed half-way closes again. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    try {
      this.#database.close();
      this.#changes?.close();
    } finally {
      this.#sealer.wipe();
      this.#release();
    }
  }

  protected write<Result>(body: () => Result): Result {
    if (this.#closed) throw new InvariantError("nothing writes to a store after it was closed");
    let result: Result;
    try {
      result = this.#database.transaction(() => {
        this.#changes?.count();
        return body();
      });
    } catch (error) {
      if (isDiskFault(error)) {
        this.#onCommitFault?.(error);
        this.#onFault?.(error);
      }
      throw error;
    }
    this.#changes?.committed();
    return result;
  }
}
