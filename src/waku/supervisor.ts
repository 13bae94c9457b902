/**
 * Owns the connections to the configured service nodes: dials for ever, waits for identify, checks the cluster, and
 * gives each connection its filter session. Knows nothing of messages' contents or of who wants which topic why.
 */
import type { Connection, IdentifyResult } from "@libp2p/interface";
import type { LightNode } from "@waku/sdk";
import type { Clock, Log, TransportStatus } from "../engine/ports.ts";
import type { ContentTopic } from "../wire/ids.ts";
import { filterSubscribeCodec } from "./filter/client.ts";
import { FilterSession } from "./filter/session.ts";
import type { PushTarget } from "./lightpush/lightpush.ts";
import { isLinkTo, type Link, newLink } from "./link.ts";
import type { WakuNetwork } from "./message.ts";
import { askCluster, metadataCodec } from "./metadata.ts";
import type { ServicePeer } from "./peer-address.ts";
import { pause, redialMs } from "./redial.ts";
import { reasonOf, startDeadline, untilAborted } from "./request.ts";

const dialDeadlineMs = 10_000;
const identifyDeadlineMs = 5_000;
const demotionMs = 60_000;
/** A subscription that was renewed this recently, and is to be renewed again, was not what was wrong. */
const renewalMs = 180_000;
/** A connection that lasted this long was real: the next dial is immediate. */
const stableMs = 1_000;

export interface SupervisorOptions {
  readonly node: LightNode;
  readonly peers: readonly ServicePeer[];
  readonly network: WakuNetwork;
  readonly clock: Clock;
  readonly log: Log;
  onListening(topics: readonly ContentTopic[]): void;
  onStatus(status: TransportStatus): void;
  /** For tests of unfriendly peers. */
  readonly deadlineMs?: number;
}

export class Supervisor {
  private readonly options: SupervisorOptions;
  private links: readonly Link[];
  private isStarted = false;
  private readonly ended = new AbortController();
  private readonly protocols = new WeakMap<Connection, ReadonlySet<string>>();
  private readonly waiting = new Map<Connection, { identified: () => void; closed: () => void }>();
  private topics: ReadonlySet<ContentTopic> = new Set();
  private lastStatus = "";

  constructor(options: SupervisorOptions) {
    this.options = options;
    this.links = options.peers.map((peer) => newLink(peer, options.clock, this.ended.signal));
  }

  /** Begins dialling. */
  start(): void {
    const { libp2p } = this.options.node;
    libp2p.addEventListener("peer:identify", this.onIdentify);
    libp2p.addEventListener("connection:close", this.onClose);
    this.isStarted = true;
    for (const link of this.links) this.begin(link);
  }

  /** Dials what is new and leaves what is gone; who stays does not notice. */
  usePeers(peers: readonly ServicePeer[]): void {
    const before = this.links;
    const { clock } = this.options;
    this.links = peers.map(
      (peer) => before.find((link) => isLinkTo(link, peer)) ?? newLink(peer, clock, this.ended.signal),
    );
    for (const link of before.filter((one) => !this.links.includes(one))) {
      const reason = new Error("this service node is not configured any more");
      link.removed.abort(reason);
      link.ready?.connection.abort(reason);
    }
    if (this.isStarted) for (const link of this.links.filter((one) => !before.includes(one))) this.begin(link);
    this.changed();
  }

  /** The topics wanted from now on. */
  listen(topics: ReadonlySet<ContentTopic>): void {
    this.topics = topics;
    for (const link of this.links) link.session?.reconcile();
  }

  /** Connections that are identified, of our cluster, and offer `codec`; those that answer first, in configured order. */
  connections(codec: string): readonly Connection[] {
    return this.offers([codec]).map(({ connection }) => connection);
  }

