/**
 * A whole Waku network in one process, on 127.0.0.1: what the quick start and the tests run instead of the internet.
 * Puts libp2p and the protocols together; the rules of each protocol are in its own file.
 */
import type { Connection } from "@libp2p/interface";
import type { Libp2p } from "libp2p";
import { Archive } from "./archive.ts";
import { type DevnetCounters, zeroCounters } from "./counters.ts";
import { DevnetFaults, type RequestFault } from "./faults/faults.ts";
import { addressesOf, createHost, portsOf, type Relaying, settledWithin } from "./host.ts";
import { keepLinks, parseLinks } from "./links.ts";
import { MessageFlow } from "./message-flow.ts";
import { joinRelay } from "./relay.ts";
import { FilterService, filterPushCodec } from "./services/filter-service.ts";
import { type RequestHooks, serveRequests } from "./services/framing.ts";
import { lightPushService, lightPushStatus } from "./services/lightpush-service.ts";
import { lightPushV2Service } from "./services/lightpush-v2-service.ts";
import { exchangeMetadata, metadataCodec, metadataService } from "./services/metadata-service.ts";
import { storeService } from "./services/store-service.ts";
import { type Network, pubsubTopicsOf } from "./sharding.ts";
import { choosePort, DevnetError, loadPeerKey, loadPorts, lockStateDir, makeStateDir, savePorts } from "./state-dir.ts";
import type { AcceptedMessage } from "./waku-message.ts";

/** How to start a devnet node. */
export interface DevnetOptions {
  /** Peer key, ports and archive live here; created when missing. */
  readonly stateDir: string;
  /** TCP port; without it the port of the last run if it is free, else any. 0: any. */
  readonly port?: number;
  /** WebSocket port, chosen in the same way. */
  readonly websocketPort?: number;
  readonly clusterId?: number;
  readonly shards?: number;
  /** Default true: a content topic belongs to exactly one shard. */
  readonly autosharding?: boolean;
  /** Multiaddrs of other nodes to relay with, dialled for ever. */
  readonly peers?: readonly string[];
  /** Like older service nodes: no LightPush v3, only v2. */
  readonly lightPushV2Only?: boolean;
  /** Of the chance in the fault knobs; without it any. */
  readonly seed?: number;
  /** Default false: as on real nodes, a message more than 20 s off our clock is carried but not archived. */
  readonly archiveAnyTimestamp?: boolean;
  /** Milliseconds since 1970; for tests of expiry. */
  readonly now?: () => number;
  readonly log?: DevnetLog;
}

/** Receives events such as `devnet.started`. Never given a message, a topic or a key. */
export type DevnetLog = (event: string, fields: Readonly<Record<string, string | number>>) => void;

/** A running devnet node. */
export interface Devnet {
  readonly multiaddr: string;
  readonly websocketMultiaddr: string;
  readonly peerId: string;
  readonly clusterId: number;
  readonly shards: number;
  /** What happened so far; a copy. */
  readonly counters: DevnetCounters;
  /** Who is there now. */
  readonly population: Population;
  /** Knobs for tests of clients; they take effect with the next request. */
  readonly faults: DevnetFaults;
  /** Cuts every established connection; whoever wants to come back may. */
  disconnectAll(): void;
  /** Closes everything, so that the process can end by itself. May be called twice. */
  stop(): Promise<void>;
}

/** The peers of a node at one moment. */
export interface Population {
  /** Connected peers of any kind, and those of them that relay. */
  readonly peers: number;
  readonly relayPeers: number;
  /** Filter subscribers, and the content topics of all of them together. */
  readonly subscribers: number;
  readonly subscriptions: number;
}

/** A library's stop may take so long; longer, and we close the rest without it. */
const hostStopMs = 2_000;

