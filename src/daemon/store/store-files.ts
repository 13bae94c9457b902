/** What commands and the daemon do with whole databases: look at one, back it up, verify a copy, put one back. */
import { resolve } from "node:path";
import { UmbradError } from "../../engine/errors.ts";
import { backUp, restore, verifyCopy } from "../../sqlite/backup/backup.ts";
import { checkStore, inspectStore, openSeal, type StoreFacts } from "../../sqlite/backup/inspect.ts";
import { refuseLocked } from "../../sqlite/lock.ts";
import { storeFile } from "../../sqlite/open.ts";
import { rekeyAlone } from "../../sqlite/secret/rekey.ts";
import { systemClock } from "../clock.ts";

export type { StoreFacts } from "../../sqlite/backup/inspect.ts";

export interface BackupFacts extends StoreFacts {
  readonly ms: number;
}

export interface Restored {
  readonly file: string;
  /** Where the database that was there before is now. */
  readonly kept: string | null;
}

export function storeInfo(stateDir: string): StoreFacts {
  return inspectStore(storeFile(stateDir));
}

/** Throws `store/locked` while a daemon runs on it. */
export function checkNotInUse(stateDir: string): void {
  refuseLocked(stateDir);
}

/** Throws unless the passphrase opens the state. Changes nothing, also while a daemon runs. */
export function checkSeal(stateDir: string, passphrase: Uint8Array): Promise<void> {
  return openSeal(storeFile(stateDir), passphrase);
}

/** The same for a backup. */
export function checkSealOfFile(file: string, passphrase: Uint8Array): Promise<void> {
  return openSeal(resolve(file), passphrase);
}

/** Whether it needs a passphrase; false for what is no database of ours, which the work on it says better. */
export function isFileSealed(file: string): boolean {
  try {
    return inspectStore(resolve(file)).sealed;
  } catch (error) {
    if (error instanceof UmbradError) return false;
    throw error;
  }
}

/** Throws `store/corrupt` when it is damaged. */
export function checkState(stateDir: string): StoreFacts {
  checkStore(storeFile(stateDir));
  return storeInfo(stateDir);
}

/** In the running daemon: it knows the passphrase, so the copy is verified to its end. */
export async function backUpState(
  stateDir: string,
  directory: string,
  passphrase: Uint8Array | undefined,
): Promise<BackupFacts> {
  const began = performance.now();
  const place = { stateDir, directory, name: `umbrad-${stamp()}.db` };
  const facts = await backUp(place, verification(passphrase));
  return { ...facts, ms: Math.round(performance.now() - began) };
}

/** Without a passphrase the seal of a sealed copy stays closed. */
export async function verifyBackup(file: string, passphrase: Uint8Array | undefined): Promise<StoreFacts> {
  const path = resolve(file);
  await verifyCopy(path, verification(passphrase));
  return inspectStore(path);
}

/** Takes the lock of the state: refused while a daemon runs. */
export async function restoreState(
  stateDir: string,
  file: string,
  passphrase: Uint8Array | undefined,
): Promise<Restored> {
  const keptName = `umbrad.db.before-restore-${stamp()}`;
  const kept = await restore({ stateDir, file: resolve(file), keptName }, verification(passphrase));
  return { file: storeFile(stateDir), kept: kept ?? null };
}

/** Takes the lock of the state, as `restoreState` does. */
export function rekeyState(stateDir: string, passphrase: Uint8Array, next: Uint8Array): Promise<void> {
  return rekeyAlone({ stateDir, passphrase, next, random: systemClock.random });
}

function verification(passphrase: Uint8Array | undefined) {
  const seal = passphrase === undefined ? undefined : ({ kind: "passphrase", passphrase } as const);
  return { seal, random: systemClock.random };
}

/** Names sort by time. */
function stamp(): string {
  return new Date(systemClock.now()).toISOString().replaceAll(/[-:]|\.\d+/g, "");
}
