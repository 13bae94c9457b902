/** The composition root: which adapters an umbrad is made of, in which order they start and in which they stop. */

import { Metrics } from "../admin/metrics/metrics.ts";
import { exitCodes } from "../admin/problem.ts";
import { startAdminServer } from "../admin/server.ts";
import { Tokens } from "../admin/token/tokens.ts";
import type { ProcessIdentity } from "../admin/views.ts";
import { inboxWith } from "../conversation/inbox-v1/inbox-v1.ts";
import { privateV1 } from "../conversation/private-v1/private-v1.ts";
import { createEngine, type Engine } from "../engine/engine.ts";
import { UmbradError } from "../engine/errors.ts";
import type { Log, Store } from "../engine/ports.ts";
import { openStore } from "../sqlite/open.ts";
import { parsePeers } from "../waku/peer-address.ts";
import { createWakuTransport } from "../waku/transport.ts";
import { systemClock } from "./clock.ts";
import type { Config } from "./config/config.ts";
import type { RunningConfig } from "./config/running-config.ts";
import type { DaemonLog } from "./log/log.ts";
import { meteredTransport } from "./metrics/metered-transport.ts";
import { storageSizes } from "./metrics/storage-sizes.ts";
import { loadPeerKeySeed } from "./peer-key.ts";
import type { StopRequest } from "./signals.ts";
import { type BackupFacts, backUpState } from "./store/store-files.ts";

export interface DaemonOptions {
  readonly stateDir: string;
  readonly socketPath: string;
  readonly config: RunningConfig;
  /** undefined: the state is not sealed. */
  readonly passphrase: Uint8Array | undefined;
  readonly version: string;
  readonly log: DaemonLog;
  readonly stop: StopRequest;
}

/** Begun turns may end; together with everything else a stop stays under 5 s. */
const drainMs = 3_000;
/** The network libraries may hang in their stop or leave timers behind; nothing on disk depends on them. */
const lastResortMs = 4_500;
const lingerMs = 250;

/** Runs until a stop is asked for; resolves when everything is on disk and the lock is free. */
export async function runDaemon(options: DaemonOptions): Promise<void> {
  const { log, stop } = options;
  const config = options.config.current;
  const startedAtMs = systemClock.now();
  const progress: Progress = { engine: undefined, closed: false };
  // Taken down in reverse order, whatever failed on the way up.
  await using teardown = new AsyncDisposableStack();
  teardown.defer(() => endProcessSoon());
  const lastResort = endProcessAtLast(stop, progress, log);
  teardown.defer(() => clearTimeout(lastResort()));

  let closeAdmin = async (): Promise<void> => {};
  // Last of all: who asked for the stop hears of it when the lock is free.
  teardown.defer(() => closeAdmin());
  const metrics = createMetrics(options, progress);
  const store = await open(options, metrics);
  teardown.defer(() => {
    store.close();
    progress.closed = true;
  });

  const host = {
    engine: () => progress.engine,
    draining: stop.isAsked,
    identity: identityOf(options, startedAtMs),
    operator: { log, reload: () => options.config.reload("api") },
    requestStop: () => stop.ask("api"),
    backUp: (directory: string) => backUpLogged(options, directory),
    now: systemClock.now,
    metrics,
    tokens: new Tokens({ table: store.tokenTable, now: systemClock.now, random: systemClock.random }),
    log,
  };
  const { listen: tcp, socketGroup } = config.admin;
  const group = socketGroup === undefined ? undefined : { name: socketGroup, stateDir: options.stateDir };
  const admin = await startAdminServer(host, { socketPath: options.socketPath, tcp, group });
  closeAdmin = () => admin.close();
  log.info(
    { event: "daemon.starting", component: "daemon", version: options.version, network: config.network.name },
    "starting",
  );
  if (admin.tcp !== null) {
    log.info({ event: "admin.listening", component: "admin", address: admin.tcp }, "tokens may come in over TCP");
  }

  const engine = assemble(options, store, metrics);
  teardown.defer(() => engine.stop(drainMs));
  // Before the engine stops: no new request reaches it, streams end.
  teardown.defer(() => admin.stopAccepting());
  if (stop.isAsked()) return;
  await engine.start();
  progress.engine = engine;
  log.info({ event: "daemon.started", component: "daemon", peers: config.peers.length }, startedText(config));
  await stop.asked;
}

interface Progress {
  engine: Engine | undefined;
  /** Everything is on disk and the lock is free. */
  closed: boolean;
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

function createMetrics({ version, stateDir }: DaemonOptions, progress: Progress): Metrics {
  return new Metrics({
    version,
    now: systemClock.now,
    engine: () => progress.engine,
    storage: () => storageSizes(stateDir),
    isProcess: true,
  });
}

async function open({ stateDir, passphrase, log }: DaemonOptions, metrics: Metrics): Promise<Store> {
  const seal = passphrase === undefined ? undefined : ({ kind: "passphrase", passphrase } as const);
  const onCounterFault = (err: unknown) =>
    log.warn(
      { event: "store.counter-unwritten", component: "store", err },
      "the counter file could not be written: a restored copy of the state might go unnoticed",
    );
  const store = await openStore({
    stateDir,
    seal,
    random: systemClock.random,
    onCounterFault,
    onCommit: (seconds) => metrics.committed(seconds),
  });
  if (store.conversation(0) !== undefined) return store;
  store.close();
  throw new UmbradError("store/not-initialised", `the state in ${stateDir} has no identity: init was interrupted`, {
    hint: "umbrad init with the same flags finishes it",
  });
}

async function backUpLogged({ stateDir, passphrase, log }: DaemonOptions, directory: string): Promise<BackupFacts> {
  try {
    const facts = await backUpState(stateDir, directory, passphrase);
    const { bytes, ms } = facts;
    log.info({ event: "store.backup-made", component: "store", bytes, ms }, "a backup was made and verified");
    return facts;
  } catch (err) {
    log.warn({ event: "store.backup-failed", component: "store", err }, "a backup failed");
    throw err;
  }
}

function assemble({ stateDir, config, log }: DaemonOptions, store: Store, metrics: Metrics): Engine {
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
  });
  metrics.follow(engine);
  return engine;
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
