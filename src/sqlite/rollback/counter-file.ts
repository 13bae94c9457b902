/**
 * The file `change-counter`: how often the database had changed, in a file that backups leave out. It only ever lags: it
 * is written after the commit it tells of. Whoever puts an older database back leaves the file ahead of it.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { fileSystem, syncDirectory } from "../lock.ts";

export const COUNTER_FILE = "change-counter";
/** Ours has under 70 bytes; whatever lies there instead is not read whole. */
const BYTES_MAX = 256;
const pattern = /^umbrad-changes ([0-9a-f]{32}) (0|[1-9][0-9]{0,14})\n$/;

export type CounterFile =
  | { readonly kind: "absent" }
  | { readonly kind: "unreadable" }
  | { readonly kind: "read"; readonly database: string; readonly changes: number };

/** Never throws: a file that cannot be read is one that proves nothing. */
export function readCounterFile(stateDir: string): CounterFile {
  const file = join(stateDir, COUNTER_FILE);
  try {
    if (!existsSync(file)) return { kind: "absent" };
    if (statSync(file).size > BYTES_MAX) return { kind: "unreadable" };
    const [, database, changes] = pattern.exec(readFileSync(file, "latin1")) ?? [];
    if (database === undefined) return { kind: "unreadable" };
    return { kind: "read", database, changes: Number(changes) };
  } catch {
    return { kind: "unreadable" };
  }
}

/** Whole or not at all, also over a power cut. `database` is 32 hexadecimal characters. */
export function writeCounterFile(stateDir: string, database: string, changes: number): void {
  const file = join(stateDir, COUNTER_FILE);
  const isNew = !existsSync(file);
  fileSystem(() => {
    // A temporary file that a crash left behind may have any mode.
    rmSync(`${file}.new`, { force: true });
    const descriptor = openSync(`${file}.new`, "wx", 0o600);
    try {
      writeSync(descriptor, `umbrad-changes ${database} ${changes}\n`);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(`${file}.new`, file);
  });
  // A lost rename leaves the file before it, which only lags. A lost first one would look like a restored copy.
  if (isNew) syncDirectory(dirname(file));
}
