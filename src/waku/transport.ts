/**
 * The Transport port on Waku: composes node, supervisor and the three clients. Knows bytes and topics, not envelopes.
 * Nothing that a service node says is trusted beyond being a well-formed message on a topic that is wanted.
 */
import type { Connection } from "@libp2p/interface";
import type { LightNode } from "@waku/sdk";
import { UmbradError } from "../engine/errors.ts";
import type {
  Clock,
  IncomingMessage,
  Log,
  NodeSubscription,
  PublishResult,
  Transport,
  TransportEvents,
  TransportStatus,
} from "../engine/ports.ts";
import type { ContentTopic } from "../wire/ids.ts";
import { receivePushes } from "./filter/client.ts";
import { lightpushCodec, publish, tooLarge } from "./lightpush/lightpush.ts";
import { lightpushV2Codec } from "./lightpush/lightpush-v2.ts";
import { pubsubTopicOf, toIncoming, type WakuMessageFields, wakuMessageBytesMax } from "./message.ts";
import { answerMetadata } from "./metadata.ts";
import { startWakuNode } from "./node.ts";
import { parsePeers, type ServicePeer } from "./peer-address.ts";
import { joinSignals, reasonOf, startDeadline, untilAborted } from "./request.ts";
import { type HistorySource, mergeHistory } from "./store/history.ts";
import { confirmStored } from "./store/store-confirm.ts";
import { storeCodec, storePages } from "./store/store-query.ts";
import { Supervisor } from "./supervisor.ts";

/** Enough to outvote one node that lacks messages; more would only repeat the same pages. */
const historyPeersMax = 3;
/** The SDK has no deadline of its own for this. */
const stopDeadlineMs = 1_500;
/** The Waku Network: since mid-2026 its service nodes relay only messages that carry the client's own RLN proof. */
const rlnClusterId = 1;

export interface WakuTransportOptions {
  readonly clusterId: number;
  readonly shards: number;
  /** Multiaddrs, with `/p2p/<peer id>` or for whoever answers there. */
  readonly peers: readonly string[];
  /** 32 bytes, the same at every start. */
  readonly privateKeySeed: Uint8Array;
  readonly clock: Clock;
  readonly log: Log;
  /** For tests of unfriendly peers; 10 s otherwise. */
  readonly deadlineMs?: number;
}

/** A Transport whose service nodes may be others while it runs. */
export interface PeeredTransport extends Transport {
  /** From now on; throws `transport/bad-peer` and changes nothing for an address that can never work. */
  usePeers(peers: readonly string[]): void;
  /** Of the loops that keep the connections, by service node: a count that stays the same for long says that one hangs. */
  rounds(): ReadonlyMap<string, number>;
}

/** A Transport on the Waku network; throws `transport/bad-peer` for an address that can never work. */
export function createWakuTransport(options: WakuTransportOptions): PeeredTransport {
  return new WakuTransport(options, parsePeers(options.peers));
}

class WakuTransport implements PeeredTransport {
  private readonly options: WakuTransportOptions;
  private peers: readonly ServicePeer[];
  private readonly stopped = new AbortController();
  private wanted: ReadonlySet<ContentTopic> = new Set();
  private running: { readonly node: LightNode; readonly supervisor: Supervisor } | undefined;
  private starting: Promise<void> | undefined;

  constructor(options: WakuTransportOptions, peers: readonly ServicePeer[]) {
    this.options = options;
    this.peers = peers;
  }

  start(events: TransportEvents): Promise<void> {
    this.starting ??= this.launch(events);
    return this.starting;
  }

  listen(topics: readonly ContentTopic[]): void {
    const usable = topics.filter((topic) => pubsubTopicOf(topic, this.options) !== undefined);
    if (usable.length < topics.length) {
      const fields = { event: "topics.malformed", component: "waku", count: topics.length - usable.length };
      this.options.log.error(fields, "malformed content topics cannot be listened to");
    }
    this.wanted = new Set(usable);
    this.running?.supervisor.listen(this.wanted);
  }

  usePeers(peers: readonly string[]): void {
    this.peers = parsePeers(peers);
    this.running?.supervisor.usePeers(this.peers);
  }

  async publish(
    message: { readonly topic: ContentTopic; readonly payload: Uint8Array; readonly shiftMs?: number },
    signal: AbortSignal,
  ): Promise<PublishResult> {
    const { clock, clusterId, deadlineMs } = this.options;
    if (clusterId === rlnClusterId) {
      const reason = "publishing on The Waku Network (cluster 1) needs an RLN proof, which umbrad cannot make";
      return { kind: "refused", status: 420, reason, retryable: false };
    }
    if (pubsubTopicOf(message.topic, this.options) === undefined) {
      return { kind: "refused", status: 400, reason: "malformed content topic", retryable: false };
    }
    if (message.payload.length > wakuMessageBytesMax) return tooLarge(message.payload.length);
    const running = this.running;
    if (running === undefined || this.stopped.signal.aborted) {
      return { kind: "unavailable", reason: "the transport is not running" };
    }
    const targets = running.supervisor.offers([lightpushCodec, lightpushV2Codec]);
    if (targets.length === 0) return { kind: "unavailable", reason: "no service node is connected" };
    return await publish({
      ...message,
      node: running.node,
      targets,
      clock,
      signals: [signal, this.stopped.signal],
      onSilent: (connection) => running.supervisor.demote(connection),
      ...(deadlineMs === undefined ? {} : { deadlineMs }),
    });
  }

