/**
 * Proof that we hear the network: a small envelope to ourselves, through real service nodes, on a topic of its own. A
 * node that takes subscriptions, answers pings and pushes nothing looks healthy from every other side. No conversation
 * knows of it: what comes back never reaches the intake, and its topic, drawn at each start, marks nobody.
 */
import type { ContentTopic } from "../../../wire/ids.ts";
import { CANARY_DEADLINE_MS, CANARY_INTERVAL_MS, CANARY_MISSES_MAX } from "../../limits.ts";
import type { Meter } from "../../port/meter.ts";
import type { Clock, IncomingMessage, Log, NewEvent, Transport } from "../../ports.ts";
import type { Quota } from "../../quota/quota.ts";
import type { NetworkTime } from "../network-time.ts";
import { canaryEnvelope, hex } from "./envelope.ts";
import { type Departure, Hearing } from "./hearing.ts";
import { RollCall } from "./roll-call.ts";
import type { CanaryStatus } from "./status.ts";

export type { CanaryStatus } from "./status.ts";

/** Times for tests; the defaults are in `limits.ts`. */
export interface CanaryOptions {
  readonly intervalMs: number;
  readonly deadlineMs: number;
}

interface CanaryDeps {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly log: Log;
  readonly options: CanaryOptions | "off" | undefined;
  readonly meter?: Meter | undefined;
  readonly time: NetworkTime;
  /** Canaries count like any publication. */
  readonly quota: Quota | undefined;
  /** A conversation listens to this topic too. */
  readonly isWanted: (topic: ContentTopic) => boolean;
  readonly tell: (event: NewEvent) => void;
  readonly onChange: () => void;
  /** What was sent while we were deaf has to be read from a Store node. */
  readonly onRecovered: () => void;
  /** The same of one service node of several, by the clock of the wall. */
  readonly onNodeDeaf: (sinceMs: number) => void;
}

interface Attempt {
  readonly sentAtMs: number;
  readonly abort: AbortController;
  readonly cancelDeadline: () => void;
  isPublished: boolean;
}

interface Flight extends Departure {
  /** Service nodes that have pushed it. */
  readonly pushed: Set<string>;
}

/** Late ones still prove that we hear. */
const REMEMBERED = 4;

export class CanaryLoop {
  /** undefined when there is none. */
  readonly topic: ContentTopic | undefined;
  readonly #deps: CanaryDeps;
  readonly #intervalMs: number;
  readonly #deadlineMs: number;
  /** By payload. */
  readonly #flown = new Map<string, Flight>();
  readonly #hearing: Hearing;
  readonly #rollCall: RollCall;
  #cancelRollCall: (() => void) | undefined;
  #attempt: Attempt | undefined;
  #next: { readonly atMs: number; readonly cancel: () => void } | undefined;
  #isListening = false;
  #isStopped = false;
  #triedAtMs = Number.NEGATIVE_INFINITY;

