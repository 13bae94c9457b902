/**
 * Copies of a database that can be trusted: made while it is written, marked as restored copies from the start, and counted
 * only when one has been restored somewhere else and opened.
 */
import {
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdtempSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { backup, DatabaseSync } from "node:sqlite";
import { UmbradError } from "../../engine/errors.ts";
import { Database, isDiskFault } from "../database.ts";
import { createPrivate, fileSystem, makeDirectories, syncDirectory, takeStateLock } from "../lock.ts";
import { openStore, storeFile } from "../open.ts";
import type { SealSource } from "../wrapped-key.ts";
import { checkStore, inspectStore, type StoreFacts } from "./inspect.ts";

/** As many pages as there may be. */
const PAGES_ALL = 2 ** 31 - 1;

/** No copy takes that long: what is older was left by a process that was killed. */
const DEBRIS_AGE_MS = 3_600_000;

interface Verification {
  /** undefined: a sealed copy is not opened, only its structure is looked at. */
  readonly seal: SealSource | undefined;
  readonly random: (length: number) => Uint8Array;
}

/** A verified copy of the running store in `directory/name`. Turns go on meanwhile. */
export async function backUp(
  { stateDir, directory, name }: { readonly stateDir: string; readonly directory: string; readonly name: string },
  verification: Verification,
): Promise<StoreFacts> {
  const file = join(directory, name);
  const partial = `${file}.partial`;
  fileSystem(() => makeDirectories(directory));
  removeDebris(directory);
  if (existsSync(file))
    throw new UmbradError("store/exists", `${file} exists already`, { hint: "try again in a second" });
  rmSync(partial, { force: true });
  try {
    createPrivate(partial);
    await copyRunning(storeFile(stateDir), partial);
    markRestored(partial);
    await verifyCopy(partial, verification);
    syncFile(partial);
    fileSystem(() => renameSync(partial, file));
    syncDirectory(directory);
  } finally {
    for (const suffix of ["", "-wal", "-shm", "-journal"]) rmSync(`${partial}${suffix}`, { force: true });
  }
  return inspectStore(file);
}

/** A daemon that is killed while it makes a backup leaves whole copies, which nobody would look for or delete. */
function removeDebris(directory: string): void {
  fileSystem(() => {
    for (const name of readdirSync(directory)) {
      if (!/^\.umbrad-verify-|^umbrad-.*\.db\.partial/.test(name)) continue;
      const path = join(directory, name);
      const { mtimeMs } = statSync(path, { throwIfNoEntry: false }) ?? { mtimeMs: Number.POSITIVE_INFINITY };
      if (Date.now() - mtimeMs > DEBRIS_AGE_MS) rmSync(path, { recursive: true, force: true });
    }
  });
}

/** Restores the copy into a directory of its own beside it, checks it whole, and opens its seal and every state. */
export async function verifyCopy(file: string, { seal, random }: Verification): Promise<void> {
  const { sealed } = inspectStore(file);
  const directory = fileSystem(() => mkdtempSync(join(dirname(file), ".umbrad-verify-")));
  try {
    const restored = storeFile(directory);
    createPrivate(restored);
    copyWithLog(file, restored);
    checkStore(restored);
    if (sealed && seal === undefined) return;
    const store = await openStore({ stateDir: directory, seal: sealed ? seal : undefined, random });
    try {
      // Each is unsealed on the way: one that was moved or changed throws.
      const states = [...store.conversations()].filter(({ state }) => state.length > 0);
      if (!states.some(({ number }) => number === 0))
        throw new UmbradError("store/corrupt", `${file} has no identity`, { hint: "use another backup" });
    } finally {
      store.close();
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Puts the copy in the place of the database; the old one is kept and its path returned. Refused while a daemon runs. */
export async function restore(
  { stateDir, file, keptName }: { readonly stateDir: string; readonly file: string; readonly keptName: string },
  verification: Verification,
): Promise<string | undefined> {
  fileSystem(() => makeDirectories(stateDir));
  const lock = takeStateLock(stateDir);
  try {
    await verifyCopy(file, verification);
    const [database, incoming, kept] = [
      storeFile(stateDir),
      `${storeFile(stateDir)}.restoring`,
      join(stateDir, keptName),
    ];
    if (existsSync(kept))
      throw new UmbradError("store/exists", `${kept} exists already`, { hint: "try again in a second" });
    for (const suffix of ["", "-wal", "-shm", "-journal"]) rmSync(`${incoming}${suffix}`, { force: true });
    createPrivate(incoming);
    copyWithLog(file, incoming);
    markRestored(incoming);
    syncFile(incoming);
    const hadOne = existsSync(database);
    keep(database, kept);
    fileSystem(() => renameSync(incoming, database));
    syncDirectory(stateDir);
    return hadOne ? kept : undefined;
  } finally {
    lock.release();
  }
}

/**
 * The database under another name too, so that the rename that follows leaves no moment without one. What a killed daemon left
 * in the write-ahead log goes into the file first: a crash between moving one and the other would take it away.
 */
function keep(database: string, kept: string): void {
  const isThere = existsSync(database);
  if (isThere) foldLog(database);
  fileSystem(() => {
    // Only of a database that does not open, or is gone: beside another one it would be a stranger's.
    for (const suffix of ["-wal", "-shm"])
      if (existsSync(`${database}${suffix}`)) renameSync(`${database}${suffix}`, `${kept}${suffix}`);
    if (!isThere) return;
    try {
      linkSync(database, kept);
    } catch {
      // A file system without links.
      renameSync(database, kept);
    }
  });
}

/** Whoever closes a database last takes its log away. One that is damaged stays as it is. */
function foldLog(file: string): void {
  try {
    const database = new Database(file);
    try {
      database.get("PRAGMA wal_checkpoint(TRUNCATE)");
    } finally {
      database.close();
    }
  } catch (error) {
    if (!isDiskFault(error)) throw error;
  }
}

/** A file that a killed daemon wrote last has a log beside it, without which it is an older one. */
function copyWithLog(from: string, to: string): void {
  fileSystem(() => {
    for (const suffix of ["", "-wal"])
      if (existsSync(`${from}${suffix}`)) copyFileSync(`${from}${suffix}`, `${to}${suffix}`);
  });
}

/** In one step of a connection of its own: a snapshot that no commit of the daemon makes begin anew, in another thread. */
async function copyRunning(from: string, to: string): Promise<void> {
  const source = new DatabaseSync(from, { readOnly: true });
  try {
    await backup(source, to, { rate: PAGES_ALL });
  } catch (cause) {
    throw new UmbradError("store/io", "the backup could not be written", {
      hint: "check space and mode of the directory",
      cause,
    });
  } finally {
    source.close();
  }
}

/** Whoever opens it knows that it is an older copy, however it came to its place (ADR 0034). One file, without a log. */
function markRestored(file: string): void {
  const database = new Database(file);
  try {
    database.exec("PRAGMA journal_mode = DELETE");
    database.transaction(() => database.run("INSERT OR REPLACE INTO meta (key, value) VALUES ('restored', x'01')"));
  } finally {
    database.close();
  }
}

function syncFile(file: string): void {
  fileSystem(() => {
    const descriptor = openSync(file, "r+");
    try {
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  });
}
