/** Where the past ends: which of the oldest events may go. They go in order, so that what is left has no holes. */
import type { EventBounds } from "../../engine/ports.ts";
import type { Database, Row } from "../database.ts";

interface OldEvent extends Row {
  seq: number;
  at_ms: number;
}

/** Deletes at most `limit` of the oldest events. `leastAcked`: up to where every consumer has acknowledged. */
export function pruneEvents(
  database: Database,
  leastAcked: number | undefined,
  bounds: EventBounds,
  limit: number,
): number {
  // The newest row stays: it numbers the next.
  const oldest = database.all<OldEvent>(
    "SELECT seq, at_ms FROM event WHERE seq < (SELECT max(seq) FROM event) ORDER BY seq LIMIT ?",
    limit,
  );
  const tooMany = Number(database.value("SELECT max(seq) FROM event") ?? 0) - bounds.keep;
  const mayGo = ({ seq, at_ms: atMs }: OldEvent): boolean => {
    if (atMs < bounds.unacknowledgedBeforeMs) return true;
    const isAcked = leastAcked === undefined || seq <= leastAcked;
    return isAcked && (atMs < bounds.beforeMs || seq <= tooMany);
  };
  // A clock that was set back leaves old events behind younger ones: they wait for those.
  const kept = oldest.findIndex((event) => !mayGo(event));
  const count = kept === -1 ? oldest.length : kept;
  const last = oldest[count - 1];
  if (last !== undefined) database.run("DELETE FROM event WHERE seq <= ?", last.seq);
  return count;
}
