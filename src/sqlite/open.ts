/**
 * Creating and opening the store of a state directory: permissions, the lock, the guard against newer schemas, the data
 * key. What it returns is ready for the engine; what it refuses, it refuses with the next command.
 */
import { chmodSync, existsSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { toHex } from "../crypto/bytes.ts";
import { UmbradError } from "../engine/errors.ts";
import type { Store } from "../engine/ports.ts";
import { APPLICATION_ID, configureWriter, Database } from "./database.ts";
import { createPrivate, fileSystem, makeDirectories, type StateLock, syncDirectory, takeStateLock } from "./lock.ts";
import { migrate, newestSchema, schemaOf } from "./migrations/migrate.ts";
import { Changes } from "./rollback/changes.ts";
import { refuseForeignLog } from "./rollback/foreign-log.ts";
import { Sealer } from "./seal.ts";
import { SqliteStore } from "./store.ts";
import { createDataKey, isWrapped, type SealSource, unwrapDataKey } from "./wrapped-key.ts";

/** What creating and opening have in common. */
interface StoreLocation {
  readonly stateDir: string;
  /** Fresh random bytes: the data key, salts. */
  readonly random: (length: number) => Uint8Array;
  /** Hears how long each transaction took. */
  readonly onCommit?: (seconds: number) => void;
  /** Hears of each transaction that failed through the disk or another program. */
  readonly onCommitFault?: (fault: UmbradError) => void;
  /** The file beside the database that tells a restored copy could not be written: worth a warning, no more. */
  readonly onCounterFault?: (error: unknown) => void;
  /** Before each long part of a migration, in which the event loop stands still. */
  readonly onMigrating?: () => void;
}

/** Called under the lock, before the key is derived and the schema migrated. What it gives undoes it when opening fails. */
type OnLocked = () => Promise<() => Promise<void>>;

/** Where the database of a state directory is. */
export function storeFile(stateDir: string): string {
  return join(stateDir, "umbrad.db");
}

/** Whether the state needs a passphrase; undefined when there is no store. */
export function isSealed(stateDir: string): boolean | undefined {
  const file = storeFile(stateDir);
  if (!existsSync(file)) return undefined;
  const database = new Database(file, { readOnly: true });
  try {
    requireOurs(database, file);
    return isWrapped(storedKey(database));
  } finally {
    database.close();
  }
}

/** A new store, open and locked. The database gets its name only when it is complete, so a crash leaves none. */
export async function createStore(options: StoreLocation & { readonly seal: SealSource }): Promise<Store> {
  const { stateDir, seal, random } = options;
  const made = makeStateDir(stateDir);
  return underLock(stateDir, async (lock) => {
    const file = storeFile(stateDir);
    if (existsSync(file)) {
      throw new UmbradError("store/exists", `${stateDir} is initialised already`, {
        hint: "umbrad run, or choose another --state-dir",
      });
    }
    const { dataKey, stored } = await createDataKey(seal, random);
    buildComplete(`${file}.new`, stored);
    fileSystem(() => renameSync(`${file}.new`, file));
    for (const directory of [stateDir, ...made.map(dirname)]) syncDirectory(directory);
    return assemble(options, dataKey, lock);
  });
}

/** The existing store, migrated and locked. */
export async function openStore(
  options: StoreLocation & { readonly seal: SealSource | undefined; readonly onLocked?: OnLocked },
): Promise<Store> {
  const { stateDir, seal, onLocked } = options;
  const file = storeFile(stateDir);
  if (!existsSync(file)) {
    throw new UmbradError("store/not-initialised", `there is no umbrad state in ${stateDir}`, { hint: "umbrad init" });
  }
  refuseReadableByOthers(stateDir, 0o700);
  return underLock(
    stateDir,
    async (lock) => {
      for (const path of [file, `${file}-wal`, `${file}-shm`])
        if (existsSync(path)) refuseReadableByOthers(path, 0o600);
      refuseForeignLog(file);
      const dataKey = await unwrapDataKey(readStoredKey(file), seal);
      return assemble(options, dataKey, lock);
    },
    onLocked,
  );
}

/** Gives the lock back when `body` fails. */
async function underLock(
  stateDir: string,
  body: (lock: StateLock) => Promise<Store>,
  onLocked: OnLocked = async () => async () => {},
): Promise<Store> {
  const lock = takeStateLock(stateDir);
  let undo = async (): Promise<void> => {};
  try {
    undo = await onLocked();
    return await body(lock);
  } catch (error) {
    await undo();
    lock.release();
    throw error;
  }
}

function buildComplete(file: string, stored: Uint8Array): void {
  // Left by a creation that was killed half-way; the lock says that nobody is at it now.
  for (const suffix of ["", "-wal", "-shm", "-journal"]) rmSync(`${file}${suffix}`, { force: true });
  createPrivate(file);
  const database = new Database(file);
  try {
    configureWriter(database);
    database.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
    migrate(database);
    database.transaction(() => database.run("INSERT INTO meta (key, value) VALUES ('data-key', ?)", stored));
  } finally {
    // The last connection to close moves everything from the log into the file.
    database.close();
  }
}

/** Before anything is written: is this ours, whole enough, and not from a newer umbrad? */
function readStoredKey(file: string): Uint8Array {
  const database = new Database(file);
  try {
    requireOurs(database, file);
    const schema = schemaOf(database);
    if (schema > newestSchema()) {
      throw new UmbradError(
        "store/newer-schema",
        `${file} has schema ${schema}; this umbrad knows schemas up to ${newestSchema()}`,
        { hint: "run the newer umbrad that wrote it, or restore the snapshot from before its migration" },
      );
    }
    return storedKey(database);
  } finally {
    database.close();
  }
}

/** `store/corrupt` for a database of another program, and for an empty file. */
export function requireOurs(database: Database, file: string): void {
  if (Number(database.value("PRAGMA application_id")) === APPLICATION_ID) return;
  throw new UmbradError("store/corrupt", `${file} is not an umbrad database`, {
    hint: "is it the right file? umbrad store restore FILE puts a backup in the place of a state",
  });
}

/** The data key as it is kept, wrapped or not. */
export function storedKey(database: Database): Uint8Array {
  const row = database.get<{ value: Uint8Array }>("SELECT value FROM meta WHERE key = 'data-key'");
  if (row === undefined) {
    throw new UmbradError("store/corrupt", "the data key is missing", { hint: "restore a backup" });
  }
  return row.value;
}

function assemble(location: StoreLocation, dataKey: Uint8Array, lock: StateLock): Store {
  const { stateDir, random, onCommit, onCommitFault, onCounterFault, onMigrating } = location;
  const database = new Database(storeFile(stateDir));
  let changes: Changes;
  try {
    configureWriter(database);
    migrate(database, { snapshotBeside: storeFile(stateDir), onStep: onMigrating });
    fence(database, toHex(random(16)));
    changes = Changes.open(database, { stateDir, random, onFault: onCounterFault });
  } catch (error) {
    database.close();
    throw error;
  }
  if (onCommit !== undefined) database.timeCommits(onCommit);
  const sealer = new Sealer(dataKey, random);
  dataKey.fill(0);
  return new SqliteStore(database, sealer, { changes, release: () => lock.release(), onCommitFault });
}

/**
 * The lock file can be deleted under a running daemon and a second one be started. The newest opener leaves its mark,
 * and any other finds it before its next write: two may run, but never do two write.
 */
function fence(database: Database, mark: string): void {
  const bytes = new TextEncoder().encode(mark);
  database.transaction(() => database.run("INSERT OR REPLACE INTO meta (key, value) VALUES ('opened-by', ?)", bytes));
  const sql = "SELECT 1 AS ours FROM meta WHERE key = 'opened-by' AND value = ?";
  database.checkBeforeWrites(() => {
    if (database.get(sql, bytes) !== undefined) return;
    throw new UmbradError("store/locked", "another umbrad has opened this state directory", {
      hint: "stop one of the two; never delete lock.db",
    });
  });
}

/** The directories that it had to make, deepest last. */
function makeStateDir(stateDir: string): string[] {
  const made = fileSystem(() => {
    const directories = makeDirectories(stateDir);
    // An empty directory was made for us (mkdir, a fresh volume); anything else is somebody's and is not ours to change.
    if (readdirSync(stateDir).length === 0) chmodSync(stateDir, 0o700);
    return directories;
  });
  refuseReadableByOthers(stateDir, 0o700);
  return made;
}

function refuseReadableByOthers(path: string, wanted: number): void {
  // Windows has no such modes.
  if (process.platform === "win32") return;
  const mode = statSync(path).mode & 0o777;
  if ((mode & 0o077) === 0) return;
  throw new UmbradError("store/permissions", `${path} is open to other users (mode ${mode.toString(8)})`, {
    hint: `chmod ${wanted.toString(8)} ${path}`,
  });
}
