/** A backup that the running daemon was asked for: made, verified, remembered in the state, counted and logged. */
import type { Metrics } from "../../admin/metrics/metrics.ts";
import type { Log, Store } from "../../engine/ports.ts";
import { systemClock } from "../clock.ts";
import { type BackupFacts, backUpState } from "./store-files.ts";

interface BackingUp {
  readonly stateDir: string;
  readonly passphrase: Uint8Array | undefined;
  readonly store: Pick<Store, "backedUp">;
  readonly metrics: Pick<Metrics, "upkeep">;
  readonly log: Log;
}

export async function backUpLogged(
  { stateDir, passphrase, store, metrics, log }: BackingUp,
  directory: string,
): Promise<BackupFacts> {
  let facts: BackupFacts;
  try {
    facts = await backUpState(stateDir, directory, passphrase);
  } catch (err) {
    metrics.upkeep.backedUp(false);
    log.warn({ event: "store.backup-failed", component: "store", err }, "a backup failed");
    throw err;
  }
  metrics.upkeep.backedUp(true);
  const { bytes, ms } = facts;
  log.info({ event: "store.backup-made", component: "store", bytes, ms }, "a backup was made and verified");
  try {
    store.backedUp(systemClock.now());
  } catch (err) {
    // The copy is good all the same.
    log.warn({ event: "store.backup-unnoted", component: "store", err }, "when the backup was made could not be kept");
  }
  return facts;
}
