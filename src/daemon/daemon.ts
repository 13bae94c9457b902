/** The composition root: which adapters an umbrad is made of, in which order they start and in which they stop. */

import { type AdminHost, startingError } from "../admin/host.ts";
import { Metrics } from "../admin/metrics/metrics.ts";
import { exitCodes } from "../admin/problem.ts";
import { type AdminServer, startAdminServer } from "../admin/server.ts";
import { Tokens } from "../admin/token/tokens.ts";
import type { ProcessIdentity } from "../admin/views.ts";
import { inboxWith } from "../conversation/inbox-v1/inbox-v1.ts";
import { privateV1 } from "../conversation/private-v1/private-v1.ts";
import { createEngine, type Engine } from "../engine/engine.ts";
import { UmbradError } from "../engine/errors.ts";
import type { Log, Store } from "../engine/ports.ts";
import { newestSchema } from "../sqlite/migrations/migrate.ts";
import { openStore } from "../sqlite/open.ts";
import { parsePeers } from "../waku/peer-address.ts";
import { createWakuTransport, type PeeredTransport } from "../waku/transport.ts";
import { systemClock } from "./clock.ts";
import type { Config } from "./config/config.ts";
import type { RunningConfig } from "./config/running-config.ts";
import type { DaemonLog } from "./log/log.ts";
import { meteredTransport } from "./metrics/metered-transport.ts";
import { storageSizes } from "./metrics/storage-sizes.ts";
import { loadPeerKeySeed } from "./peer-key.ts";
import type { ServiceEnvironment } from "./service/environment.ts";
import { createNotifier, type Notifier } from "./service/notify.ts";
import { Watchdog } from "./service/watchdog.ts";
import type { StopRequest } from "./signals.ts";
import { backUpLogged } from "./store/back-up-logged.ts";
import { rekeyLogged } from "./store/rekey-logged.ts";

export interface DaemonOptions {
  readonly stateDir: string;
  readonly socketPath: string;
  readonly config: RunningConfig;
  /** undefined: the state is not sealed. */
  readonly passphrase: Uint8Array | undefined;
  readonly version: string;
  readonly log: DaemonLog;
  readonly stop: StopRequest;
  /** What a service manager gave us. */
  readonly service: ServiceEnvironment;
}

/** Begun turns may end; together with everything else a stop stays under 5 s. */
const drainMs = 3_000;
/** The network libraries may hang in their stop or leave timers behind; nothing on disk depends on them. */
const lastResortMs = 4_500;
const lingerMs = 250;

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
  const store = await open(options, metrics, notifier, () => listen(options, host, progress));
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

/** How far the start is, for what was made before. */
class Progress {
  /** The one that was given last, while the daemon runs. */
  passphrase: Uint8Array | undefined;
  admin: AdminServer | undefined;
  tokens: Tokens | undefined;
  store: Store | undefined;
  engine: Engine | undefined;
  readonly started = Promise.withResolvers<void>();
  /** Everything is on disk and the lock is free. */
  closed = false;

  constructor() {
    // Mostly nobody waits for it.
    this.started.promise.catch(() => {});
  }
}

function hostOf(
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
async function listen(options: DaemonOptions, host: AdminHost, progress: Progress): Promise<() => Promise<void>> {
  const { socketPath, stateDir, version, log, service } = options;
  const { admin: settings, network } = options.config.current;
  const group = settings.socketGroup === undefined ? undefined : { name: settings.socketGroup, stateDir };
  const admin = await startAdminServer(host, { socketPath, group, inheritedFd: service.adminSocketFd });
  progress.admin = admin;
  log.info({ event: "daemon.starting", component: "daemon", version, network: network.name }, "starting");
  return () => admin.stopAccepting();
}

async function listenOnTcp({ config, log }: DaemonOptions, { admin }: Progress): Promise<void> {
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

function createMetrics({ version, stateDir, config, log }: DaemonOptions, progress: Progress): Metrics {
  const metrics = new Metrics({
    version,
    now: systemClock.now,
    engine: () => progress.engine,
    storage: () => storageSizes(stateDir),
    lines: () => log.written,
    isProcess: true,
  });
  const { upkeep } = metrics;
  config.follow({ apply: () => upkeep.reloaded(true), rejected: () => upkeep.reloaded(false) });
  return metrics;
}

async function open(
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

function requireIdentity(store: Store, stateDir: string): void {
  if (store.conversation(0) !== undefined) return;
  throw new UmbradError("store/not-initialised", `the state in ${stateDir} has no identity: init was interrupted`, {
    hint: "umbrad init with the same flags finishes it",
  });
}

function assemble(
  { stateDir, config, log }: DaemonOptions,
  store: Store,
  metrics: Metrics,
): { readonly engine: Engine; readonly transport: PeeredTransport } {
  const { network, peers } = config.current;
  const { clusterId, shards } = network;
  const privateKeySeed = loadPeerKeySeed(stateDir, systemClock.random);
  const transport = createWakuTransport({
    clusterId,
    shards,
    peers,
    privateKeySeed,
    clock: systemClock,
    log,
  });
  config.follow({
    check: (next) => void parsePeers(next.peers),
    apply: (next) => transport.usePeers(next.peers),
  });
  const inbox = inboxWith({ unknownSenders: config.current.unknownSenders });
  const engine = createEngine({
    store,
    transport: meteredTransport(transport, metrics),
    clock: systemClock,
    log,
    types: [inbox, privateV1],
    retention: config.retention(),
    quota: network.quota,
    limits: config.current.limits,
    meter: metrics.meter,
  });
  metrics.follow(engine);
  return { engine, transport };
}

function startedText({ peers }: Config): string {
  return peers.length === 0 ? "started without a service node: messages are queued until one is configured" : "started";
}

/** Armed when a stop is asked for; a daemon that is told to stop is gone 5 s later. */
function endProcessAtLast(stop: StopRequest, progress: Progress, log: Log): () => NodeJS.Timeout | undefined {
  let timer: NodeJS.Timeout | undefined;
  void stop.asked.then(() => {
    timer = setTimeout(() => {
      log.warn({ event: "daemon.forced", component: "daemon" }, "the stop took too long: ending");
      process.exit(progress.closed ? exitCodes.ok : exitCodes.software);
    }, lastResortMs);
    timer.unref();
  });
  return () => timer;
}

/** Timers that libraries left behind keep no finished process alive. */
function endProcessSoon(): void {
  setTimeout(() => process.exit(), lingerMs).unref();
}
