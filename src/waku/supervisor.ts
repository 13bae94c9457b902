/**
 * Owns the connections to the configured service nodes: dials for ever, and gives each connection its filter session. Knows nothing of messages' contents or of who wants which topic why.
 */
import type { Connection } from "@libp2p/interface";
import type { LightNode } from "@waku/sdk";
import type { Clock, Log, NodeSubscription, TransportStatus } from "../engine/ports.ts";
import type { ContentTopic } from "../wire/ids.ts";
import { Dialer, WrongIdentityError } from "./dialer.ts";
import { filterSubscribeCodec } from "./filter/client.ts";
import { FilterSession } from "./filter/session.ts";
import { lightpushCodec, type PushTarget } from "./lightpush/lightpush.ts";
import { lightpushV2Codec } from "./lightpush/lightpush-v2.ts";
import { isLinkTo, type Link, newLink } from "./link.ts";
import type { WakuNetwork } from "./message.ts";
import type { ServicePeer } from "./peer-address.ts";
import { pause, redialMs } from "./redial.ts";
import { reasonOf } from "./request.ts";
import { storeCodec } from "./store/store-query.ts";

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
  private readonly dialer: Dialer;
  private topics: ReadonlySet<ContentTopic> = new Set();
  private lastStatus = "";

  constructor(options: SupervisorOptions) {
    this.options = options;
    this.dialer = new Dialer({ ...options, signal: this.ended.signal });
    this.links = options.peers.map((peer) => newLink(peer, options.clock, this.ended.signal));
  }

  /** Begins dialling. */
  start(): void {
    this.dialer.start();
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
    const silentSince = this.options.clock.steady() - demotionMs;
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
    if (link !== undefined) link.silentAtMs = this.options.clock.steady();
  }

  /** A push stream of this peer broke: what it had in flight is lost. */
  onPushesLost(connection: Connection): void {
    const link = this.links.find((candidate) => candidate.ready?.connection === connection);
    link?.session?.renew();
  }

  /** Nothing arrives, from this peer or at all: new subscriptions, and at the next call soon after, new connections. */
  renew(node?: string): void {
    const now = this.options.clock.steady();
    for (const link of this.links) {
      if (node !== undefined && (link.ready === undefined || idOf(link.ready.connection) !== node)) continue;
      const isAgain = now - link.renewedAtMs < renewalMs;
      link.renewedAtMs = isAgain ? Number.NEGATIVE_INFINITY : now;
      if (!isAgain) link.session?.renew();
      else link.ready?.connection.abort(new Error("nothing arrives over this connection"));
    }
  }

  /** Peers that hold our subscription to the topic, and since when. */
  subscribedAt(topic: ContentTopic): readonly NodeSubscription[] {
    return this.links.flatMap(({ ready, session }) => {
      const sinceMs = session?.heldSinceMs(topic);
      return ready === undefined || sinceMs === undefined ? [] : [{ node: idOf(ready.connection), sinceMs }];
    });
  }

  /** Of each link's loop so far. One that has nothing to do but to wait for the end of its connection is left out. */
  rounds(): ReadonlyMap<string, number> {
    const busy = this.links.filter(({ ready, session }) => ready === undefined || session !== undefined);
    return new Map(busy.map(({ peer, rounds }) => [peer.name, rounds]));
  }

  status(): TransportStatus {
    const impostors = this.links.flatMap(({ peer, impostor }) =>
      impostor === undefined ? [] : [{ configured: peer.name, found: impostor }],
    );
    return {
      impostors,
      peers: this.links.filter((link) => link.ready !== undefined).length,
      configuredPeers: this.links.length,
      offering: {
        filter: this.offers([filterSubscribeCodec]).length,
        lightpush: this.offers([lightpushCodec, lightpushV2Codec]).length,
        store: this.offers([storeCodec]).length,
      },
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
    this.dialer.stop();
  }

  private begin(link: Link): void {
    this.keep(link).catch((error: Error) => {
      const fields = { event: "peer.failed", component: "waku", err: error };
      this.options.log.error(fields, "redial loop ended by a bug");
    });
  }

  private async keep(link: Link): Promise<void> {
    const { clock, log } = this.options;
    const { name } = link.peer;
    while (!link.ended.aborted) {
      link.rounds += 1;
      try {
        const lastedMs = await this.connect(link);
        // A peer that takes us and hangs up at once is dialled twice a second at most.
        link.failures = lastedMs >= stableMs ? 0 : 1;
        log.info({ event: "peer.lost", component: "waku", peer: name, lastedMs }, "connection to service node lost");
      } catch (error) {
        if (!link.ended.aborted) this.failed(link, error);
        link.failures += 1;
      }
      await pause(clock, redialMs(link.failures, clock), link.ended);
    }
  }

  /** Says it once for each outage; the repetitions say nothing new. */
  private failed(link: Link, error: unknown): void {
    const { log } = this.options;
    const { name } = link.peer;
    const found = error instanceof WrongIdentityError ? error.found : undefined;
    const isNews = found !== link.impostor;
    link.impostor = found;
    if (found !== undefined && isNews) {
      const fields = { event: "peer.wrong-identity", component: "waku", peer: name, found };
      log.warn(fields, "another peer answers at the address of a service node; correct the configured address");
    } else {
      const fields = { event: "peer.unreachable", component: "waku", peer: name, reason: reasonOf(error) };
      log[link.failures === 0 ? "warn" : "debug"](fields, "service node cannot be reached");
    }
    if (isNews) this.changed();
  }

  /** Returns how long a connection was ready, after it closed; throws when none became ready. */
  private async connect(link: Link): Promise<number> {
    const { connection, protocols, closed } = await this.dialer.open(link.peer, link.ended);
    try {
      const isTaken = this.links.some(({ ready }) => ready?.connection.remotePeer.equals(connection.remotePeer));
      if (isTaken) throw new Error("already connected to this service node by another address");
      const readyAtMs = this.options.clock.steady();
      this.ready(link, connection, protocols);
      await closed;
      return this.options.clock.steady() - readyAtMs;
    } finally {
      link.session?.close();
      link.session = undefined;
      link.ready = undefined;
      this.dialer.giveBack(connection);
      this.changed();
    }
  }

  private ready(link: Link, connection: Connection, protocols: ReadonlySet<string>): void {
    const { log, network, clock, deadlineMs } = this.options;
    const peer = idOf(connection);
    link.impostor = undefined;
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
        onRound: () => {
          link.rounds += 1;
        },
        ...(deadlineMs === undefined ? {} : { deadlineMs: deadlineMs }),
      });
    }
    this.changed();
  }

  private changed(): void {
    const status = this.status();
    const key = JSON.stringify(status);
    if (key === this.lastStatus) return;
    this.lastStatus = key;
    this.options.onStatus(status);
  }
}

function idOf(connection: Connection): string {
  return connection.remotePeer.toString();
}
