/**
 * One SQLite connection: pragmas read back, prepared statements kept, transactions that cannot be left open, and the
 * engine's faults as UmbradError. Knows SQL, but no table and no key.
 */
import { resolve } from "node:path";
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import { InvariantError, UmbradError } from "../engine/errors.ts";

/** "umbr": tells our files from any other SQLite file. */
export const APPLICATION_ID = 0x756d6272;

/** Rows of a result; the caller names the columns it selected. */
export type Row = Record<string, SQLInputValue>;

/** How many rows a statement changed, and the rowid of the last insert. */
interface Change {
  readonly changes: number;
  readonly rowId: number;
}

export class Database {
  readonly #connection: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  #check: (() => void) | undefined;
  #onCommit: ((seconds: number) => void) | undefined;

  /** `ignoreLog`: read only, and without what is not in the file itself yet. For a file that nobody writes. */
  constructor(file: string, options: { readonly readOnly?: boolean; readonly ignoreLog?: boolean } = {}) {
    const { ignoreLog = false, readOnly = ignoreLog } = options;
    const place = new URL("file:///?immutable=1");
    // The setter escapes what has a meaning in a URL, but for the escape itself.
    place.pathname = resolve(file).replaceAll("%", "%25");
    // Only a foreign reader can make us wait, and the daemon stands still while we do.
    this.#connection = attempt(() => new DatabaseSync(ignoreLog ? place : file, { readOnly, timeout: 250 }));
  }

