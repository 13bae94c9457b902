/**
 * A Waku network inside one process: the Transport port without sockets, for engine and simulation tests. Keeps the
 * promises of the real one (proved by the same conformance suite) and breaks, on demand and repeatably, everything that
 * the real one does not promise: pushes are lost, doubled, late and out of order, answers get lost, archives have holes.
 */
import { UmbradError } from "../../../src/engine/errors.ts";
import type {
  Clock,
  IncomingMessage,
  NodeSubscription,
  PublishResult,
  Transport,
  TransportEvents,
  TransportStatus,
} from "../../../src/engine/ports.ts";
import { toIncoming, toNanoseconds, wakuMessageBytesMax } from "../../../src/waku/message.ts";
import type { ContentTopic } from "../../../src/wire/ids.ts";
import { unsafeSeededNumbers } from "../conversation/conversation-turn.ts";

/** Probabilities from 0 to 1, drawn from the network's seed; may be changed at any time. */
export interface NetworkFaults {
  /** A push does not reach one subscriber; the archive has the message. */
  losePush: number;
  /** A push reaches one subscriber twice. */
  duplicatePush: number;
  /** The message is carried, but its publisher hears nothing: `unavailable`. */
  loseAnswer: number;
  /** The publisher hears `published`, and the message is gone. */
  losePublish: number;
  /** The message is carried and never archived. */
  loseArchive: number;
  /** How long the archive keeps a message. */
  archiveMs: number;
  /** Each push takes between these many milliseconds: a range reorders. */
  delayMs: readonly [number, number];
  /** And each answer and page, if it is not the same. */
  answerMs: readonly [number, number] | undefined;
  /** What the archive's clock has more than ours; like real ones it keeps nothing that is more than 20 s off. */
  archiveAheadMs: number;
}

export interface InProcessNetwork {
  readonly faults: NetworkFaults;
  readonly seed: number;
  /** Everything archived, in the order of arrival. */
  readonly archive: readonly IncomingMessage[];
  /** A new participant, not started. */
  transport(name: string): InProcessTransport;
  /** Takes every participant off the network, or brings them back. */
  setOnline(online: boolean): void;
}

/** One participant, with its knobs. */
export interface InProcessTransport extends Transport {
  readonly name: string;
  setOnline(online: boolean): void;
  /** While set, the answer to every publish. */
  refusal: PublishResult | undefined;
  /** Looks connected and subscribed, but no push arrives: what only a canary or history notices. */
  muted: boolean;
  /** A renewal cures `muted`, as it does when a service node has forgotten the subscription. */
  renewalUnmutes: boolean;
  /** What it publishes is answered with `published` and is gone. */
  swallowed: boolean;
  /** Service nodes that it is subscribed at, each of which pushes everything. */
  nodes: readonly string[];
  /** Those of them that push nothing. */
  readonly mutedNodes: Set<string>;
  /** Nodes that were renewed alone, in order. */
  readonly nodeRenewals: readonly string[];
  /** No answer to `confirm`. */
  storeIsSilent: boolean;
  /** How often it was renewed. */
  readonly renewals: number;
}

export interface NetworkOptions {
  readonly clock: Clock;
  readonly seed?: number;
}

/** Where everything of this network travels. */
export const pubsubTopic = "/waku/2/rs/66/6";
const pageSize = 20;

/** A network without faults until its knobs are turned. */
export function createNetwork(options: NetworkOptions): InProcessNetwork {
  return new Network(options);
}

class Network implements InProcessNetwork {
  readonly faults: NetworkFaults = {
    losePush: 0,
    duplicatePush: 0,
    loseAnswer: 0,
    losePublish: 0,
    loseArchive: 0,
    archiveMs: Number.POSITIVE_INFINITY,
    delayMs: [0, 0],
    answerMs: undefined,
    archiveAheadMs: 0,
  };
  readonly seed: number;
  readonly clock: Clock;
  readonly archive: IncomingMessage[] = [];
  readonly participants = new Set<Participant>();
  private readonly archived = new Set<string>();
  private readonly random: () => number;
  private isOnline = true;