  async *history(
    query: { readonly topics: readonly ContentTopic[]; readonly sinceMs: number },
    signal: AbortSignal,
  ): AsyncGenerator<readonly IncomingMessage[], void> {
    if (query.topics.length === 0) return;
    const connections = this.running?.supervisor.connections(storeCodec).slice(0, historyPeersMax) ?? [];
    if (connections.length === 0 || this.stopped.signal.aborted) {
      throw new UmbradError("transport/unavailable", "no service node with Store is connected");
    }
    const both = joinSignals([signal, this.stopped.signal]);
    try {
      const sources = connections.flatMap((connection) => this.sources(connection, query, both.signal));
      yield* mergeHistory(sources, (error) => {
        const fields = { event: "store.incomplete", component: "waku", reason: reasonOf(error) };
        this.options.log.debug(fields, "a Store query ended early");
      });
    } finally {
      both.end();
    }
  }

  async confirm(hashes: readonly Uint8Array[], signal: AbortSignal): Promise<readonly Uint8Array[]> {
    if (hashes.length === 0) return [];
    const { clock, deadlineMs, log } = this.options;
    const connections = this.stopped.signal.aborted ? [] : (this.running?.supervisor.connections(storeCodec) ?? []);
    const both = joinSignals([signal, this.stopped.signal]);
    try {
      return await confirmStored({
        connections,
        hashes,
        clock,
        signal: both.signal,
        onFailure: (_connection, reason) =>
          log.debug({ event: "store.incomplete", component: "waku", reason }, "a Store query ended early"),
        ...(deadlineMs === undefined ? {} : { deadlineMs }),
      });
    } finally {
      both.end();
    }
  }

  renew(node?: string): void {
    this.running?.supervisor.renew(node);
  }

  subscribedAt(topic: ContentTopic): readonly NodeSubscription[] {
    return this.running?.supervisor.subscribedAt(topic) ?? [];
  }

  rounds(): ReadonlyMap<string, number> {
    return this.running?.supervisor.rounds() ?? new Map();
  }

  status(): TransportStatus {
    const idle = { peers: 0, configuredPeers: this.peers.length, listening: [] };
    return this.running?.supervisor.status() ?? idle;
  }

  async stop(): Promise<void> {
    if (this.stopped.signal.aborted) return;
    this.stopped.abort(new Error("the transport has stopped"));
    await this.starting?.catch(() => undefined);
    await this.halt();
  }

  private async launch(events: TransportEvents): Promise<void> {
    const { clock, log, clusterId, deadlineMs } = this.options;
    const node = await startWakuNode(this.options);
    const supervisor = new Supervisor({
      node,
      peers: this.peers,
      network: this.options,
      clock,
      log,
      onListening: (topics) => events.onListening(topics),
      onStatus: (status) => events.onStatus(status),
      ...(deadlineMs === undefined ? {} : { deadlineMs }),
    });
    const onPush = (from: Connection, pubsubTopic: string, message: WakuMessageFields): void => {
      this.deliver(from, pubsubTopic, message, events);
    };
    const onBroken = (connection: Connection, error: unknown): void => {
      log.debug({ event: "filter.broken", component: "waku", reason: reasonOf(error) }, "a push stream broke");
      supervisor.onPushesLost(connection);
    };
    this.running = { node, supervisor };
    await receivePushes(node, { onPush, onBroken }, clock);
    await answerMetadata(node, clusterId, clock);
    if (this.stopped.signal.aborted) return;
    supervisor.listen(this.wanted);
    supervisor.start();
  }

  private deliver(from: Connection, pubsubTopic: string, pushed: WakuMessageFields, events: TransportEvents): void {
    const topic = pushed.contentTopic as ContentTopic;
    // Any connected peer may push anything at any time; what was not asked for is not worth a hash.
    if (!this.wanted.has(topic) || pubsubTopicOf(topic, this.options) !== pubsubTopic) return;
    const message = toIncoming(pubsubTopic, pushed);
    if (message === undefined || this.stopped.signal.aborted) return;
    try {
      events.onMessage({ ...message, from: from.remotePeer.toString() });
    } catch (error) {
      this.options.log.error({ event: "transport.handler", component: "waku", err: error }, "onMessage threw");
    }
  }

  private sources(
    connection: Connection,
    query: { readonly topics: readonly ContentTopic[]; readonly sinceMs: number },
    signal: AbortSignal,
  ): HistorySource[] {
    const { clock, deadlineMs } = this.options;
    const byShard = Map.groupBy(query.topics, (topic) => pubsubTopicOf(topic, this.options));
    return [...byShard].flatMap(([pubsubTopic, topics]) => {
      if (pubsubTopic === undefined) return [];
      const limits = deadlineMs === undefined ? {} : { deadlineMs };
      const pages = storePages(connection, { pubsubTopic, topics, sinceMs: query.sinceMs, clock, signal, ...limits });
      return [{ pubsubTopic, pages }];
    });
  }

  private async halt(): Promise<void> {
    const running = this.running;
    if (running === undefined) return;
    this.running = undefined;
    await running.supervisor.stop();
    const deadline = startDeadline(this.options.clock, stopDeadlineMs);
    try {
      await untilAborted(running.node.stop(), deadline.signal);
    } catch (error) {
      this.options.log.warn({ event: "transport.stop", component: "waku", reason: reasonOf(error) }, "unclean stop");
    } finally {
      deadline.end();
    }
  }
}
