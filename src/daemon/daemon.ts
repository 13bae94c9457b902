/** The composition root: which adapters an umbrad is made of, in which order they start and in which they stop. */

import { exitCodes } from "../admin/problem.ts";
import { startAdminServer } from "../admin/server.ts";
import { inboxWith } from "../conversation/inbox-v1/inbox-v1.ts";
import { privateV1 } from "../conversation/private-v1/private-v1.ts";
import { createEngine, type Engine } from "../engine/engine.ts";
import { UmbradError } from "../engine/errors.ts";
import type { Log, Store } from "../engine/ports.ts";
import { openStore } from "../sqlite/open.ts";
import { createWakuTransport } from "../waku/transport.ts";
import { systemClock } from "./clock.ts";
import type { Config } from "./config.ts";
import { loadPeerKeySeed } from "./peer-key.ts";
import type { StopRequest } from "./signals.ts";

export interface DaemonOptions {
  readonly stateDir: string;
  readonly socketPath: string;
  readonly config: Config;
  /** undefined: the state is not sealed. */
  readonly passphrase: Uint8Array | undefined;
  readonly version: string;
  readonly log: Log;
  readonly stop: StopRequest;
}

/** Begun turns may end; together with everything else a stop stays under 5 s. */
const drainMs = 3_000;
/** The network libraries may hang in their stop or leave timers behind; nothing on disk depends on them. */
const lastResortMs = 4_500;
const lingerMs = 250;

/** Runs until a stop is asked for; resolves when everything is on disk and the lock is free. */
export async function runDaemon(options: DaemonOptions): Promise<void> {
  const { config, log, stop } = options;
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
  const store = await open(options);
  teardown.defer(() => {
    store.close();
    progress.closed = true;
  });

  const identity = { name: config.name, version: options.version, pid: process.pid, startedAtMs };
  const host = {
    engine: () => progress.engine,
    draining: stop.isAsked,
    identity,
    requestStop: () => stop.ask("api"),
    now: systemClock.now,
    log,
  };
  const admin = await startAdminServer(host, { socketPath: options.socketPath });
  closeAdmin = () => admin.close();
  log.info(
    { event: "daemon.starting", component: "daemon", version: options.version, network: config.network.name },
    "starting",
  );

  const engine = assemble(options, store);
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

async function open({ stateDir, passphrase }: DaemonOptions): Promise<Store> {
  const seal = passphrase === undefined ? undefined : ({ kind: "passphrase", passphrase } as const);
  const store = await openStore({ stateDir, seal, random: systemClock.random });
  if (store.conversation(0) !== undefined) return store;
  store.close();
  throw new UmbradError("store/not-initialised", `the state in ${stateDir} has no identity: init was interrupted`, {
    hint: "umbrad init with the same flags finishes it",
  });
}

function assemble({ stateDir, config, log }: DaemonOptions, store: Store): Engine {
  const { clusterId, shards } = config.network;
  const privateKeySeed = loadPeerKeySeed(stateDir, systemClock.random);
  const transport = createWakuTransport({
    clusterId,
    shards,
    peers: config.peers,
    privateKeySeed,
    clock: systemClock,
    log,
  });
  const inbox = inboxWith({ unknownSenders: config.unknownSenders });
  return createEngine({
    store,
    transport,
    clock: systemClock,
    log,
    types: [inbox, privateV1],
    retention: config.retention,
    quota: config.network.quota,
    limits: config.limits,
  });
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
