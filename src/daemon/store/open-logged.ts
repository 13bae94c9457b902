/** The state of a daemon: opened, migrated, metered. */
import type { Metrics } from "../../admin/metrics/metrics.ts";
import { UmbradError } from "../../engine/errors.ts";
import type { Store } from "../../engine/ports.ts";
import { newestSchema } from "../../sqlite/migrations/migrate.ts";
import { openStore } from "../../sqlite/open.ts";
import { systemClock } from "../clock.ts";
import { storageSizes } from "../metrics/storage-sizes.ts";
import type { DaemonOptions } from "../progress.ts";
import type { Notifier } from "../service/notify.ts";

/**
 * Opens the state; `onLocked` is called as soon as it is ours alone.
 * @throws {UmbradError} `store/…`
 */
export async function openLogged(
  { stateDir, passphrase, log }: DaemonOptions,
  metrics: Metrics,
  notifier: Notifier,
  onLocked: () => Promise<() => Promise<void>>,
): Promise<Store> {
  const seal = passphrase === undefined ? undefined : ({ kind: "passphrase", passphrase } as const);
  const onCounterFault = (err: unknown) =>
    log.warn(
      { event: "store.counter-unwritten", component: "store", err },
      "the counter file could not be written: a restored copy of the state might go unnoticed",
    );
  const store = await openStore({
    onLocked,
    // The event loop stands still meanwhile, so this is all that the manager hears until it is done.
    onMigrating: () =>
      notifier.tellNow("STATUS=migrating the state", `EXTEND_TIMEOUT_USEC=${migrationMs(stateDir)}000`),
    stateDir,
    seal,
    random: systemClock.random,
    onCounterFault,
    onCommit: (seconds) => metrics.committed(seconds),
    onCommitFault: ({ code }) => metrics.upkeep.storeFailed(code),
  });
  metrics.upkeep.opened(newestSchema());
  return store;
}

/** A disk that is slow beyond use still copies so much in a second. */
const migratedBytesPerSecond = 1_000_000;

/** How long one step may take with a database of this size. */
function migrationMs(stateDir: string): number {
  const { databaseBytes = 0, walBytes = 0 } = storageSizes(stateDir);
  return 60_000 + Math.ceil((databaseBytes + walBytes) / migratedBytesPerSecond) * 1_000;
}

/** @throws {UmbradError} `store/not-initialised` */
export function requireIdentity(store: Store, stateDir: string): void {
  if (store.conversation(0) !== undefined) return;
  throw new UmbradError("store/not-initialised", `the state in ${stateDir} has no identity: init was interrupted`, {
    hint: "umbrad init with the same flags finishes it",
  });
}