  /** Several statements without parameters: schema, pragmas. */
  exec(sql: string): void {
    attempt(() => this.#connection.exec(sql));
  }

  run(sql: string, ...parameters: readonly SQLInputValue[]): Change {
    return attempt(() => {
      const { changes, lastInsertRowid } = this.#prepare(sql).run(...parameters);
      return { changes: Number(changes), rowId: Number(lastInsertRowid) };
    });
  }

  get<Result extends Row>(sql: string, ...parameters: readonly SQLInputValue[]): Result | undefined {
    return attempt(() => this.#prepare(sql).get(...parameters) as Result | undefined);
  }

  all<Result extends Row>(sql: string, ...parameters: readonly SQLInputValue[]): Result[] {
    return attempt(() => this.#prepare(sql).all(...parameters) as Result[]);
  }

  /** The single value of a pragma or an aggregate. */
  value(sql: string): SQLInputValue | undefined {
    const row = this.get(sql);
    return row === undefined ? undefined : Object.values(row)[0];
  }

  /** Runs at the start of every write transaction and may throw: the fence against a second daemon. */
  checkBeforeWrites(check: () => void): void {
    this.#check = check;
  }

  /** Hears how long each transaction took. */
  timeCommits(onCommit: (seconds: number) => void): void {
    this.#onCommit = onCommit;
  }

  /** All of `body` or nothing, durable on return. */
  transaction<Result>(body: () => Result): Result {
    const startedMs = performance.now();
    this.#step("BEGIN IMMEDIATE");
    try {
      this.#check?.();
      const result = refusePromise(body());
      this.#step("COMMIT");
      this.#onCommit?.((performance.now() - startedMs) / 1000);
      return result;
    } catch (error) {
      // SQLite has rolled back already after some faults (a full disk), and then ROLLBACK would hide the first error.
      if (this.#connection.isTransaction) this.#step("ROLLBACK");
      throw error;
    }
  }

  /** All of `body` or nothing, inside a transaction. */
  savepoint<Result>(body: () => Result): Result {
    this.#step("SAVEPOINT turn");
    try {
      const result = refusePromise(body());
      this.#step("RELEASE turn");
      return result;
    } catch (error) {
      if (this.#connection.isTransaction) {
        this.#step("ROLLBACK TO turn");
        this.#step("RELEASE turn");
      }
      throw error;
    }
  }

  /** Whether a fault inside the transaction has ended it. */
  get inTransaction(): boolean {
    return this.#connection.isTransaction;
  }

  close(): void {
    if (!this.#connection.isOpen) return;
    this.#statements.clear();
    attempt(() => this.#connection.close());
  }

  #step(sql: string): void {
    attempt(() => this.#prepare(sql).run());
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#connection.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}

/** Sets what every writer needs and reads back the two settings that durability rests on. */
export function configureWriter(database: Database): void {
  database.exec(`
    PRAGMA journal_mode = WAL;
    -- FULL, not NORMAL: an envelope may only leave after its ratchet step is on disk.
    PRAGMA synchronous = FULL;
    PRAGMA foreign_keys = ON;
    -- Used keys must not stay readable in free pages.
    PRAGMA secure_delete = ON;
    PRAGMA trusted_schema = OFF;
    PRAGMA temp_store = MEMORY;
    PRAGMA cache_size = -32768;
    -- Measured: larger values lengthen the checkpoint that one commit in many has to wait for.
    PRAGMA wal_autocheckpoint = 1000;
    PRAGMA journal_size_limit = 8388608;
  `);
  const settings = {
    journal: database.value("PRAGMA journal_mode"),
    synchronous: database.value("PRAGMA synchronous"),
  };
  if (settings.journal !== "wal" || settings.synchronous !== 2) {
    throw new UmbradError("store/io", `SQLite refused WAL with synchronous=FULL: ${JSON.stringify(settings)}`, {
      hint: "use a local file system: network file systems cannot hold a write-ahead log",
    });
  }
}

function refusePromise<Result>(result: Result): Result {
  if (result instanceof Promise) throw new InvariantError("a transaction is synchronous: a promise would outlive it");
  return result;
}

function attempt<Result>(body: () => Result): Result {
  try {
    return body();
  } catch (error) {
    throw storeFault(error);
  }
}

const faults: Readonly<Record<number, { code: string; message: string; hint: string }>> = {
  5: { code: "store/busy", message: "another program holds the database", hint: "close it and try again" },
  8: {
    code: "store/readonly",
    message: "the database cannot be written",
    hint: "check owner and mode of the state directory and of its files: umbrad doctor",
  },
  10: { code: "store/io", message: "the disk failed", hint: "see the kernel log; then umbrad store check" },
  11: {
    code: "store/corrupt",
    message: "the database is damaged",
    hint: "umbrad store check; umbrad store restore FILE puts a backup in its place",
  },
  13: { code: "store/full", message: "the disk is full", hint: "free some space: nothing was lost" },
  14: {
    code: "store/io",
    message: "the database cannot be opened",
    hint: "check owner and mode of the directory, and that its file system is not mounted read-only: findmnt -T DIRECTORY",
  },
  26: {
    code: "store/corrupt",
    message: "the file is no database, or a damaged one",
    hint: "is it the right file? umbrad store restore FILE puts a backup in the place of a state",
  },
};

/** Whether the place where the database lies does not take writes, whoever asks; not that one write was refused. */
export function isDiskFault(error: unknown): error is UmbradError {
  return error instanceof UmbradError && diskFaults.has(error.code);
}

const diskFaults = new Set(["store/busy", "store/readonly", "store/io", "store/corrupt", "store/full", "store/locked"]);

// SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_UNIQUE.
const repetitions = new Set([1555, 2067]);

/** SQLite's result codes as stable codes; what is neither environment nor conflict is a fault of our own. */
function storeFault(error: unknown): unknown {
  if (!(error instanceof Error) || !("errcode" in error) || typeof error.errcode !== "number") return error;
  if (repetitions.has(error.errcode)) {
    return new UmbradError("store/conflict", "another turn has written this first", { cause: error });
  }
  const fault = faults[error.errcode & 0xff];
  if (fault === undefined)
    return new InvariantError(`SQLite refused our statement: ${error.message}`, { cause: error });
  return new UmbradError(fault.code, fault.message, { hint: fault.hint, cause: error });
}