/** Starts a node; resolves when it takes connections. Rejects with `DevnetError` when it cannot. */
export async function startDevnet(options: DevnetOptions): Promise<Devnet> {
  const network = networkOf(options);
  const links = parseLinks(options.peers ?? []);
  makeStateDir(options.stateDir);
  const resources = new AsyncDisposableStack();
  resources.defer(lockStateDir(options.stateDir));
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopping ??= resources.disposeAsync();
    return stopping;
  };
  try {
    const faults = new DevnetFaults(options.seed ?? Math.floor(Math.random() * 2 ** 31));
    const refuses = (): boolean => faults.strikes("refuse-connections");
    const libp2p = await createHost(await loadPeerKey(options.stateDir), await listenOn(options), refuses);
    const clockMs = options.now ?? Date.now;
    const nowMs = (): number => clockMs() + faults.clockSkewMs;
    const archive = new Archive(options.stateDir, keepFromNs(options, nowMs()));
    resources.defer(() => archive.close());
    const parts: Parts = { network, archive, counters: zeroCounters(), faults, nowMs, options };
    const filter = await serve(libp2p, parts);
    // Whatever the library does, the archive and the lock are let go of after it.
    resources.defer(() => settledWithin(Promise.resolve(libp2p.stop()), hostStopMs));
    resources.defer(() => filter.close());
    await libp2p.start();
    savePorts(options.stateDir, portsOf(libp2p));
    const ended = new AbortController();
    resources.defer(() => ended.abort(new Error("the node has stopped")));
    await keepLinks(libp2p, links, ended.signal);
    parts.options.log?.("devnet.started", { clusterId: network.clusterId, shards: network.shards });
    return handleOf(libp2p, parts, filter, stop);
  } catch (fault) {
    await stop();
    throw fault;
  }
}

function handleOf(libp2p: Libp2p<Relaying>, parts: Parts, filter: FilterService, stop: () => Promise<void>): Devnet {
  const { network, faults } = parts;
  return {
    ...addressOf(libp2p),
    clusterId: network.clusterId,
    shards: network.shards,
    get counters() {
      return { ...parts.counters, filterSubscribers: filter.subscriberCount };
    },
    get population() {
      return {
        peers: libp2p.getPeers().length,
        relayPeers: libp2p.services.relay.getPeers().length,
        subscribers: filter.subscriberCount,
        subscriptions: filter.criteriaCount,
      };
    },
    faults,
    disconnectAll: () => {
      for (const connection of libp2p.getConnections()) connection.abort(new Error("cut off by disconnectAll"));
    },
    stop,
  };
}

interface Parts {
  readonly network: Network;
  readonly archive: Archive;
  readonly counters: DevnetCounters;
  readonly faults: DevnetFaults;
  readonly options: DevnetOptions;
  nowMs(): number;
}

/** Puts the protocols on the node. */
async function serve(libp2p: Libp2p<Relaying>, parts: Parts): Promise<FilterService> {
  const { network, archive, counters, faults, nowMs } = parts;
  const log = parts.options.log ?? (() => {});
  const { relay } = libp2p.services;
  const filter = filterOf(libp2p, parts);
  const archiveAny = parts.options.archiveAnyTimestamp ?? false;
  const flow = new MessageFlow({ archive, filter, relay, counters, faults, nowMs, archiveAny });
  const hooks: RequestHooks = {
    intercept: (codec, kind) => requestFault(faults, codec, kind),
    refused: (codec, refusal, cause) => {
      counters.refusedRequests += 1;
      // Strangers' bytes are counted; only a fault of our own is worth a line.
      if (refusal === "failed") log("devnet.request_failed", { codec, reason: reasonOf(cause) });
    },
  };
  await serveRequests(libp2p, filter, hooks);
  await serveRequests(
    libp2p,
    storeService(archive, () => tally(counters, "storeQueries")),
    hooks,
  );
  await serveRequests(libp2p, metadataService(network), hooks);
  libp2p.addEventListener("peer:identify", ({ detail: { connection, protocols } }) => {
    if (protocols.includes(metadataCodec)) void greet(connection, network, log);
  });
  const answered = (statusCode: number): void =>
    tally(counters, statusCode === lightPushStatus.success ? "lightPushAccepted" : "lightPushRefused");
  const publish = (message: AcceptedMessage): Promise<number> => flow.publish(message);
  const lightPush = { network, nowMs, publish, answered };
  await serveRequests(libp2p, lightPushV2Service(lightPush), hooks);
  if (parts.options.lightPushV2Only !== true) await serveRequests(libp2p, lightPushService(lightPush), hooks);
  const onRelayFault = (cause: unknown): void => log("devnet.relay_failed", { reason: reasonOf(cause) });
  const join = (): void => joinRelay(relay, pubsubTopicsOf(network), (message) => flow.receive(message), onRelayFault);
  // Gossipsub takes no subscription before the node has started.
  libp2p.addEventListener("start", join, { once: true });
  return filter;
}

