/**
 * Counts the transactions of a database, in the database itself and, at most once a second after a commit, in a file that
 * backups leave out. A database that is behind its file was put back (profile 9 "restored backup", ADR 0034).
 */
import { toHex } from "../../crypto/bytes.ts";
import type { UmbradError } from "../../engine/errors.ts";
import type { RollbackCause } from "../../engine/ports.ts";
import type { Database } from "../database.ts";
import { type CounterFile, readCounterFile, writeCounterFile } from "./counter-file.ts";

/** A file write costs an fsync; what it lags behind only weakens what it can prove of the last second. */
const PAUSE_MS = 1_000;

/** What ends with the store. */
export interface Keeping {
  readonly changes?: Changes;
  readonly release: () => void;
  /** Hears of each write that failed through the disk or another program. */
  readonly onCommitFault?: ((fault: UmbradError) => void) | undefined;
}

interface Options {
  readonly stateDir: string;
  readonly random: (length: number) => Uint8Array;
  /** The file could not be written: told once until it works again, because no turn may fail of it. */
  readonly onFault?: ((error: unknown) => void) | undefined;
}

export class Changes {
  readonly #database: Database;
  readonly #options: Options;
  readonly #id: string;
  #count: number;
  #written: number;
  #timer: NodeJS.Timeout | undefined;
  #isFaulty = false;

  /** Compares database and file, and records in the database what it finds before anything else happens to either. */
  static open(database: Database, options: Options): Changes {
    const { id, count, hasFile } = ownRow(database, options.random);
    const file = readCounterFile(options.stateDir);
    const cause = database.get("SELECT 1 AS one FROM meta WHERE key = 'restored'")
      ? "restored"
      : causeOf(file, id, count, hasFile);
    const ahead = file.kind === "read" && file.database === id ? file.changes : 0;
    if (cause !== undefined) recordRollback(database, cause, Math.max(count, ahead) + 1);
    // A start counts as a change: a copy from before it is behind the file even when we crash before the file is written again.
    else database.transaction(() => database.run("UPDATE change_counter SET changes = changes + 1"));
    const changes = new Changes(database, options, id);
    changes.#write();
    // Only now: a crash between the two leaves a file that nobody misses.
    if (!hasFile && !changes.#isFaulty) changes.#noteFile();
    return changes;
  }

  private constructor(database: Database, options: Options, id: string) {
    this.#database = database;
    this.#options = options;
    this.#id = id;
    this.#count = ownRow(database, options.random).count;
    this.#written = -1;
  }

  /** Inside each transaction that writes. */
  count(): void {
    this.#database.run("UPDATE change_counter SET changes = changes + 1");
  }

  /** After the commit. */
  committed(): void {
    this.#count += 1;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#write();
    }, PAUSE_MS).unref();
  }

  /** The last word, while the state is still ours. */
  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#written !== this.#count) this.#write();
  }

  #noteFile(): void {
    this.#database.transaction(() => this.#database.run("UPDATE change_counter SET has_file = 1"));
  }

  #write(): void {
    try {
      writeCounterFile(this.#options.stateDir, this.#id, this.#count);
      this.#written = this.#count;
      this.#isFaulty = false;
    } catch (error) {
      if (!this.#isFaulty) this.#options.onFault?.(error);
      this.#isFaulty = true;
    }
  }
}

function causeOf(file: CounterFile, id: string, count: number, hasFile: boolean): RollbackCause | undefined {
  switch (file.kind) {
    case "unreadable":
      return "counter-unreadable";
    case "absent":
      // Before the first file there is nothing to miss.
      return hasFile ? "counter-missing" : undefined;
    case "read":
      if (file.database !== id) return hasFile ? "counter-missing" : undefined;
      // The other way round is an ordinary crash: the file lags.
      return file.changes > count ? "older-than-counter" : undefined;
  }
}

function recordRollback(database: Database, cause: RollbackCause, count: number): void {
  const bytes = new TextEncoder().encode(cause);
  database.transaction(() => {
    database.run("DELETE FROM meta WHERE key IN ('restored', 'rollback-announced')");
    database.run("INSERT OR REPLACE INTO meta (key, value) VALUES ('rollback', ?)", bytes);
    // Past the file, so that the same rollback is found once.
    database.run("UPDATE change_counter SET changes = ?", count);
  });
}

function ownRow(database: Database, random: Options["random"]): { id: string; count: number; hasFile: boolean } {
  const sql = "SELECT id, changes, has_file FROM change_counter";
  const found = database.get<{ id: string; changes: number; has_file: number }>(sql);
  if (found !== undefined) return { id: found.id, count: found.changes, hasFile: found.has_file === 1 };
  const id = toHex(random(16));
  database.transaction(() =>
    database.run("INSERT INTO change_counter (only_row, id, changes, has_file) VALUES (1, ?, 0, 0)", id),
  );
  return { id, count: 0, hasFile: false };
}