  constructor({ clock, seed = 1 }: NetworkOptions) {
    this.clock = clock;
    this.seed = seed;
    this.random = unsafeSeededNumbers(seed);
  }

  transport(name: string): InProcessTransport {
    const participant = new Participant(name, this);
    if (!this.isOnline) participant.setOnline(false);
    this.participants.add(participant);
    return participant;
  }

  setOnline(online: boolean): void {
    this.isOnline = online;
    for (const participant of this.participants) participant.setOnline(online);
  }

  chance(probability: number): boolean {
    // Drawn even when it cannot matter: turning one knob must not shift the draws of the others.
    return this.random() < probability;
  }

  /** Runs after a delay drawn from the knobs; returns a cancel function. */
  later(run: () => void, [min, max] = this.faults.delayMs): () => void {
    return this.clock.after(Math.floor(min + this.random() * (max - min)), run);
  }

  hasArchived(hash: Uint8Array): boolean {
    return this.archived.has(Buffer.from(hash).toString("hex"));
  }

  carry(message: IncomingMessage): void {
    const key = Buffer.from(message.hash).toString("hex");
    const offMs = Math.abs(message.timestampMs - this.clock.now() - this.faults.archiveAheadMs);
    if (!this.chance(this.faults.loseArchive) && !this.archived.has(key) && offMs <= 20_000) {
      this.archived.add(key);
      this.archive.push(message);
    }
    for (const participant of this.participants) {
      const copies = this.chance(this.faults.losePush) ? 0 : this.chance(this.faults.duplicatePush) ? 2 : 1;
      for (let copy = 0; copy < copies; copy += 1) this.later(() => participant.receive(message));
    }
  }
}

class Participant implements InProcessTransport {
  readonly name: string;
  refusal: PublishResult | undefined;
  muted = false;
  renewalUnmutes = false;
  swallowed = false;
  nodes: readonly string[] = ["node"];
  readonly mutedNodes = new Set<string>();
  readonly nodeRenewals: string[] = [];
  storeIsSilent = false;
  renewals = 0;
  private readonly network: Network;
  private readonly stopped = new AbortController();
  private readonly pending = new Set<() => void>();
  private events: TransportEvents | undefined;
  private wanted: ReadonlySet<ContentTopic> = new Set();
  private held = new Set<ContentTopic>();
  private heldSinceMs = 0;
  private isOnline = true;

  constructor(name: string, network: Network) {
    this.name = name;
    this.network = network;
  }

  async start(events: TransportEvents): Promise<void> {
    if (this.stopped.signal.aborted) return;
    this.events ??= events;
    this.report();
    this.subscribe();
  }

  listen(topics: readonly ContentTopic[]): void {
    this.wanted = new Set(topics);
    const before = this.held.size;
    for (const topic of [...this.held]) if (!this.wanted.has(topic)) this.held.delete(topic);
    if (this.held.size !== before) this.report();
    this.subscribe();
  }

  async publish(
    message: { readonly topic: ContentTopic; readonly payload: Uint8Array; readonly shiftMs?: number },
    signal: AbortSignal,
  ): Promise<PublishResult> {
    const bytes = message.payload.length + message.topic.length + 24;
    if (bytes > wakuMessageBytesMax) return { kind: "refused", status: 413, reason: "too large", retryable: false };
    if (!this.isConnected() || signal.aborted) return { kind: "unavailable", reason: "no service node is connected" };
    if (this.refusal !== undefined) return this.refusal;
    const { faults, clock } = this.network;
    const timestamp = toNanoseconds(clock.now() + (message.shiftMs ?? 0));
    const sent = toIncoming(pubsubTopic, { payload: message.payload, contentTopic: message.topic, timestamp });
    const isGone = this.network.chance(faults.losePublish) || this.swallowed;
    if (sent !== undefined && !isGone) this.network.carry(sent);
    const answered = !this.network.chance(faults.loseAnswer);
    const hash = sent?.hash ?? new Uint8Array(32);
    if (!(await this.delay(signal)) || !answered) return { kind: "unavailable", reason: "no answer", hash };
    return { kind: "published", peers: 1, hash };
  }

