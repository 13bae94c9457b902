/** A rollback that was found, from the opening that found it until every conversation knows: rows of `meta`. */
import type { CommitReceipt, RollbackCause, RollbackStore } from "../../engine/ports.ts";
import type { Tables } from "../commit.ts";
import type { Database } from "../database.ts";

export class Rollbacks implements RollbackStore {
  readonly #database: Database;
  readonly #tables: Pick<Tables, "outbox" | "publications" | "events">;
  readonly #write: <Result>(body: () => Result) => Result;

  /** `write`: one durable transaction of the store. */
  constructor(database: Database, tables: Tables, write: <Result>(body: () => Result) => Result) {
    this.#database = database;
    this.#tables = tables;
    this.#write = write;
  }

  pending(): RollbackCause | undefined {
    const row = this.#database.get<{ value: Uint8Array }>("SELECT value FROM meta WHERE key = 'rollback'");
    return row === undefined ? undefined : (new TextDecoder().decode(row.value) as RollbackCause);
  }

  begin(cause: RollbackCause, atMs: number): CommitReceipt {
    const { outbox, publications, events } = this.#tables;
    return this.#write(() => {
      outbox.clear();
      publications.clear();
      const sql = "INSERT OR IGNORE INTO meta (key, value) VALUES ('rollback-announced', x'01')";
      if (this.#database.run(sql).changes === 0) return { events: [] };
      return { events: [events.append({ type: "state.rolled-back", data: { cause } }, { atMs })] };
    });
  }

  end(): void {
    this.#write(() => this.#database.run("DELETE FROM meta WHERE key IN ('rollback', 'rollback-announced')"));
  }
}
