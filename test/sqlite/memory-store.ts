/** The real SQLite store on a database in memory: every table and query, no file, no lock, no fsync. For simulations. */
import { Database } from "../../src/sqlite/database.ts";
import { migrate } from "../../src/sqlite/migrations/migrate.ts";
import { Sealer } from "../../src/sqlite/seal.ts";
import { SqliteStore } from "../../src/sqlite/store.ts";

/** What a node has on disk: it outlives the stores that are opened on it. */
export interface MemoryDisk {
  /** A new store on the same data, as a new process would open it. The one before is not used any more. */
  open(): SqliteStore;
  dispose(): void;
}

export function memoryDisk(random: (length: number) => Uint8Array): MemoryDisk {
  const database = new Database(":memory:");
  database.exec("PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF;");
  migrate(database);
  const dataKey = random(32);
  return {
    open: () => new SqliteStore(database, new Sealer(dataKey, random), { release: () => {} }),
    dispose: () => database.close(),
  };
}
