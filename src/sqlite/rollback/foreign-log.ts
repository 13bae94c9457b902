/**
 * Whether the write-ahead log beside a database belongs to it. A killed daemon leaves one. Whoever then copies an older
 * database under it gets a mixture of both: some old keys, under a counter of changes that the log made look new.
 */
import {
  closeSync,
  existsSync,
  linkSync,
  mkdirSync,
  openSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { UmbradError } from "../../engine/errors.ts";
import { Database } from "../database.ts";

/** Of SQLite's file format: the log's header, and that of each page in it. */
const LOG_HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;

/** Its directory is ours alone, under the lock. */
const WORKPLACE = ".log-check";

/** `store/corrupt`. Changes nothing; what cannot be looked at is left to SQLite. */
export function refuseForeignLog(file: string): void {
  const log = `${file}-wal`;
  if (!existsSync(log) || statSync(log).size <= LOG_HEADER_BYTES) return;
  const own = attempt(() => ownCount(file));
  if (own === undefined) return;
  const first = attempt(() => countAfterFirstChange(file, log, own.page));
  // The log's first transaction counts on from what the file had; the file may have taken over some of the log since.
  if (first === undefined || own.changes >= first - 1) return;
  throw new UmbradError(
    "store/corrupt",
    `${log} belongs to another, newer copy of ${file}: together they would be a mixture of old and new`,
    {
      hint: `mv ${file} ${file}.older; umbrad store restore ${file}.older puts it in place as what it is: an older copy`,
    },
  );
}

/** What the file alone says, without its log, and where it says so. */
function ownCount(file: string): { readonly changes: number; readonly page: number } | undefined {
  const database = new Database(file, { ignoreLog: true });
  try {
    const changes = database.value("SELECT changes FROM change_counter");
    const page = database.value("SELECT rootpage FROM sqlite_schema WHERE name = 'change_counter'");
    // A new one has not counted yet.
    return typeof changes === "number" && typeof page === "number" ? { changes, page } : undefined;
  } finally {
    database.close();
  }
}

/** SQLite reads the same file with as much of the log as reaches to the first transaction that counted. undefined: tells nothing. */
function countAfterFirstChange(file: string, log: string, page: number): number | undefined {
  const beginning = readToFirstChange(log, page);
  if (beginning === undefined) return undefined;
  const workplace = join(dirname(file), WORKPLACE);
  rmSync(workplace, { recursive: true, force: true });
  mkdirSync(workplace, { mode: 0o700 });
  try {
    const linked = join(workplace, "umbrad.db");
    linkSync(file, linked);
    writeFileSync(`${linked}-wal`, beginning, { mode: 0o600 });
    const database = new Database(linked, { readOnly: true });
    try {
      // Whoever finds a database that was put back lets it count on past the counter file: a step of any size. It is known then, too.
      if (database.value("SELECT 1 FROM meta WHERE key = 'rollback'") !== undefined) return undefined;
      const changes = database.value("SELECT changes FROM change_counter");
      return typeof changes === "number" ? changes : undefined;
    } finally {
      database.close();
    }
  } finally {
    rmSync(workplace, { recursive: true, force: true });
  }
}

/** Up to the end of the first transaction that wrote the page. undefined: none did. */
function readToFirstChange(log: string, page: number): Buffer | undefined {
  const descriptor = openSync(log, "r");
  try {
    const header = readAt(descriptor, 0, LOG_HEADER_BYTES);
    const frameBytes = FRAME_HEADER_BYTES + header.readUInt32BE(8);
    const salts = header.subarray(16, 24);
    let hasPage = false;
    for (let at = LOG_HEADER_BYTES; ; at += frameBytes) {
      const frame = readAt(descriptor, at, FRAME_HEADER_BYTES);
      // What follows is of an earlier use of the file, or cut.
      if (frame.length < FRAME_HEADER_BYTES || !frame.subarray(8, 16).equals(salts)) return undefined;
      hasPage ||= frame.readUInt32BE(0) === page;
      const isCommit = frame.readUInt32BE(4) !== 0;
      if (hasPage && isCommit) return readAt(descriptor, 0, at + frameBytes);
    }
  } finally {
    closeSync(descriptor);
  }
}

function readAt(descriptor: number, position: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  return bytes.subarray(0, readSync(descriptor, bytes, 0, length, position));
}

/** A damaged file, a file system without links: not for us to judge. */
function attempt<Result>(look: () => Result): Result | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}
