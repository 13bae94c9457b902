/** What the admin API is served from, before and after the engine runs, and where it listens. */
import { type AdminHost, startingError } from "../admin/host.ts";
import type { Metrics } from "../admin/metrics/metrics.ts";
import { startAdminServer } from "../admin/server.ts";
import type { ProcessIdentity } from "../admin/views.ts";
import { systemClock } from "./clock.ts";
import type { DaemonOptions, Progress } from "./progress.ts";
import { backUpLogged } from "./store/back-up-logged.ts";
import { rekeyLogged } from "./store/rekey-logged.ts";

/** The host of a daemon: what it cannot answer yet throws `daemon/starting`. */
export function hostOf(
  options: DaemonOptions,
  made: { readonly startedAtMs: number; readonly progress: Progress; readonly metrics: Metrics },
): AdminHost {
  const { log, stop, service } = options;
  const { startedAtMs, progress, metrics } = made;
  return {
    engine: () => progress.engine,
    draining: stop.isAsked,
    // A manager that keeps the socket promises its callers that nobody is turned away.
    whenStarted: service.adminSocketFd === undefined ? undefined : progress.started.promise,
    identity: identityOf(options, startedAtMs),
    operator: { log, reload: () => options.config.reload("api") },
    requestStop: () => stop.ask("api"),
    backUp: async (directory) => {
      const { store, passphrase = options.passphrase } = progress;
      if (store === undefined) throw startingError();
      return await backUpLogged({ ...options, passphrase, store, metrics }, directory);
    },
    rekey: async (given, next) => {
      if (progress.tokens === undefined) throw startingError();
      await rekeyLogged(options, given, next);
      progress.passphrase = next;
    },
    now: systemClock.now,
    metrics,
    get tokens() {
      if (progress.tokens === undefined) throw startingError();
      return progress.tokens;
    },
    log,
  };
}

/** Before the store is read: deriving its key and migrating it take time, in which callers hear `daemon/starting`. */
export async function listen(
  options: DaemonOptions,
  host: AdminHost,
  progress: Progress,
): Promise<() => Promise<void>> {
  const { socketPath, stateDir, version, log, service } = options;
  const { admin: settings, network } = options.config.current;
  const group = settings.socketGroup === undefined ? undefined : { name: settings.socketGroup, stateDir };
  const admin = await startAdminServer(host, { socketPath, group, inheritedFd: service.adminSocketFd });
  progress.admin = admin;
  log.info({ event: "daemon.starting", component: "daemon", version, network: network.name }, "starting");
  return () => admin.stopAccepting();
}

/** The listener for tokens, if there is to be one. */
export async function listenOnTcp({ config, log }: DaemonOptions, { admin }: Progress): Promise<void> {
  const place = config.current.admin.listen;
  if (place === undefined || admin === undefined) return;
  await admin.openTcp(place);
  log.info({ event: "admin.listening", component: "admin", address: admin.tcp }, "tokens may come in over TCP");
}

function identityOf({ config, version }: DaemonOptions, startedAtMs: number): ProcessIdentity {
  return {
    // A reload may change it.
    get name() {
      return config.current.name;
    },
    version,
    pid: process.pid,
    startedAtMs,
  };
}