  constructor(deps: CanaryDeps) {
    this.#deps = deps;
    const { options, clock } = deps;
    const isOff = options === "off";
    const times = isOff ? undefined : options;
    const intervalMs = times?.intervalMs ?? CANARY_INTERVAL_MS;
    this.#intervalMs = deps.quota?.canaryIntervalMs(intervalMs) ?? intervalMs;
    this.#deadlineMs = times?.deadlineMs ?? CANARY_DEADLINE_MS;
    this.#hearing = new Hearing(deps, isOff);
    this.#rollCall = new RollCall({
      ...deps,
      subscribed: () => (this.topic === undefined ? [] : deps.transport.subscribedAt(this.topic)),
      renew: (node) => deps.transport.renew(node),
      onDeaf: (sinceMs) => deps.onNodeDeaf(clock.now() - (clock.steady() - sinceMs)),
    });
    if (!isOff) this.topic = `/umbra/1/b16-${hex(clock.random(2))}/proto` as ContentTopic;
  }

  status(): CanaryStatus {
    return { ...this.#hearing.status(), silentNodes: this.#rollCall.silent() };
  }

  /** We surely heard everything up to then; a Store cursor may not pass it (without a canary we can but believe). */
  heardThroughMs(nowMs: number): number {
    return this.#hearing.throughMs(nowMs);
  }

  onListening(topics: readonly ContentTopic[]): void {
    if (this.topic === undefined || !topics.includes(this.topic)) return;
    if (!this.#isListening) this.#hearing.begin();
    this.#isListening = true;
    const now = this.#deps.clock.steady();
    // A connection that comes and goes must not cost a canary each time: publishing has a quota.
    if (this.#attempt === undefined) this.#tryAfter(Math.max(0, this.#triedAtMs + this.#deadlineMs - now));
  }

  /** Without a subscription nothing can come back, and that is no news about hearing. */
  onNetwork(listening: readonly ContentTopic[]): void {
    if (this.topic === undefined || listening.includes(this.topic)) return;
    this.#isListening = false;
    this.#deps.quota?.canaryGone();
    this.#endAttempt();
    this.#next?.cancel();
    this.#next = undefined;
  }

  /** True when the message is not for the intake. */
  take(message: IncomingMessage): boolean {
    if (message.topic !== this.topic) return false;
    const flight = this.#flown.get(hex(message.payload));
    if (flight === undefined) return !this.#deps.isWanted(message.topic);
    if (message.from !== undefined) {
      flight.pushed.add(message.from);
      this.#rollCall.heard(message.from);
    }
    // Each service node pushes it; the first proves that we hear.
    if (this.#hearing.isNews(flight)) this.#heard(flight);
    return true;
  }

  /** Another one now, unless one is on its way. */
  probe(): void {
    if (this.#attempt === undefined) this.#tryAfter(0);
  }

  stop(): void {
    this.#isStopped = true;
    this.#endAttempt();
    this.#next?.cancel();
    this.#cancelRollCall?.();
  }

  #tryAfter(delayMs: number): void {
    if (this.#isStopped || !this.#isListening) return;
    const { clock } = this.#deps;
    const atMs = clock.steady() + delayMs;
    if (this.#next !== undefined && this.#next.atMs <= atMs) return;
    this.#next?.cancel();
    const cancel = clock.after(delayMs, () => {
      this.#next = undefined;
      if (this.#attempt === undefined) this.#try();
    });
    this.#next = { atMs, cancel };
  }

  #try(): void {
    const { clock, transport, time } = this.#deps;
    const { topic } = this;
    if (topic === undefined) return;
    const waitMs = this.#waitForQuotaMs();
    if (waitMs > 0) return this.#tryAfter(waitMs);
    const payload = canaryEnvelope(clock);
    const sentAtMs = clock.steady();
    this.#triedAtMs = sentAtMs;
    const flight: Flight = { sentAtMs, sentOnMs: clock.now(), pushed: new Set() };
    this.#remember(hex(payload), flight);
    this.#cancelRollCall?.();
    this.#cancelRollCall = clock.after(this.#deadlineMs, () => {
      if (this.#rollCall.close(sentAtMs, flight.pushed)) this.probe();
    });
    const abort = new AbortController();
    const cancelDeadline = clock.after(this.#deadlineMs, () => this.#missed(attempt, "no answer in time"));
    const attempt: Attempt = { sentAtMs, abort, cancelDeadline, isPublished: false };
    this.#attempt = attempt;
    const shiftMs = time.probeShiftMs();
    transport.publish({ topic, payload, shiftMs }, abort.signal).then(
      (result) => {
        if (result.kind === "published") {
          attempt.isPublished = true;
          return time.published(result.hash, shiftMs);
        }
        if (result.kind === "refused" && isAboutTime(result.reason)) time.refused(shiftMs);
        this.#missed(attempt, result.reason);
      },
      (error: unknown) => {
        this.#deps.log.error({ event: "canary.failed", component: "canary", err: error }, "publishing threw");
        this.#missed(attempt, "publishing failed");
      },
    );
  }

  /** A disk that takes no spending is the store check's news, and the next try's. */
  #waitForQuotaMs(): number {
    try {
      return this.#deps.quota?.canaryWaitMs() ?? 0;
    } catch (error) {
      this.#deps.log.error({ event: "canary.failed", component: "canary", err: error }, "nothing could be spent");
      return this.#intervalMs;
    }
  }

  #remember(key: string, flight: Flight): void {
    this.#flown.set(key, flight);
    const [oldest] = this.#flown.keys();
    if (this.#flown.size > REMEMBERED && oldest !== undefined) this.#flown.delete(oldest);
  }

  #heard(flight: Flight): void {
    // Its publishing is left to end: a stream broken off would look like our fault to the service node.
    this.#attempt?.cancelDeadline();
    this.#attempt = undefined;
    this.#hearing.heard(flight);
    this.#next?.cancel();
    this.#next = undefined;
    // Never the same pause twice: a clockwork would be an identity.
    const [chance = 0] = this.#deps.clock.random(1);
    this.#tryAfter(Math.round(this.#intervalMs * (0.85 + (0.15 * chance) / 255)));
  }

  #missed(attempt: Attempt, reason: string): void {
    if (attempt !== this.#attempt) return;
    this.#endAttempt();
    const { isPublished } = attempt;
    const misses = this.#hearing.missed(isPublished, reason);
    if (misses < CANARY_MISSES_MAX) return this.#tryAfter(isPublished ? 0 : this.#deadlineMs);
    if (isPublished) this.#deps.transport.renew();
    const pauseMs = this.#deadlineMs * 2 ** Math.min(misses - CANARY_MISSES_MAX, 16);
    this.#tryAfter(Math.min(this.#intervalMs, pauseMs));
  }

  #endAttempt(): void {
    this.#attempt?.cancelDeadline();
    this.#attempt?.abort.abort();
    this.#attempt = undefined;
  }
}

/** Service nodes have one status for every message that they hold for invalid. */
function isAboutTime(reason: string): boolean {
  return /time\s*stamp|clock/i.test(reason);
}
