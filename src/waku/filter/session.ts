/**
 * The subscriptions of one connection to one service node: makes held topics equal wanted ones, one request at a time,
 * keeps them alive by pings, and begins anew whenever the node has forgotten them. Knows nothing of dialling.
 */
import type { Connection } from "@libp2p/interface";
import type { Clock, Log } from "../../engine/ports.ts";
import type { ContentTopic } from "../../wire/ids.ts";
import { pubsubTopicOf, type WakuNetwork } from "../message.ts";
import { reasonOf } from "../request.ts";
import { askFilter, type FilterQuestion, topicsPerRequestMax } from "./client.ts";
import type { RateLimit } from "./rate-limit.ts";

/** Three a minute of the 30 that a node allows; a node that restarted without hanging up is noticed within it. */
const pingIntervalMs = 20_000;
/** A topic that comes and goes costs no requests, and late messages are not worth losing a subscription for. */
const lingerMs = 60_000;
const retryMsMin = 500;
const retryMsMax = 30_000;
/** Unanswered in a row: the connection is dead whatever TCP says, and a fresh one is the cure. */
const silentMax = 2;
/** Goodbye is a courtesy; the process is stopping. */
const leaveMs = 300;

export interface FilterSessionOptions {
  readonly connection: Connection;
  readonly network: WakuNetwork;
  readonly clock: Clock;
  readonly log: Log;
  /** Shared by all sessions with this peer: nodes count requests by peer, not by connection. */
  readonly budget: RateLimit;
  wanted(): ReadonlySet<ContentTopic>;
  onConfirmed(topics: readonly ContentTopic[]): void;
  onChanged(): void;
  /** At least once in 50 s while the session lives: a ping is due every 20 s and a pause lasts 38 s at most. */
  onRound(): void;
  readonly deadlineMs?: number;
}

interface Ask {
  readonly question: FilterQuestion;
  readonly topics: readonly ContentTopic[];
}

/** Starts at once; ends with `close`, or by aborting a connection whose peer stays silent. */
export class FilterSession {
  private readonly options: FilterSessionOptions;
  private readonly ended = new AbortController();
  /** When a held topic became unwanted; undefined while it is wanted. */
  private readonly topics = new Map<ContentTopic, number | undefined>();
  /** When the node confirmed a held topic. */
  private readonly since = new Map<ContentTopic, number>();
  private pingAtMs: number;
  private silent = 0;
  private failures = 0;
  private wake: () => void = () => undefined;
  private woken = false;
  private leaving = false;

  constructor(options: FilterSessionOptions) {
    this.options = options;
    this.pingAtMs = options.clock.steady() + pingIntervalMs;
    this.run().catch((error: Error) => {
      options.log.error({ event: "filter.failed", component: "waku", err: error }, "filter session ended by a bug");
      options.connection.abort(error);
    });
  }

  /** Topics that the node has confirmed and that are still wanted. */
  held(): readonly ContentTopic[] {
    const wanted = this.options.wanted();
    return [...this.topics.keys()].filter((topic) => wanted.has(topic));
  }

  /** Since when, by the steady clock, the node holds our subscription to this topic. */
  heldSinceMs(topic: ContentTopic): number | undefined {
    return this.topics.has(topic) ? this.since.get(topic) : undefined;
  }

  /** The wanted topics changed. */
  reconcile(): void {
    this.markUnwanted();
    const wanted = this.options.wanted();
    const back = [...this.topics].filter(([topic, since]) => since !== undefined && wanted.has(topic));
    // Their pushes were not delivered while they were unwanted, so there is a gap to fetch.
    if (back.length > 0) this.confirm(back.map(([topic]) => topic));
    else this.options.onChanged();
    this.poke();
  }

  /** Pushes may have been lost: subscribe anew, so that history is fetched. */
  renew(): void {
    this.forget();
    this.poke();
  }

  /** Tells the node goodbye if it answers at once. */
  async leave(): Promise<void> {
    const { connection, clock } = this.options;
    this.leaving = true;
    if (this.topics.size === 0 || connection.status !== "open") return;
    const call = { clock, signal: this.ended.signal, deadlineMs: leaveMs };
    await askFilter(connection, { kind: "unsubscribe-all" }, call).catch(() => undefined);
  }

  /** No request and no timer after this. */
  close(): void {
    this.ended.abort(new Error("the session has ended"));
    this.topics.clear();
    this.wake();
  }

  private async run(): Promise<void> {
    const { connection, budget } = this.options;
    while (!this.ended.signal.aborted && !this.leaving && connection.status === "open") {
      this.woken = false;
      this.options.onRound();
      const next = this.nextAsk();
      const waitFor = next === undefined ? this.idleMs() : budget.delayMs();
      if (waitFor > 0) await this.sleep(waitFor);
      else if (next !== undefined && budget.take()) {
        await this.ask(next);
        if (this.failures > 0) await this.backOff();
      }
    }
  }

