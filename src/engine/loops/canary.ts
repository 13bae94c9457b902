/**
 * Proof that we hear the network: a small envelope to ourselves, through real service nodes, on a topic of its own. A
 * node that takes subscriptions, answers pings and pushes nothing looks healthy from every other side. No conversation
 * knows of it: what comes back never reaches the intake, and its topic, drawn at each start, marks nobody.
 */
import { encodeEnvelope } from "../../wire/envelope.ts";
import type { ContentTopic, Hint } from "../../wire/ids.ts";
import { CANARY_DEADLINE_MS, CANARY_INTERVAL_MS, CANARY_MISSES_MAX } from "../limits.ts";
import type { Clock, EventRow, IncomingMessage, Log, NewEvent, Store, Transport } from "../ports.ts";
import type { Quota } from "../quota/quota.ts";

/** Times for tests; the defaults are in `limits.ts`. */
export interface CanaryOptions {
  readonly intervalMs: number;
  readonly deadlineMs: number;
}

/** `off` only in tests. `unsendable`: it could not even be published, so nothing is known about hearing. */
export type CanaryState = "off" | "waiting" | "hearing" | "deaf" | "unsendable";

export interface CanaryStatus {
  readonly state: CanaryState;
  /** Of the last one that came back. */
  readonly rttMs: number | undefined;
  /** When the last one that came back had left. */
  readonly heardAtMs: number | undefined;
  /** Why the last one could not be published. */
  readonly reason: string | undefined;
}

interface CanaryDeps {
  readonly store: Store;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly log: Log;
  readonly options: CanaryOptions | "off" | undefined;
  /** Canaries count like any publication. */
  readonly quota: Quota | undefined;
  /** A conversation listens to this topic too. */
  readonly isWanted: (topic: ContentTopic) => boolean;
  readonly onEvents: (events: readonly EventRow[]) => void;
  readonly onChange: () => void;
  /** What was sent while we were deaf has to be read from a Store node. */
  readonly onRecovered: () => void;
}

interface Attempt {
  readonly sentAtMs: number;
  readonly abort: AbortController;
  readonly cancelDeadline: () => void;
  isPublished: boolean;
}

/** Late ones still prove that we hear. */
const REMEMBERED = 4;

export class CanaryLoop {
  /** undefined when there is none. */
  readonly topic: ContentTopic | undefined;
  readonly #deps: CanaryDeps;
  readonly #intervalMs: number;
  readonly #deadlineMs: number;
  /** Payload → when it left. */
  readonly #flown = new Map<string, number>();
  #attempt: Attempt | undefined;
  #next: { readonly atMs: number; readonly cancel: () => void } | undefined;
  #isListening = false;
  #isStopped = false;
  #triedAtMs = Number.NEGATIVE_INFINITY;
  #misses = 0;
  #silentSinceMs: number;
  #deafAtMs: number | undefined;
  #status: CanaryStatus;

  constructor(deps: CanaryDeps) {
    this.#deps = deps;
    const { options, clock } = deps;
    const isOff = options === "off";
    const times = options === undefined || options === "off" ? undefined : options;
    const intervalMs = times?.intervalMs ?? CANARY_INTERVAL_MS;
    this.#intervalMs = deps.quota?.canaryIntervalMs(intervalMs) ?? intervalMs;
    this.#deadlineMs = times?.deadlineMs ?? CANARY_DEADLINE_MS;
    this.#silentSinceMs = clock.now();
    this.#status = { state: isOff ? "off" : "waiting", rttMs: undefined, heardAtMs: undefined, reason: undefined };
    if (!isOff) this.topic = `/umbra/1/b16-${hex(clock.random(2))}/proto` as ContentTopic;
  }

  status(): CanaryStatus {
    return this.#status;
  }

  /** We surely heard everything up to then; a Store cursor may not pass it (without a canary we can but believe). */
  heardThroughMs(nowMs: number): number {
    return this.#status.state === "off" ? nowMs : (this.#status.heardAtMs ?? Number.NEGATIVE_INFINITY);
  }

