/** What intake and callers need remembered: parked envelopes, seen hashes, topic cursors, answers to repeated commands. */
import { fromHex, toHex } from "../crypto/bytes.ts";
import type { CursorWrite, ParkedRow, TurnCommit } from "../engine/ports.ts";
import type { ContentTopic } from "../wire/ids.ts";
import type { Database, Row } from "./database.ts";
import { type Place, packRow, type Sealer, unpackRow } from "./seal.ts";

interface StoredParked extends Row {
  id: number;
  conversation: number;
  hash_tag: Uint8Array;
  error_code: string;
  attempts: number;
  parked_at_ms: number;
  due_at_ms: number;
  body: Uint8Array;
}

const parkedColumns = "id, conversation, hash_tag, error_code, attempts, parked_at_ms, due_at_ms, body";

interface ParkedHeader {
  readonly topic: ContentTopic;
  readonly wakuHash: string;
}

/** What a caller's key stands for. */
export interface Answer {
  readonly fingerprint: string;
  readonly reply: unknown;
}

export class IntakeTables {
  readonly #database: Database;
  readonly #sealer: Sealer;

  constructor(database: Database, sealer: Sealer) {
    this.#database = database;
    this.#sealer = sealer;
  }

  /** Once for each envelope and conversation: the network delivers again what we could not take. */
  park(row: Omit<ParkedRow, "id" | "attempts">): boolean {
    const { conversation, topic, payload, wakuHash } = row;
    const tag = this.#sealer.tag("parked", wakuHash);
    const header: ParkedHeader = { topic, wakuHash: toHex(wakuHash) };
    const { changes } = this.#database.run(
      `INSERT INTO parked (conversation, hash_tag, error_code, attempts, parked_at_ms, due_at_ms, body)
       VALUES (?, ?, ?, 0, ?, ?, ?) ON CONFLICT (conversation, hash_tag) DO NOTHING`,
      conversation,
      tag,
      row.errorCode,
      row.parkedAtMs,
      row.dueAtMs,
      this.#sealer.seal(parkedPlace(conversation, tag), packRow({ ...header }, payload)),
    );
    return changes === 1;
  }

  parkedDue(nowMs: number, limit: number): ParkedRow[] {
    const rows = this.#database.all<StoredParked>(
      `SELECT ${parkedColumns} FROM parked WHERE due_at_ms <= ? ORDER BY due_at_ms, id LIMIT ?`,
      nowMs,
      limit,
    );
    return rows.map((row) => this.#unsealParked(row));
  }

  parkedRetryLater(id: number, dueAtMs: number, errorCode: string): void {
    this.#database.run(
      "UPDATE parked SET attempts = attempts + 1, due_at_ms = ?, error_code = ? WHERE id = ?",
      dueAtMs,
      errorCode,
      id,
    );
  }

  parkedDrop(id: number): void {
    this.#database.run("DELETE FROM parked WHERE id = ?", id);
  }

  parkedHasten(id: number, dueAtMs: number): boolean {
    const sql = "UPDATE parked SET due_at_ms = min(due_at_ms, ?) WHERE id = ?";
    return this.#database.run(sql, dueAtMs, id).changes === 1;
  }

  parkedList(limit: number): ParkedRow[] {
    const sql = `SELECT ${parkedColumns} FROM parked ORDER BY id LIMIT ?`;
    return this.#database.all<StoredParked>(sql, limit).map((row) => this.#unsealParked(row));
  }

  parkedCount(): number {
    return Number(this.#database.value("SELECT count(*) FROM parked"));
  }

  parkedNextDueMs(): number | undefined {
    return (this.#database.value("SELECT min(due_at_ms) FROM parked") as number | null) ?? undefined;
  }

  remember(hash: Uint8Array, atMs: number): void {
    const tag = this.#sealer.tag("seen", hash);
    this.#database.run(
      "INSERT INTO seen (hash_tag, at_ms, hash) VALUES (?, ?, ?) ON CONFLICT (hash_tag) DO NOTHING",
      tag,
      atMs,
      this.#sealer.seal(seenPlace(tag), hash),
    );
  }

  /** Newest last. */
  recentHashes(limit: number): Uint8Array[] {
    const rows = this.#database.all<{ hash_tag: Uint8Array; hash: Uint8Array }>(
      "SELECT hash_tag, hash FROM seen ORDER BY id DESC LIMIT ?",
      limit,
    );
    return rows.reverse().map((row) => this.#sealer.open(seenPlace(row.hash_tag), row.hash));
  }

  hasHash(hash: Uint8Array): boolean {
    const tag = this.#sealer.tag("seen", hash);
    return this.#database.get("SELECT 1 AS present FROM seen WHERE hash_tag = ?", tag) !== undefined;
  }

  cursor(topic: ContentTopic): number | undefined {
    const tag = this.#sealer.tag("topic", topic);
    return this.#database.get<{ through_ms: number }>("SELECT through_ms FROM cursor WHERE topic_tag = ?", tag)
      ?.through_ms;
  }

  /** Never backwards: an older turn that commits later must not fetch again what is durable. */
  advance(cursor: CursorWrite): void {
    for (const topic of cursor.topics) {
      this.#database.run(
        `INSERT INTO cursor (topic_tag, through_ms) VALUES (?1, ?2)
         ON CONFLICT (topic_tag) DO UPDATE SET through_ms = ?2 WHERE through_ms < ?2`,
        this.#sealer.tag("topic", topic),
        cursor.throughMs,
      );
    }
  }

  /** A key that is taken is a conflict: the caller's other attempt was first, and its answer is the one to give. */
  answer(idempotency: NonNullable<TurnCommit["idempotency"]>, atMs: number): void {
    const { key, fingerprint, reply } = idempotency;
    const tag = this.#sealer.tag("idempotency", key);
    this.#database.run(
      "INSERT INTO idempotency (key_tag, at_ms, answer) VALUES (?, ?, ?)",
      tag,
      atMs,
      this.#sealer.seal(answerPlace(tag), packRow({ fingerprint, reply })),
    );
  }

  answerTo(key: string): Answer | undefined {
    const tag = this.#sealer.tag("idempotency", key);
    const row = this.#database.get<{ answer: Uint8Array }>("SELECT answer FROM idempotency WHERE key_tag = ?", tag);
    if (row === undefined) return undefined;
    const { fingerprint, reply } = unpackRow<Answer>(this.#sealer.open(answerPlace(tag), row.answer)).header;
    return { fingerprint, reply };
  }

  prune(beforeMs: number): void {
    this.#database.run("DELETE FROM seen WHERE at_ms < ?", beforeMs);
    this.#database.run("DELETE FROM idempotency WHERE at_ms < ?", beforeMs);
  }

  #unsealParked(row: StoredParked): ParkedRow {
    const { id, conversation, attempts } = row;
    const place = parkedPlace(conversation, row.hash_tag);
    const { header, bytes } = unpackRow<ParkedHeader>(this.#sealer.open(place, row.body));
    const wakuHash = fromHex(header.wakuHash)!;
    const times = { parkedAtMs: row.parked_at_ms, dueAtMs: row.due_at_ms };
    return {
      id,
      conversation,
      topic: header.topic,
      payload: bytes,
      wakuHash,
      errorCode: row.error_code,
      attempts,
      ...times,
    };
  }
}

function parkedPlace(conversation: number, tag: Uint8Array): Place {
  return { column: "parked.body", row: [conversation, tag] };
}

function seenPlace(tag: Uint8Array): Place {
  return { column: "seen.hash", row: [tag] };
}

function answerPlace(tag: Uint8Array): Place {
  return { column: "idempotency.answer", row: [tag] };
}
