/** The composition root: in which order the parts of an umbrad start and in which they stop. */

import { startingError } from "../admin/host.ts";
import { Tokens } from "../admin/token/tokens.ts";
import { hostOf, listen, listenOnTcp } from "./admin-host.ts";
import { assemble, createMetrics } from "./assemble.ts";
import { systemClock } from "./clock.ts";
import type { Config } from "./config/config.ts";
import { endProcessAtLast, endProcessSoon } from "./ending.ts";
import { type DaemonOptions, Progress } from "./progress.ts";
import { createNotifier } from "./service/notify.ts";
import { Watchdog } from "./service/watchdog.ts";
import { openLogged, requireIdentity } from "./store/open-logged.ts";

/** Begun turns may end; together with everything else a stop stays under 5 s. */
const drainMs = 3_000;

/** Runs until a stop is asked for; resolves when everything is on disk and the lock is free. */
export async function runDaemon(options: DaemonOptions): Promise<void> {
  const { log, stop, service } = options;
  const startedAtMs = systemClock.now();
  const progress = new Progress();
  const notifier = createNotifier(service.notifySocket, process.env, log);
  // Taken down in reverse order, whatever failed on the way up.
  await using teardown = new AsyncDisposableStack();
  teardown.defer(() => endProcessSoon());
  const lastResort = endProcessAtLast(stop, progress, log);
  teardown.defer(() => clearTimeout(lastResort()));
  void stop.asked.then(() => notifier.tell("STOPPING=1", "STATUS=stopping"));

  // Last of all: who asked for the stop hears of it when the lock is free.
  teardown.defer(() => progress.admin?.close());
  // Who waits for the start of the engine waits no longer.
  teardown.defer(() => progress.started.reject(startingError()));
  const metrics = createMetrics(options, progress);
  const host = hostOf(options, { startedAtMs, progress, metrics });
  const store = await openLogged(options, metrics, notifier, () => listen(options, host, progress));
  teardown.defer(() => {
    // Who still asks hears of the stop, not of a closed database.
    progress.engine = undefined;
    store.close();
    progress.closed = true;
  });
  // Also when the start fails: the socket is ours to remove only while the lock is.
  teardown.defer(() => progress.admin?.stopAccepting());
  requireIdentity(store, options.stateDir);
  progress.store = store;
  progress.tokens = new Tokens({ table: store.tokenTable, now: systemClock.now, random: systemClock.random });
  await listenOnTcp(options, progress);

  const { engine, transport } = assemble(options, store, metrics);
  teardown.defer(() => engine.stop(drainMs));
  // Before the engine stops: no new request reaches it, streams end.
  teardown.defer(() => progress.admin?.stopAccepting());
  if (stop.isAsked()) return;
  await engine.start();
  progress.engine = engine;
  progress.started.resolve();
  const { config } = options;
  log.info(
    { event: "daemon.started", component: "daemon", peers: config.current.peers.length },
    startedText(config.current),
  );
  const work = { probe: () => store.probe(), rounds: () => transport.rounds(), status: () => engine.status() };
  notifier.tell("READY=1");
  using watchdog = new Watchdog({ notifier, work, log, periodMs: service.watchdogMs });
  engine.onStatus(() => watchdog.changed());
  await stop.asked;
}

function startedText({ peers }: Config): string {
  return peers.length === 0 ? "started without a service node: messages are queued until one is configured" : "started";
}
