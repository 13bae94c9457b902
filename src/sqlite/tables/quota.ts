/** What was spent of the network's quota: times and counts only, so nothing is sealed. */
import type { Spend, SpentRows } from "../../engine/ports.ts";
import type { Database } from "../database.ts";

export class QuotaTable {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  read(): SpentRows {
    const rows = this.#database.all<{ at_ms: number }>("SELECT at_ms FROM spent ORDER BY at_ms");
    const full = this.#database.value("SELECT full_at_ms FROM share");
    return { publishedAtMs: rows.map((row) => row.at_ms), shareFullAtMs: typeof full === "number" ? full : 0 };
  }

  /** Only inside a transaction. Tokens add up, whatever the order of the turns that use them. */
  write({ publications, share }: Spend, atMs: number): void {
    if (publications !== undefined) {
      this.#database.run("DELETE FROM spent WHERE at_ms < ?", publications.forgetBeforeMs);
      for (let count = 0; count < publications.count; count += 1)
        this.#database.run("INSERT INTO spent (at_ms) VALUES (?)", atMs);
    }
    if (share === undefined || share.tokens === 0) return;
    this.#database.run(
      `INSERT INTO share (only, full_at_ms) VALUES (1, ?1 + ?2)
       ON CONFLICT (only) DO UPDATE SET full_at_ms = min(max(full_at_ms, ?1) + ?2, ?1 + ?3)`,
      atMs,
      share.tokens * share.refillMs,
      share.sizeMs,
    );
  }
}
