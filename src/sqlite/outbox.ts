/**
 * Committed envelopes that are not published yet. Topic and envelope are public on the network, but not that they are
 * of one conversation of ours: both are sealed.
 */
import type { Purpose } from "../conversation/contract.ts";
import type { ConversationNumber, OutboxRow } from "../engine/ports.ts";
import type { ContentTopic, MessageId } from "../wire/ids.ts";
import type { Database, Row } from "./database.ts";
import { type Place, packRow, type Sealer, unpackRow } from "./seal.ts";

interface StoredOutbox extends Row {
  id: number;
  conversation: number;
  purpose: number;
  attempts: number;
  due_at_ms: number;
  queued_at_ms: number;
  body: Uint8Array;
}

interface Header {
  readonly topic: ContentTopic;
  readonly messageId?: MessageId;
}

const columns = "id, conversation, purpose, attempts, due_at_ms, queued_at_ms, body";

/** Names are in the database by position. Those before `FIRST_UNORDERED` keep the order of their conversation. */
const purposes: readonly Purpose[] = ["invite", "content", "repeat", "acknowledgement"];
const FIRST_UNORDERED = 2;
/** Values of the column `queue`. */
const BEHIND = 0;
const INVITES = 1;
const SHARE = 2;
const CONTENT = 3;
const QUEUES = [INVITES, SHARE, CONTENT];

/** What a row that was taken away was about. */
interface OutboxEntry {
  readonly conversation: ConversationNumber;
  readonly messageId: MessageId | undefined;
  readonly topic: ContentTopic;
  readonly envelope: Uint8Array;
}

export class OutboxTable {
  readonly #database: Database;
  readonly #sealer: Sealer;

  constructor(database: Database, sealer: Sealer) {
    this.#database = database;
    this.#sealer = sealer;
  }

