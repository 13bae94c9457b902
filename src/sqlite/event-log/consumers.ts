/** Consumers of the event log: a name and a cursor that only moves forwards. */
import type { ConsumerRow } from "../../engine/ports.ts";
import type { Database, Row } from "../database.ts";

interface StoredConsumer extends Row {
  name: string;
  acked_seq: number;
  created_at_ms: number;
  acked_at_ms: number;
}

const columns = "name, acked_seq, created_at_ms, acked_at_ms";

export class ConsumerTable {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  list(): ConsumerRow[] {
    return this.#database.all<StoredConsumer>(`SELECT ${columns} FROM consumer ORDER BY name`).map(consumerOf);
  }

  find(name: string): ConsumerRow | undefined {
    const row = this.#database.get<StoredConsumer>(`SELECT ${columns} FROM consumer WHERE name = ?`, name);
    return row === undefined ? undefined : consumerOf(row);
  }

  /** Up to where every consumer has acknowledged; undefined without consumers. */
  leastAcked(): number | undefined {
    const least = this.#database.value("SELECT min(acked_seq) FROM consumer");
    return typeof least === "number" ? least : undefined;
  }

  add({ name, ackedSeq, createdAtMs }: Omit<ConsumerRow, "ackedAtMs">): void {
    this.#database.run(
      `INSERT INTO consumer (${columns}) VALUES (?1, ?2, ?3, ?3) ON CONFLICT (name) DO NOTHING`,
      name,
      ackedSeq,
      createdAtMs,
    );
  }

  acknowledge(name: string, seq: number, atMs: number): void {
    this.#database.run(
      "UPDATE consumer SET acked_seq = ?2, acked_at_ms = ?3 WHERE name = ?1 AND acked_seq < ?2",
      name,
      seq,
      atMs,
    );
  }

  drop(name: string): void {
    this.#database.run("DELETE FROM consumer WHERE name = ?", name);
  }
}

function consumerOf(row: StoredConsumer): ConsumerRow {
  const { name, acked_seq: ackedSeq, created_at_ms: createdAtMs, acked_at_ms: ackedAtMs } = row;
  return { name, ackedSeq, createdAtMs, ackedAtMs };
}