  onListening(topics: readonly ContentTopic[]): void {
    if (this.topic === undefined || !topics.includes(this.topic)) return;
    const now = this.#deps.clock.now();
    if (!this.#isListening && this.#status.heardAtMs === undefined) this.#silentSinceMs = now;
    this.#isListening = true;
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
    const sentAtMs = this.#flown.get(hex(message.payload));
    if (sentAtMs === undefined) return !this.#deps.isWanted(message.topic);
    this.#heard(sentAtMs);
    return true;
  }

  stop(): void {
    this.#isStopped = true;
    this.#endAttempt();
    this.#next?.cancel();
  }

  #tryAfter(delayMs: number): void {
    if (this.#isStopped || !this.#isListening) return;
    const { clock } = this.#deps;
    const atMs = clock.now() + delayMs;
    if (this.#next !== undefined && this.#next.atMs <= atMs) return;
    this.#next?.cancel();
    const cancel = clock.after(delayMs, () => {
      this.#next = undefined;
      if (this.#attempt === undefined) this.#try();
    });
    this.#next = { atMs, cancel };
  }

  #try(): void {
    const { clock, transport } = this.#deps;
    const { topic } = this;
    if (topic === undefined) return;
    const waitMs = this.#waitForQuotaMs();
    if (waitMs > 0) return this.#tryAfter(waitMs);
    const payload = canaryEnvelope(clock);
    const sentAtMs = clock.now();
    this.#triedAtMs = sentAtMs;
    this.#remember(hex(payload), sentAtMs);
    const abort = new AbortController();
    const cancelDeadline = clock.after(this.#deadlineMs, () => this.#missed(attempt, "no answer in time"));
    const attempt: Attempt = { sentAtMs, abort, cancelDeadline, isPublished: false };
    this.#attempt = attempt;
    transport.publish({ topic, payload }, abort.signal).then(
      (result) => {
        if (result.kind === "published") attempt.isPublished = true;
        else this.#missed(attempt, result.reason);
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

  #remember(key: string, sentAtMs: number): void {
    this.#flown.set(key, sentAtMs);
    if (this.#flown.size <= REMEMBERED) return;
    for (const oldest of this.#flown.keys()) {
      this.#flown.delete(oldest);
      return;
    }
  }

  #heard(sentAtMs: number): void {
    const now = this.#deps.clock.now();
    this.#flown.clear();
    // Its publishing is left to end: a stream broken off would look like our fault to the service node.
    this.#attempt?.cancelDeadline();
    this.#attempt = undefined;
    this.#misses = 0;
    this.#set({ state: "hearing", rttMs: now - sentAtMs, heardAtMs: sentAtMs, reason: undefined });
    if (this.#deafAtMs !== undefined) {
      const deafMs = now - this.#deafAtMs;
      this.#deafAtMs = undefined;
      this.#deps.log.warn(
        { event: "network.recovered", component: "canary", deafMs },
        "a canary came back: we hear again",
      );
      this.#tell({ type: "network.recovered", data: { deafMs } });
      this.#deps.onRecovered();
    }
    this.#next?.cancel();
    this.#next = undefined;
    // Never the same pause twice: a clockwork would be an identity.
    const [chance = 0] = this.#deps.clock.random(1);
    this.#tryAfter(Math.round(this.#intervalMs * (0.85 + (0.15 * chance) / 255)));
  }

  #missed(attempt: Attempt, reason: string): void {
    if (attempt !== this.#attempt) return;
    this.#endAttempt();
    this.#misses += 1;
    const { isPublished } = attempt;
    this.#deps.log.debug(
      { event: "canary.missed", component: "canary", misses: this.#misses, published: isPublished, reason },
      "a canary did not come back",
    );
    if (this.#misses < CANARY_MISSES_MAX) return this.#tryAfter(isPublished ? 0 : this.#deadlineMs);
    this.#set({
      ...this.#status,
      state: isPublished ? "deaf" : "unsendable",
      reason: isPublished ? undefined : reason,
    });
    if (isPublished) this.#deaf();
    const pauseMs = this.#deadlineMs * 2 ** Math.min(this.#misses - CANARY_MISSES_MAX, 16);
    this.#tryAfter(Math.min(this.#intervalMs, pauseMs));
  }

  #deaf(): void {
    const { clock, transport, log } = this.#deps;
    if (this.#deafAtMs === undefined) {
      const now = clock.now();
      this.#deafAtMs = now;
      const silentMs = now - (this.#status.heardAtMs ?? this.#silentSinceMs);
      const what = "what we publish does not come back: subscribing anew";
      log.warn({ event: "network.deaf", component: "canary", silentMs }, what);
      this.#tell({ type: "network.deaf", data: { silentMs } });
    }
    transport.renew();
  }

  #tell(event: NewEvent): void {
    const { store, clock, log, onEvents } = this.#deps;
    try {
      onEvents([store.appendEvent(event, clock.now())]);
    } catch (error) {
      // The event is lost, the cure is not.
      log.error({ event: "canary.failed", component: "canary", err: error }, "the event could not be written");
    }
  }

  #set(status: CanaryStatus): void {
    const isNews = status.state !== this.#status.state;
    this.#status = status;
    if (isNews) this.#deps.onChange();
  }

  #endAttempt(): void {
    this.#attempt?.cancelDeadline();
    this.#attempt?.abort.abort();
    this.#attempt = undefined;
  }
}

/** In its form any envelope of a private conversation: header of 68 bytes, two or three blocks of padding, nonce and tag. */
function canaryEnvelope(clock: Clock): Uint8Array {
  const [chance = 0, ...salt] = clock.random(5);
  return encodeEnvelope({
    hint: hex(clock.random(32)) as Hint,
    salt: Buffer.from(salt).readUInt32BE(),
    encryptedBytes: { member: "encrypted_bytes", bytes: clock.random(96 + 128 * (2 + (chance % 2))) },
  });
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");
}
