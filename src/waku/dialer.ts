/**
 * From an address to a connection that is of use: dialled, of the expected identity, identified, and of our cluster.
 * Knows nothing of what the connection is then used for, or of when to dial again.
 */
import type { Connection, IdentifyResult } from "@libp2p/interface";
import type { LightNode } from "@waku/sdk";
import type { Clock, Log } from "../engine/ports.ts";
import type { WakuNetwork } from "./message.ts";
import { askCluster, metadataCodec } from "./metadata.ts";
import type { ServicePeer } from "./peer-address.ts";
import { reasonOf, startDeadline, untilAborted } from "./request.ts";

const dialDeadlineMs = 10_000;
const identifyDeadlineMs = 5_000;

/** Another peer than the configured one answers at its address: a new key, a new owner of the address, or a thief. */
export class WrongIdentityError extends Error {
  /** Peer id of whoever answered. */
  readonly found: string;

  constructor(found: string) {
    super("another peer answers at this address");
    this.found = found;
  }
}

export interface DialerOptions {
  readonly node: LightNode;
  readonly network: WakuNetwork;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** For tests of unfriendly peers. */
  readonly deadlineMs?: number;
}

/** A connection with everything known of it. */
export interface Dialled {
  readonly connection: Connection;
  readonly protocols: ReadonlySet<string>;
  /** Resolves when the connection has closed. */
  readonly closed: Promise<void>;
}

/** All dialling of one node. */
export class Dialer {
  private readonly options: DialerOptions;
  private readonly protocols = new WeakMap<Connection, ReadonlySet<string>>();
  private readonly waiting = new Map<Connection, { identified: () => void; closed: () => void }>();

  constructor(options: DialerOptions) {
    this.options = options;
  }

  start(): void {
    const { libp2p } = this.options.node;
    libp2p.addEventListener("peer:identify", this.onIdentify);
    libp2p.addEventListener("connection:close", this.onClose);
  }

  stop(): void {
    const { libp2p } = this.options.node;
    libp2p.removeEventListener("peer:identify", this.onIdentify);
    libp2p.removeEventListener("connection:close", this.onClose);
    for (const waiter of this.waiting.values()) waiter.closed();
  }

  /** Throws when none became of use; whatever was opened is closed then. What it gives must be given back. */
  async open(peer: ServicePeer, signal: AbortSignal): Promise<Dialled> {
    const connection = await this.dial(peer, signal);
    // The library gives the same connection again to whoever dials the same address.
    if (this.waiting.has(connection)) throw new Error("already connected to this service node by another address");
    const closed = new Promise<void>((resolve) => this.wait(connection, { closed: resolve }));
    try {
      const protocols = await this.identified(connection, peer, signal);
      await this.requireCluster(connection, protocols);
      if (signal.aborted || connection.status !== "open") throw new Error("closed while being set up");
      return { connection, protocols, closed };
    } catch (error) {
      this.giveBack(connection);
      throw error;
    }
  }

  /** Closes it, if it is not closed already. */
  giveBack(connection: Connection): void {
    this.waiting.delete(connection);
    if (connection.status === "open") connection.abort(new Error("not usable"));
  }

  private async dial(peer: ServicePeer, signal: AbortSignal): Promise<Connection> {
    const { node, clock } = this.options;
    const deadline = startDeadline(clock, dialDeadlineMs, signal);
    try {
      return await untilAborted(node.libp2p.dial([...peer.addresses], { signal: deadline.signal }), deadline.signal);
    } finally {
      deadline.end();
    }
  }

  private async identified(
    connection: Connection,
    { id }: ServicePeer,
    signal: AbortSignal,
  ): Promise<ReadonlySet<string>> {
    const { clock, deadlineMs } = this.options;
    const deadline = startDeadline(clock, deadlineMs ?? identifyDeadlineMs, signal);
    try {
      // The library takes whoever answers when it was given addresses.
      if (id !== undefined && !connection.remotePeer.equals(id)) {
        throw new WrongIdentityError(connection.remotePeer.toString());
      }
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
    const { network, clock, log, deadlineMs, signal } = this.options;
    try {
      const limits = deadlineMs === undefined ? {} : { deadlineMs };
      return await askCluster(connection, { clusterId: network.clusterId, clock, signal, ...limits });
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
}
