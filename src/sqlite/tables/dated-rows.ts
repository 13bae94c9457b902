/** Rows that wait for a time of the wall's clock, after somebody has set that clock back. */
import type { Database } from "../database.ts";

/**
 * Only inside a transaction. Of the timers those that measure an interval: acknowledgements and repetitions (`needs`), and
 * words between conversations (`data`). The others may stand for a date, which nobody has moved.
 */
export function setRowsBack(database: Database, nowMs: number, byMs: number): void {
  const earlier = (table: string, column: string, which = ""): void => {
    database.run(`UPDATE ${table} SET ${column} = ${column} - ?2 WHERE ${column} > ?1 ${which}`, nowMs, byMs);
  };
  earlier("outbox", "due_at_ms");
  earlier("outbox", "queued_at_ms");
  earlier("publication", "due_at_ms");
  earlier("parked", "due_at_ms");
  earlier("timer", "at_ms", "AND (needs > 0 OR data IS NOT NULL)");
}