  /** The same with the first of `codecs` that each offers, and whether it left a question unanswered lately. */
  offers(codecs: readonly string[]): readonly PushTarget[] {
    const silentSince = this.options.clock.now() - demotionMs;
    const usable = this.links.flatMap(({ ready, silentAtMs }): PushTarget[] => {
      const codec = codecs.find((candidate) => ready?.protocols.has(candidate));
      if (ready?.connection.status !== "open" || codec === undefined) return [];
      return [{ connection: ready.connection, codec, silent: silentAtMs > silentSince }];
    });
    return usable.sort((one, other) => Number(one.silent) - Number(other.silent));
  }

  /** Asked last for a while: a node that never answers must not cost every publish a whole deadline. */
  demote(connection: Connection): void {
    const link = this.links.find((candidate) => candidate.ready?.connection === connection);
    if (link !== undefined) link.silentAtMs = this.options.clock.now();
  }

  /** A push stream of this peer broke: what it had in flight is lost. */
  onPushesLost(connection: Connection): void {
    const link = this.links.find((candidate) => candidate.ready?.connection === connection);
    link?.session?.renew();
  }

  /** Nothing arrives: new subscriptions, and at the next call soon after, new connections. */
  renew(): void {
    const now = this.options.clock.now();
    for (const link of this.links) {
      const isAgain = now - link.renewedAtMs < renewalMs;
      link.renewedAtMs = isAgain ? Number.NEGATIVE_INFINITY : now;
      if (!isAgain) link.session?.renew();
      else link.ready?.connection.abort(new Error("nothing arrives over this connection"));
    }
  }

  status(): TransportStatus {
    return {
      peers: this.links.filter((link) => link.ready !== undefined).length,
      configuredPeers: this.links.length,
      listening: [...new Set(this.links.flatMap((link) => link.session?.held() ?? []))],
    };
  }

  /** Says goodbye, hangs up, and leaves no timer. */
  async stop(): Promise<void> {
    this.ended.abort(new Error("the transport has stopped"));
    await Promise.all(this.links.map((link) => link.session?.leave()));
    const { libp2p } = this.options.node;
    // Aborted, not closed: a close waits for streams that an unfriendly peer keeps open.
    for (const connection of libp2p.getConnections()) connection.abort(new Error("the transport has stopped"));
    for (const link of this.links) link.session?.close();
    libp2p.removeEventListener("peer:identify", this.onIdentify);
    libp2p.removeEventListener("connection:close", this.onClose);
    for (const waiter of this.waiting.values()) waiter.closed();
  }

  private begin(link: Link): void {
    this.keep(link).catch((error: Error) => {
      const fields = { event: "peer.failed", component: "waku", err: error };
      this.options.log.error(fields, "redial loop ended by a bug");
    });
  }

  private async keep(link: Link): Promise<void> {
    const { clock, log } = this.options;
    const peer = link.peer.id.toString();
    while (!link.ended.aborted) {
      try {
        const lastedMs = await this.connect(link);
        // A peer that takes us and hangs up at once is dialled twice a second at most.
        link.failures = lastedMs >= stableMs ? 0 : 1;
        log.info({ event: "peer.lost", component: "waku", peer, lastedMs }, "connection to service node lost");
      } catch (error) {
        const fields = { event: "peer.unreachable", component: "waku", peer, reason: reasonOf(error) };
        // Once for each outage; the repetitions say nothing new.
        if (!link.ended.aborted) log[link.failures === 0 ? "warn" : "debug"](fields, "service node cannot be reached");
        link.failures += 1;
      }
      await pause(clock, redialMs(link.failures, clock), link.ended);
    }
  }

  /** Returns how long a connection was ready, after it closed; throws when none became ready. */
  private async connect(link: Link): Promise<number> {
    const connection = await this.dial(link);
    const closed = new Promise<void>((resolve) => this.wait(connection, { closed: resolve }));
    try {
      const protocols = await this.identified(connection, link);
      await this.requireCluster(connection, protocols);
      if (link.ended.aborted || connection.status !== "open") throw new Error("closed while being set up");
      const readyAtMs = this.options.clock.now();
      this.ready(link, connection, protocols);
      await closed;
      return this.options.clock.now() - readyAtMs;
    } finally {
      this.waiting.delete(connection);
      link.session?.close();
      link.session = undefined;
      link.ready = undefined;
      if (connection.status === "open") connection.abort(new Error("not usable"));
      this.changed();
    }
  }

