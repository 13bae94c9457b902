/**
 * Another passphrase for the same data key: nothing that it seals changes, so it takes one small commit. Works on the file
 * over a connection of its own, so that a running daemon goes on; it needs the key that it has already.
 */

import { UmbradError } from "../../engine/errors.ts";
import { configureWriter, Database } from "../database.ts";
import { takeStateLock } from "../lock.ts";
import { storedKey, storeFile } from "../open.ts";
import { rewrapDataKey } from "../wrapped-key.ts";

export interface Rekeying {
  readonly stateDir: string;
  /** The one until now: it must open the state, or nothing changes. */
  readonly passphrase: Uint8Array;
  readonly next: Uint8Array;
  readonly random: (length: number) => Uint8Array;
}

/** By the process that has the lock. A crash leaves the old passphrase or the new one, never none. */
export async function rekey({ stateDir, passphrase, next, random }: Rekeying): Promise<void> {
  const database = new Database(storeFile(stateDir));
  try {
    configureWriter(database);
    const before = storedKey(database);
    const after = await rewrapDataKey(before, { passphrase, next, random });
    database.transaction(() => {
      const sql = "UPDATE meta SET value = ? WHERE key = 'data-key' AND value = ?";
      if (database.run(sql, after, before).changes === 1) return;
      throw new UmbradError("store/conflict", "the passphrase was changed meanwhile");
    });
    // The key under the old passphrase must not stay readable there.
    database.get("PRAGMA wal_checkpoint(TRUNCATE)");
  } finally {
    database.close();
  }
}

/** While no daemon runs: `store/locked` otherwise. */
export async function rekeyAlone(rekeying: Rekeying): Promise<void> {
  const lock = takeStateLock(rekeying.stateDir);
  try {
    await rekey(rekeying);
  } finally {
    lock.release();
  }
}