  /** Only inside a transaction: id and place in the queue are read before they are written. */
  add(conversation: ConversationNumber, row: Omit<OutboxRow, "id" | "conversation" | "attempts">): void {
    const { topic, messageId, envelope } = row;
    const id = this.#nextId();
    const purpose = purposes.indexOf(row.purpose);
    const waits = purpose < FIRST_UNORDERED && this.#head(conversation) !== undefined;
    const header: Header = messageId === undefined ? { topic } : { topic, messageId };
    this.#database.run(
      `INSERT INTO outbox (id, conversation, purpose, queue, attempts, due_at_ms, queued_at_ms, body)
       VALUES (?, ?, ?, ?, 0, ?, ?, ?)`,
      id,
      conversation,
      purpose,
      waits ? BEHIND : queueOf(purpose),
      row.dueAtMs,
      row.queuedAtMs,
      this.#sealer.seal(placeOf(id, conversation), packRow({ ...header }, envelope)),
    );
  }

  /**
   * Invites first, so that a full queue of the rest cannot hide them; then acknowledgements and repetitions, which are
   * few where a quota counts; in each, whatever has waited longest. What the caller has already is left out of these,
   * before it costs an unsealing.
   */
  due(nowMs: number, limit: number, except: ReadonlySet<number>): OutboxRow[] {
    const rows: StoredOutbox[] = [];
    for (const queue of QUEUES) {
      const page = this.#database.all<StoredOutbox>(
        `SELECT ${columns} FROM outbox
         WHERE queue = ?1 AND queue > 0 AND due_at_ms <= ?2 ORDER BY due_at_ms, id LIMIT ?3`,
        queue,
        nowMs,
        limit - rows.length,
      );
      rows.push(...page.sort((a, b) => a.id - b.id));
    }
    return rows.filter(({ id }) => !except.has(id)).map((row) => this.#unseal(row));
  }

  nextDueMs(): number | undefined {
    const sql = "SELECT min(due_at_ms) FROM outbox WHERE queue = ";
    const times = QUEUES.map((queue) => this.#database.value(`${sql}${queue} AND queue > 0`));
    const due = times.filter((time) => typeof time === "number");
    return due.length === 0 ? undefined : Math.min(...due);
  }

  count(): number {
    return Number(this.#database.value("SELECT count(*) FROM outbox"));
  }

  /** The row of a message; the oldest, should it have several. A walk: names are sealed. */
  find(conversation: ConversationNumber, messageId: MessageId): OutboxRow | undefined {
    const sql = `SELECT ${columns} FROM outbox WHERE conversation = ? ORDER BY id`;
    for (const row of this.#database.all<StoredOutbox>(sql, conversation)) {
      const unsealed = this.#unseal(row);
      if (unsealed.messageId === messageId) return unsealed;
    }
    return undefined;
  }

  /** Oldest first. */
  list(limit: number, conversation: ConversationNumber | undefined): OutboxRow[] {
    const sql = `SELECT ${columns} FROM outbox WHERE ?1 IS NULL OR conversation = ?1 ORDER BY id LIMIT ?2`;
    return this.#database.all<StoredOutbox>(sql, conversation ?? null, limit).map((row) => this.#unseal(row));
  }

  hasten(id: number, dueAtMs: number): void {
    this.#database.run("UPDATE outbox SET due_at_ms = min(due_at_ms, ?) WHERE id = ?", dueAtMs, id);
  }

  oldestMs(): number | undefined {
    const time = this.#database.value("SELECT min(queued_at_ms) FROM outbox");
    return typeof time === "number" ? time : undefined;
  }

  /** Takes the row away and lets the next of its conversation leave; undefined when it is gone already. */
  remove(id: number): OutboxEntry | undefined {
    const row = this.#database.get<StoredOutbox>(`DELETE FROM outbox WHERE id = ? RETURNING ${columns}`, id);
    if (row === undefined) return undefined;
    if (row.purpose < FIRST_UNORDERED) this.#promote(row.conversation);
    return this.#unseal(row);
  }

  /** Of a conversation that is closed: what it has read is acknowledged all the same. */
  dropMessages(conversation: ConversationNumber): void {
    const acknowledgement = purposes.indexOf("acknowledgement");
    this.#database.run("DELETE FROM outbox WHERE conversation = ? AND purpose <> ?", conversation, acknowledgement);
  }

  /** All of it. */
  clear(): void {
    this.#database.run("DELETE FROM outbox");
  }

  retry(id: number, dueAtMs: number): void {
    this.#database.run("UPDATE outbox SET attempts = attempts + 1, due_at_ms = ? WHERE id = ?", dueAtMs, id);
  }

  #promote(conversation: ConversationNumber): void {
    const head = this.#head(conversation);
    if (head === undefined) return;
    this.#database.run("UPDATE outbox SET queue = ? WHERE id = ?", queueOf(head.purpose), head.id);
  }

  #head(conversation: ConversationNumber): { id: number; purpose: number } | undefined {
    return this.#database.get<{ id: number; purpose: number }>(
      "SELECT id, purpose FROM outbox WHERE conversation = ? AND purpose < 2 ORDER BY id LIMIT 1",
      conversation,
    );
  }

  /** Ids of removed rows are not given again, hence the sequence and not the largest row. */
  #nextId(): number {
    const last = this.#database.get<{ seq: number }>("SELECT seq FROM sqlite_sequence WHERE name = 'outbox'");
    return (last?.seq ?? 0) + 1;
  }

  #unseal(row: StoredOutbox): OutboxRow {
    const { id, conversation } = row;
    const { header, bytes } = unpackRow<Header>(this.#sealer.open(placeOf(id, conversation), row.body));
    return {
      id,
      conversation,
      topic: header.topic,
      envelope: bytes,
      purpose: purposes[row.purpose]!,
      messageId: header.messageId,
      attempts: row.attempts,
      dueAtMs: row.due_at_ms,
      queuedAtMs: row.queued_at_ms,
    };
  }
}

function queueOf(purpose: number): number {
  if (purpose === 0) return INVITES;
  return purpose < FIRST_UNORDERED ? CONTENT : SHARE;
}

function placeOf(id: number, conversation: ConversationNumber): Place {
  return { column: "outbox.body", row: [id, conversation] };
}
