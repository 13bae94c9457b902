/** Which adapters and conversation types an umbrad is made of. */
import { Metrics } from "../admin/metrics/metrics.ts";
import { inboxWith } from "../conversation/inbox-v1/inbox-v1.ts";
import { privateV1 } from "../conversation/private-v1/private-v1.ts";
import { createEngine, type Engine } from "../engine/engine.ts";
import type { Store } from "../engine/ports.ts";
import { parsePeers } from "../waku/peer-address.ts";
import { createWakuTransport, type PeeredTransport } from "../waku/transport.ts";
import { systemClock } from "./clock.ts";
import { meteredTransport } from "./metrics/metered-transport.ts";
import { storageSizes } from "./metrics/storage-sizes.ts";
import { loadPeerKeySeed } from "./peer-key.ts";
import type { DaemonOptions, Progress } from "./progress.ts";

/** The engine on the network, not started yet. */
export function assemble(
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

/** Counts from the first moment; asks for the engine each time. */
export function createMetrics({ version, stateDir, config, log }: DaemonOptions, progress: Progress): Metrics {
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