async function requestFault(
  faults: DevnetFaults,
  codec: string,
  kind: string | undefined,
): Promise<RequestFault | undefined> {
  const waitMs = faults.waitMs("answer-delay");
  if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs).unref());
  return faults.ofRequest(codec, kind);
}

/** Tells a new peer our shards, and hangs up on a peer of another network as real service nodes do. */
async function greet(connection: Connection, network: Network, log: DevnetLog): Promise<void> {
  try {
    const clusterId = await exchangeMetadata(connection, network);
    if (clusterId === undefined || clusterId === network.clusterId) return;
    log("devnet.peer_of_other_cluster", { clusterId, expected: network.clusterId });
    await connection.close();
  } catch {
    // A peer that leaves, or talks nonsense, while being greeted has told us nothing to act on.
  }
}

function filterOf(libp2p: Libp2p<Relaying>, { network, counters, faults, nowMs }: Parts): FilterService {
  const filter = new FilterService({
    pubsubTopics: pubsubTopicsOf(network),
    faults,
    nowMs,
    openPushStream: async (peer) => {
      // The newest: after a reconnect the older ones are those about to be found dead.
      const connection = libp2p.getConnections(peer).findLast(({ status }) => status === "open");
      if (connection === undefined) throw new Error("the subscriber is not connected");
      return connection.newStream(filterPushCodec);
    },
    cut: (peer) => {
      for (const connection of libp2p.getConnections(peer)) connection.abort(new Error("a fault knob cuts this"));
    },
    pushed: () => tally(counters, "filterPushes"),
    dropped: (frames) => tally(counters, "filterPushesDropped", frames),
  });
  libp2p.addEventListener("peer:disconnect", ({ detail: peer }) => filter.forget(peer));
  return filter;
}

function tally(counters: DevnetCounters, name: keyof DevnetCounters, by = 1): void {
  counters[name] += by;
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : "unknown";
}

/** A devnet forgotten in the background must not fill the disk; a month is more than any client asks for. */
const retentionMs = 30 * 24 * 60 * 60_000;

function keepFromNs({ archiveAnyTimestamp }: DevnetOptions, nowMs: number): bigint | undefined {
  // Who archives any timestamp has messages that were old when they came.
  return archiveAnyTimestamp === true ? undefined : BigInt(nowMs - retentionMs) * 1_000_000n;
}

async function listenOn({ stateDir, port, websocketPort }: DevnetOptions): Promise<string[]> {
  if (port !== undefined && port !== 0 && port === websocketPort) {
    throw new DevnetError("devnet/bad-option", "the two transports need different ports");
  }
  const remembered = loadPorts(stateDir);
  const tcpPort = await choosePort(port, remembered.tcp);
  const wsPort = await choosePort(websocketPort, remembered.websocket);
  return [`/ip4/127.0.0.1/tcp/${tcpPort}`, `/ip4/127.0.0.1/tcp/${wsPort}/ws`];
}

function networkOf({ clusterId = 66, shards = 8, autosharding = true }: DevnetOptions): Network {
  if (!Number.isInteger(clusterId) || clusterId < 0 || clusterId > 65_535) {
    throw new DevnetError("devnet/bad-option", `${clusterId} is not a cluster id (0 to 65535)`);
  }
  if (!Number.isInteger(shards) || shards < 1 || shards > 1_024) {
    throw new DevnetError("devnet/bad-option", `${shards} is not a number of shards (1 to 1024)`);
  }
  return { clusterId, shards, autosharding };
}

function addressOf(libp2p: Libp2p<Relaying>): Pick<Devnet, "multiaddr" | "websocketMultiaddr" | "peerId"> {
  const { plain, websocket } = addressesOf(libp2p);
  return {
    multiaddr: plain.toString(),
    websocketMultiaddr: websocket.toString(),
    peerId: libp2p.peerId.toString(),
  };
}
