/**
 * Ends messages. Their rows stay, without content: by its id a repetition is recognised for as long as the peer may make
 * one. `secure_delete` writes over what the database forgets; the write-ahead log is emptied after it.
 */

import type { ConversationNumber, ExpiryBounds } from "../../engine/ports.ts";
import type { Tables } from "../commit.ts";
import type { Database, Row } from "../database.ts";

/** Deletions of records in one transaction: some 10 ms. A file of 4 MiB has 255. */
const PARTS_AT_ONCE = 512;

interface ExpiryRow extends Row {
  number: number;
  expire_ms: number | null;
}

export class ExpiryTable {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  set(conversation: ConversationNumber, ms: number | undefined): void {
    this.#database.run("UPDATE conversation SET expire_ms = ? WHERE number = ?", ms ?? null, conversation);
  }

  of(conversation: ConversationNumber): number | undefined {
    const sql = "SELECT number, expire_ms FROM conversation WHERE number = ?";
    return this.#database.get<ExpiryRow>(sql, conversation)?.expire_ms ?? undefined;
  }

  page(after: ConversationNumber, limit: number, which: "all" | "own") {
    const own = which === "own" ? "AND expire_ms IS NOT NULL" : "";
    const sql = `SELECT number, expire_ms FROM conversation WHERE number > ? ${own} ORDER BY number LIMIT ?`;
    const rows = this.#database.all<ExpiryRow>(sql, after, limit);
    return rows.map(({ number, expire_ms: ms }) => ({ conversation: number, ms: ms ?? undefined }));
  }

  /** `leastAcked`: up to where every consumer has acknowledged; undefined without consumers. */
  expire(tables: Tables, bounds: ExpiryBounds, leastAcked: number | undefined, limit: number): number {
    const { conversation, beforeMs, unacknowledgedBeforeMs } = bounds;
    const rows = this.#database.all<{ row_id: number }>(
      `SELECT row_id FROM message WHERE conversation = ?1 AND at_ms < ?2 AND state > 0
         AND (at_ms < ?3 OR NOT EXISTS (SELECT 1 FROM event WHERE event.message = message.row_id AND seq > ?4))
       ORDER BY at_ms LIMIT ?5`,
      conversation,
      beforeMs,
      unacknowledgedBeforeMs,
      leastAcked ?? Number.MAX_SAFE_INTEGER,
      limit,
    );
    let count = 0;
    let parts = 0;
    for (const { row_id: rowId } of rows) {
      if (parts >= PARTS_AT_ONCE) break;
      const ended = tables.messages.empty(rowId);
      for (const key of ended) tables.conversations.dropRecord(conversation, key);
      parts += ended.length;
      count += 1;
    }
    return count;
  }

  /** A reader that holds it open is waited for another time. */
  emptyLog(): void {
    this.#database.get("PRAGMA wal_checkpoint(TRUNCATE)");
  }
}