  private ready(link: Link, connection: Connection, protocols: ReadonlySet<string>): void {
    const { log, network, clock, deadlineMs } = this.options;
    const peer = link.peer.id.toString();
    log.info({ event: "peer.connected", component: "waku", peer }, "connected to service node");
    link.ready = { connection, protocols };
    if (protocols.has(filterSubscribeCodec)) {
      link.session = new FilterSession({
        connection,
        network,
        clock,
        log,
        budget: link.budget,
        wanted: () => this.topics,
        onConfirmed: (topics) => this.options.onListening(topics),
        onChanged: () => this.changed(),
        ...(deadlineMs === undefined ? {} : { deadlineMs: deadlineMs }),
      });
    }
    this.changed();
  }

  private async dial({ peer, ended }: Link): Promise<Connection> {
    const { node, clock } = this.options;
    const deadline = startDeadline(clock, dialDeadlineMs, ended);
    try {
      return await untilAborted(node.libp2p.dial([...peer.addresses], { signal: deadline.signal }), deadline.signal);
    } finally {
      deadline.end();
    }
  }

  private async identified(connection: Connection, { peer: { id }, ended }: Link): Promise<ReadonlySet<string>> {
    const { clock, deadlineMs } = this.options;
    const deadline = startDeadline(clock, deadlineMs ?? identifyDeadlineMs, ended);
    try {
      if (!connection.remotePeer.equals(id)) throw new Error("another peer answers at this address");
      const arrived = new Promise<void>((resolve) => this.wait(connection, { identified: resolve }));
      if (!this.protocols.has(connection)) await untilAborted(arrived, deadline.signal);
      const protocols = this.protocols.get(connection);
      if (protocols === undefined) throw new Error("closed before it identified itself");
      return protocols;
    } finally {
      deadline.end();
    }
  }

  private async requireCluster(connection: Connection, protocols: ReadonlySet<string>): Promise<void> {
    const { network, log } = this.options;
    const cluster = protocols.has(metadataCodec) ? await this.clusterOf(connection) : undefined;
    if (cluster === undefined || cluster === network.clusterId) return;
    const fields = { event: "peer.wrong-cluster", component: "waku", peer: connection.remotePeer.toString(), cluster };
    log.warn(fields, "service node belongs to another Waku cluster");
    throw new Error(`the service node belongs to cluster ${cluster}`);
  }

  // A node that does not say is tried all the same: what it is good for shows in its answers.
  private async clusterOf(connection: Connection): Promise<number | undefined> {
    const { network, clock, log, deadlineMs } = this.options;
    try {
      const limits = deadlineMs === undefined ? {} : { deadlineMs };
      return await askCluster(connection, {
        clusterId: network.clusterId,
        clock,
        signal: this.ended.signal,
        ...limits,
      });
    } catch (error) {
      log.debug(
        { event: "peer.metadata", component: "waku", reason: reasonOf(error) },
        "no metadata from service node",
      );
      return undefined;
    }
  }

  private wait(connection: Connection, callbacks: { identified?: () => void; closed?: () => void }): void {
    const known = this.waiting.get(connection) ?? { identified: () => undefined, closed: () => undefined };
    this.waiting.set(connection, { ...known, ...callbacks });
  }

  private readonly onIdentify = ({ detail }: CustomEvent<IdentifyResult>): void => {
    this.protocols.set(detail.connection, new Set(detail.protocols));
    this.waiting.get(detail.connection)?.identified();
  };

  private readonly onClose = ({ detail }: CustomEvent<Connection>): void => {
    const waiter = this.waiting.get(detail);
    waiter?.identified();
    waiter?.closed();
  };

  private changed(): void {
    const status = this.status();
    const key = JSON.stringify(status);
    if (key === this.lastStatus) return;
    this.lastStatus = key;
    this.options.onStatus(status);
  }
}
