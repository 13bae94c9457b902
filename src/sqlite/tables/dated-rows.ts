/** Rows that are dated by the wall's clock, after somebody has set that clock back. */
import { utf8 } from "../../crypto/bytes.ts";
import type { Database } from "../database.ts";

/** What is due, and what an age is counted from; not what people were told, nor dates that a timer stands for. */
const columns: readonly (readonly [table: string, column: string, which?: string])[] = [
  ["outbox", "due_at_ms"],
  ["outbox", "queued_at_ms"],
  ["publication", "due_at_ms"],
  ["parked", "due_at_ms"],
  ["parked", "parked_at_ms"],
  ["timer", "at_ms", "AND is_date = 0"],
  ["spent", "at_ms"],
  ["share", "full_at_ms"],
  // By the index, which is smaller than the table by far.
  ["message", "at_ms", "AND row_id IN (SELECT row_id FROM message INDEXED BY message_age WHERE at_ms > ?1)"],
  ["cursor", "through_ms"],
];

/** When the daemon was last at work. */
export function ranAtMs(database: Database): number | undefined {
  const row = database.get<{ value: Uint8Array }>("SELECT value FROM meta WHERE key = 'ran'");
  return row === undefined ? undefined : Number(Buffer.from(row.value).toString());
}

/** Only inside a transaction. */
export function noteRan(database: Database, atMs: number): void {
  database.run("INSERT OR REPLACE INTO meta (key, value) VALUES ('ran', ?)", utf8(String(atMs)));
}

/** Only inside a transaction. */
export function setRowsBack(database: Database, nowMs: number, byMs: number): void {
  // In the same transaction: a crash after it must not set them back once more.
  noteRan(database, nowMs);
  for (const [table, column, which = ""] of columns)
    database.run(`UPDATE ${table} SET ${column} = ${column} - ?2 WHERE ${column} > ?1 ${which}`, nowMs, byMs);
}
