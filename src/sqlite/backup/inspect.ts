/** What a database file is and whether it is whole, mostly without the key that opens it. Changes nothing. */
import { existsSync, statSync } from "node:fs";
import { UmbradError } from "../../engine/errors.ts";
import type { StoredConversation } from "../../engine/ports.ts";
import { ConversationTables } from "../conversations.ts";
import { Database } from "../database.ts";
import { newestSchema, schemaOf } from "../migrations/migrate.ts";
import { requireOurs, storedKey } from "../open.ts";
import { Sealer } from "../seal.ts";
import { isWrapped, type SealSource, unwrapDataKey } from "../wrapped-key.ts";

export interface StoreFacts {
  readonly file: string;
  readonly bytes: number;
  /** Of the write-ahead log: committed, and not yet in the file. */
  readonly walBytes: number;
  readonly schema: number;
  readonly sealed: boolean;
  readonly conversations: number;
  readonly messages: number;
  readonly events: number;
  readonly outbox: number;
}

/** Also of a database that a daemon is writing. */
export function inspectStore(file: string): StoreFacts {
  return reading(file, (database) => {
    const count = (sql: string) => Number(database.value(sql));
    return {
      file,
      bytes: statSync(file).size,
      walBytes: existsSync(`${file}-wal`) ? statSync(`${file}-wal`).size : 0,
      schema: schemaOf(database),
      sealed: isWrapped(storedKey(database)),
      // The inbox is none to a reader.
      conversations: count("SELECT count(*) FROM conversation WHERE closed = 0 AND number > 0"),
      messages: count("SELECT count(*) FROM message"),
      events: count("SELECT count(*) FROM event"),
      outbox: count("SELECT count(*) FROM outbox"),
    };
  });
}

/** Whether it has a conversation of this number. */
export function holdsConversation(file: string, number: number): boolean {
  return reading(file, (database) => database.get("SELECT 1 FROM conversation WHERE number = ?", number) !== undefined);
}

/** Throws `store/wrong-passphrase` or `store/not-sealed` unless the passphrase opens it. */
export async function openSeal(file: string, passphrase: Uint8Array): Promise<void> {
  await unwrapDataKey(reading(file, storedKey), { kind: "passphrase", passphrase });
}

/** One conversation of a database that another process may be writing. The errors of `unwrapDataKey`. */
export async function readConversation(
  file: string,
  number: number,
  { seal, random }: { readonly seal: SealSource | undefined; readonly random: (length: number) => Uint8Array },
): Promise<StoredConversation | undefined> {
  const dataKey = await unwrapDataKey(reading(file, storedKey), seal);
  const sealer = new Sealer(dataKey, random);
  dataKey.fill(0);
  return reading(file, (database) => new ConversationTables(database, sealer).find(number));
}

/** Throws `store/corrupt` unless every page reads, every index agrees with its table and every reference is met. */
export function checkStore(file: string): void {
  reading(file, (database) => {
    const verdicts = database.all<{ integrity_check: string }>("PRAGMA integrity_check(10)");
    const faults = verdicts.map((row) => row.integrity_check).filter((verdict) => verdict !== "ok");
    const dangling = database.all("PRAGMA foreign_key_check").length;
    if (dangling > 0) faults.push(`${dangling} rows refer to rows that are not there`);
    if (faults.length === 0) return;
    throw new UmbradError("store/corrupt", `${file} is damaged: ${faults.join("; ")}`, { hint: "restore a backup" });
  });
}

/** `store/not-initialised` for what is not there or is a directory. */
export function requireDatabaseFile(file: string): void {
  const found = statSync(file, { throwIfNoEntry: false });
  if (found?.isFile() === true) return;
  const what = found === undefined ? `there is no database ${file}` : `${file} is not a file`;
  throw new UmbradError("store/not-initialised", what, { hint: "check the path" });
}

function reading<Result>(file: string, read: (database: Database) => Result): Result {
  requireDatabaseFile(file);
  const database = new Database(file, { readOnly: true });
  try {
    requireOurs(database, file);
    const schema = schemaOf(database);
    if (schema > newestSchema())
      throw new UmbradError(
        "store/newer-schema",
        `${file} has schema ${schema}; this umbrad knows up to ${newestSchema()}`,
        {
          hint: "use the newer umbrad that wrote it",
        },
      );
    return read(database);
  } finally {
    database.close();
  }
}