  private nextAsk(): Ask | undefined {
    const { clock, network } = this.options;
    const now = clock.steady();
    const missing = [...this.options.wanted()].filter((topic) => !this.topics.has(topic));
    const subscribe = chunkOf("subscribe", missing, network);
    if (subscribe !== undefined) return subscribe;
    const expired = [...this.topics].filter(([, since]) => since !== undefined && now - since >= lingerMs);
    const unsubscribe = chunkOf(
      "unsubscribe",
      expired.map(([topic]) => topic),
      network,
    );
    if (unsubscribe !== undefined) return unsubscribe;
    return this.topics.size > 0 && now >= this.pingAtMs ? { question: { kind: "ping" }, topics: [] } : undefined;
  }

  private idleMs(): number {
    const now = this.options.clock.steady();
    let until = this.topics.size > 0 ? this.pingAtMs : now + pingIntervalMs;
    for (const since of this.topics.values()) if (since !== undefined) until = Math.min(until, since + lingerMs);
    return Math.max(1, until - now);
  }

  private async ask(ask: Ask): Promise<void> {
    const { clock, connection, deadlineMs, log } = this.options;
    try {
      const call = { clock, signal: this.ended.signal, ...(deadlineMs === undefined ? {} : { deadlineMs }) };
      const status = await askFilter(connection, ask.question, call);
      this.silent = 0;
      if (status >= 200 && status < 300) this.onAccepted(ask);
      else this.onRefused(ask, status);
    } catch (error) {
      if (this.ended.signal.aborted) return;
      this.silent += 1;
      this.failures += 1;
      log.debug({ event: "filter.silent", component: "waku", reason: reasonOf(error) }, "no answer to filter request");
      if (ask.question.kind === "ping") this.forget();
      if (this.silent >= silentMax) connection.abort(new Error("the service node does not answer filter requests"));
    }
  }

  private onAccepted({ question, topics }: Ask): void {
    this.failures = 0;
    this.pingAtMs = this.options.clock.steady() + pingIntervalMs;
    if (question.kind === "subscribe") this.confirm(topics);
    if (question.kind === "unsubscribe") this.dropped(topics);
  }

  private onRefused({ question, topics }: Ask, status: number): void {
    const { log, clock } = this.options;
    log.debug({ event: "filter.refused", component: "waku", request: question.kind, status }, "filter request refused");
    if (question.kind === "unsubscribe") {
      // The node has nothing to remove, or drops it with the connection.
      this.dropped(topics);
      return;
    }
    this.failures += 1;
    if (question.kind !== "ping") return;
    this.pingAtMs = clock.steady() + pingIntervalMs;
    // "Too many requests" says nothing about the subscription; any other refusal means that it is gone.
    if (status === 429) return;
    this.failures = 0;
    this.forget();
  }

  private confirm(topics: readonly ContentTopic[]): void {
    for (const topic of topics) {
      this.topics.set(topic, undefined);
      this.since.set(topic, this.options.clock.steady());
    }
    this.markUnwanted();
    const wanted = topics.filter((topic) => this.options.wanted().has(topic));
    this.options.onChanged();
    if (wanted.length > 0) this.options.onConfirmed(wanted);
  }

  private dropped(topics: readonly ContentTopic[]): void {
    for (const topic of topics) {
      this.topics.delete(topic);
      this.since.delete(topic);
    }
  }

  private forget(): void {
    this.topics.clear();
    this.since.clear();
    this.options.onChanged();
  }

  private markUnwanted(): void {
    const wanted = this.options.wanted();
    for (const [topic, since] of this.topics) {
      if (!wanted.has(topic) && since === undefined) this.topics.set(topic, this.options.clock.steady());
    }
  }

  private poke(): void {
    this.woken = true;
    this.wake();
  }

  private async sleep(ms: number): Promise<void> {
    if (this.woken || this.ended.signal.aborted) return;
    await new Promise<void>((resolve) => {
      const cancel = this.options.clock.after(ms, resolve);
      this.wake = () => {
        cancel();
        resolve();
      };
    });
  }

  // Not woken by `reconcile`: a refused request is not repeated sooner because somebody wants another topic.
  private async backOff(): Promise<void> {
    const { clock } = this.options;
    const jitter = 0.75 + (clock.random(1)[0] ?? 0) / 512;
    const until = clock.steady() + Math.min(retryMsMax, retryMsMin * 2 ** (this.failures - 1)) * jitter;
    while (clock.steady() < until && !this.ended.signal.aborted) {
      this.woken = false;
      await this.sleep(until - clock.steady());
    }
  }
}

function chunkOf(
  kind: "subscribe" | "unsubscribe",
  topics: readonly ContentTopic[],
  network: WakuNetwork,
): Ask | undefined {
  const [first] = topics;
  const pubsubTopic = first === undefined ? undefined : pubsubTopicOf(first, network);
  if (pubsubTopic === undefined) return undefined;
  const sameShard = topics.filter((topic) => pubsubTopicOf(topic, network) === pubsubTopic);
  const chunk = sameShard.slice(0, topicsPerRequestMax);
  return { question: { kind, pubsubTopic, topics: chunk }, topics: chunk };
}
