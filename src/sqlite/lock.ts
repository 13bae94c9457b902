/**
 * One daemon per state directory. The lock is the operating system's (SQLite's file lock on an empty database that
 * nobody writes): it ends with its process, however that ends, so there is no stale lock. The pid file beside it only
 * words the refusal.
 */
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { UmbradError } from "../engine/errors.ts";
import { Database } from "./database.ts";

/** Held until released or until the process ends. */
export interface StateLock {
  release(): void;
}

/** Longer than a look at the lock takes on a busy machine. */
const LOOK_MS_MAX = 100;

/** Throws `store/locked`, naming the holder. */
export function takeStateLock(stateDir: string): StateLock {
  const file = join(stateDir, "lock.db");
  const pidFile = join(stateDir, "lock.pid");
  // Never open an existing lock file but through SQLite: closing any descriptor of it drops this process's locks.
  if (!existsSync(file)) createPrivate(file);
  const database = new Database(file);
  try {
    // No journal file. Who has it has it for long, but who only looks (`refuseLocked`) is gone in a moment.
    database.exec(`PRAGMA journal_mode = MEMORY; PRAGMA busy_timeout = ${LOOK_MS_MAX}; BEGIN EXCLUSIVE`);
    fileSystem(() => writeFileSync(pidFile, `${process.pid}\n`, { mode: 0o600 }));
  } catch (error) {
    database.close();
    throw faultOfLock(error, stateDir);
  }
  return {
    release() {
      rmSync(pidFile, { force: true });
      database.close();
    },
  };
}

/** Throws `store/locked` while somebody holds it, and takes nothing: the next moment may be another's. */
export function refuseLocked(stateDir: string): void {
  const file = join(stateDir, "lock.db");
  if (!existsSync(file)) return;
  const database = new Database(file);
  try {
    database.exec("PRAGMA busy_timeout = 0; SELECT count(*) FROM sqlite_schema");
  } catch (error) {
    throw faultOfLock(error, stateDir);
  } finally {
    database.close();
  }
}

/** Of the lock's own file: the database beside it may be whole. */
function faultOfLock(error: unknown, stateDir: string): unknown {
  if (!(error instanceof UmbradError)) return error;
  if (error.code === "store/busy") return locked(stateDir, join(stateDir, "lock.pid"));
  if (error.code !== "store/corrupt") return error;
  const file = join(stateDir, "lock.db");
  return new UmbradError("store/corrupt", `${file} is damaged; nothing is kept in it`, {
    hint: `make sure that no umbrad runs on this state, then: rm ${file}`,
    cause: error,
  });
}

/**
 * As `mkdir -p -m MODE`; gives those that it had to make, deepest last. Not Node's own `recursive`, which never returns where
 * a file system makes no directories and calls that "no such file" (/proc).
 */
export function makeDirectories(path: string, mode = 0o700): string[] {
  const missing: string[] = [];
  for (let at = resolve(path); !existsSync(at); at = dirname(at)) missing.unshift(at);
  for (const directory of missing) makeOne(directory, mode);
  return missing;
}

/** Another process may have been quicker. */
function makeOne(directory: string, mode: number): void {
  try {
    mkdirSync(directory, { mode });
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error;
  }
}

/** An empty file that only its owner can read; an existing one is left as it is. */
export function createPrivate(file: string): void {
  fileSystem(() => {
    try {
      closeSync(openSync(file, "wx", 0o600));
    } catch (error) {
      if (codeOf(error) !== "EEXIST") throw error;
    }
  });
}

/** Without it a power cut could take back a rename or a new directory. */
export function syncDirectory(directory: string): void {
  fileSystem(() => {
    const descriptor = openSync(directory, "r");
    try {
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  });
}

/** Runs a file operation; its failure is the environment's, so it gets a stable code. */
export function fileSystem<Result>(operation: () => Result): Result {
  try {
    return operation();
  } catch (error) {
    const code = fileFaults[codeOf(error) ?? ""] ?? "store/io";
    const message = error instanceof Error ? error.message : String(error);
    throw new UmbradError(code, message, {
      hint: "check owner, mode and free space of the state directory",
      cause: error,
    });
  }
}

const fileFaults: Readonly<Record<string, string>> = {
  EACCES: "store/permissions",
  EPERM: "store/permissions",
  EROFS: "store/readonly",
  ENOSPC: "store/full",
  EDQUOT: "store/full",
};

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

function locked(stateDir: string, pidFile: string): UmbradError {
  const pid = recordedPid(pidFile);
  const holder = pid === undefined ? "another process" : `process ${pid}`;
  return new UmbradError("store/locked", `${stateDir} is in use by ${holder}`, {
    hint: `umbrad status${pid === undefined ? "" : `, or ps -p ${pid},`} says what it is; umbrad stop ends it`,
  });
}

function recordedPid(pidFile: string): number | undefined {
  try {
    const pid = Number.parseInt(readFileSync(pidFile, "utf8"), 10);
    return Number.isNaN(pid) ? undefined : pid;
  } catch {
    // The holder has the lock but has not written its pid yet.
    return undefined;
  }
}
