/**
 * Messages that are published and that no Store node is known to have yet: what to ask for, and the bytes to publish
 * again. A row lives while its message is `published`, and not longer (`messages.ts` sees to it).
 */
import type { ConversationNumber, OutboxRow, PublicationRow, Published } from "../../engine/ports.ts";
import type { ContentTopic, MessageId } from "../../wire/ids.ts";
import type { Database, Row } from "../database.ts";
import { type Place, packRow, type Sealer, unpackRow } from "../seal.ts";

interface StoredPublication extends Row {
  message: number;
  conversation: number;
  looks: number;
  times: number;
  due_at_ms: number | null;
  body: Uint8Array;
}

interface Header {
  readonly topic: ContentTopic;
  readonly messageId: MessageId;
  /** Of the newest publishings; hexadecimal. */
  readonly hashes: readonly string[];
}

const columns = "message, conversation, looks, times, due_at_ms, body";
/** Each publishing has a hash of its own, because it has a timestamp of its own; a Store may have any of them. */
const HASHES_MAX = 4;

type Envelope = Pick<OutboxRow, "conversation" | "topic" | "envelope"> & { readonly messageId: MessageId };

export class PublicationTable {
  readonly #database: Database;
  readonly #sealer: Sealer;

  constructor(database: Database, sealer: Sealer) {
    this.#database = database;
    this.#sealer = sealer;
  }

  /** Published, for the first time or again: looking begins anew. */
  add(message: number, { conversation, topic, messageId, envelope }: Envelope, { hash, lookAtMs }: Published): void {
    const before = this.find(message);
    const hashes = [...(before?.hashes ?? []), hash].slice(-HASHES_MAX);
    const header: Header = { topic, messageId, hashes: hashes.map((each) => Buffer.from(each).toString("hex")) };
    this.#database.run(
      `INSERT OR REPLACE INTO publication (${columns}) VALUES (?, ?, 0, ?, ?, ?)`,
      message,
      conversation,
      (before?.times ?? 0) + 1,
      lookAtMs,
      this.#sealer.seal(placeOf(message), packRow({ ...header }, envelope)),
    );
  }

  due(nowMs: number, limit: number): PublicationRow[] {
    const sql = `SELECT ${columns} FROM publication WHERE due_at_ms <= ? ORDER BY due_at_ms LIMIT ?`;
    return this.#database.all<StoredPublication>(sql, nowMs, limit).map((row) => this.#unseal(row));
  }

  nextDueMs(): number | undefined {
    const time = this.#database.value("SELECT min(due_at_ms) FROM publication WHERE due_at_ms IS NOT NULL");
    return typeof time === "number" ? time : undefined;
  }

  find(message: number): PublicationRow | undefined {
    const sql = `SELECT ${columns} FROM publication WHERE message = ?`;
    const row = this.#database.get<StoredPublication>(sql, message);
    return row === undefined ? undefined : this.#unseal(row);
  }

  /** All of it. */
  clear(): void {
    this.#database.run("DELETE FROM publication");
  }

  lookLater(message: number, dueAtMs: number): void {
    this.#database.run("UPDATE publication SET looks = looks + 1, due_at_ms = ? WHERE message = ?", dueAtMs, message);
  }

  /** Nobody looks until it is published again, if ever. */
  rest(message: number): void {
    this.#database.run("UPDATE publication SET looks = looks + 1, due_at_ms = NULL WHERE message = ?", message);
  }

  #unseal(row: StoredPublication): PublicationRow {
    const { message, conversation, looks, times, due_at_ms: dueAtMs } = row;
    const { header, bytes } = unpackRow<Header>(this.#sealer.open(placeOf(message), row.body));
    return {
      message,
      conversation: conversation as ConversationNumber,
      messageId: header.messageId,
      topic: header.topic,
      envelope: bytes,
      hashes: header.hashes.map((hash) => new Uint8Array(Buffer.from(hash, "hex"))),
      looks,
      times,
      dueAtMs: dueAtMs ?? undefined,
    };
  }
}

function placeOf(message: number): Place {
  return { column: "publication.body", row: [message] };
}