  async confirm(hashes: readonly Uint8Array[], signal: AbortSignal): Promise<readonly Uint8Array[]> {
    if (!this.isConnected() || signal.aborted || this.storeIsSilent || !(await this.delay(signal))) {
      throw new UmbradError("transport/unavailable", "no Store node answered");
    }
    return hashes.filter((hash) => this.network.hasArchived(hash));
  }

  subscribedAt(topic: ContentTopic): readonly NodeSubscription[] {
    if (!this.held.has(topic)) return [];
    return this.nodes.map((node) => ({ node, sinceMs: this.heldSinceMs }));
  }

  renew(node?: string): void {
    if (node !== undefined) {
      this.nodeRenewals.push(node);
      return;
    }
    this.renewals += 1;
    if (this.renewalUnmutes) this.muted = false;
    this.held.clear();
    this.report();
    this.subscribe();
  }

  async *history(
    query: { readonly topics: readonly ContentTopic[]; readonly sinceMs: number },
    signal: AbortSignal,
  ): AsyncGenerator<readonly IncomingMessage[], void> {
    const topics = new Set(query.topics);
    const sinceMs = Math.max(query.sinceMs, this.network.clock.now() - this.network.faults.archiveMs);
    const found = this.network.archive
      .filter((message) => topics.has(message.topic) && message.timestampMs >= sinceMs)
      .sort((one, other) => one.timestampMs - other.timestampMs || Buffer.compare(one.hash, other.hash));
    for (let index = 0; index <= found.length; index += pageSize) {
      if (!this.isConnected() || signal.aborted || !(await this.delay(signal))) {
        throw new UmbradError("transport/unavailable", "the network is away");
      }
      const page = found.slice(index, index + pageSize);
      if (page.length > 0) yield page;
    }
  }

  status(): TransportStatus {
    return { peers: this.isConnected() ? 1 : 0, configuredPeers: 1, listening: [...this.held] };
  }

  async stop(): Promise<void> {
    this.stopped.abort();
    for (const cancel of this.pending) cancel();
    this.pending.clear();
    this.held.clear();
    this.network.participants.delete(this);
  }

  setOnline(online: boolean): void {
    if (online === this.isOnline) return;
    this.isOnline = online;
    if (!online) this.held.clear();
    this.report();
    this.subscribe();
  }

  receive(message: IncomingMessage): void {
    if (!this.isConnected() || this.muted || !this.held.has(message.topic)) return;
    for (const from of this.nodes) {
      if (this.mutedNodes.has(from)) continue;
      this.events?.onMessage({ ...message, payload: message.payload.slice(), hash: message.hash.slice(), from });
    }
  }

  private isConnected(): boolean {
    return this.isOnline && this.events !== undefined && !this.stopped.signal.aborted;
  }

  private subscribe(): void {
    if (!this.isConnected() || [...this.wanted].every((topic) => this.held.has(topic))) return;
    const cancel = this.network.later(() => {
      this.pending.delete(cancel);
      if (!this.isConnected()) return;
      const fresh = [...this.wanted].filter((topic) => !this.held.has(topic));
      if (fresh.length === 0) return;
      for (const topic of fresh) this.held.add(topic);
      this.heldSinceMs = this.network.clock.steady();
      this.report();
      this.events?.onListening(fresh);
    });
    this.pending.add(cancel);
  }

  private report(): void {
    if (!this.stopped.signal.aborted) this.events?.onStatus(this.status());
  }

  /** False when the network went away, or the caller did, before the time was up. */
  private async delay(signal: AbortSignal): Promise<boolean> {
    return await new Promise<boolean>((resolve) => {
      const end = (): void => {
        cancel();
        for (const each of [signal, this.stopped.signal]) each.removeEventListener("abort", end);
        resolve(!signal.aborted && this.isConnected());
      };
      const cancel = this.network.later(end, this.network.faults.answerMs);
      for (const each of [signal, this.stopped.signal]) each.addEventListener("abort", end, { once: true });
    });
  }
}
