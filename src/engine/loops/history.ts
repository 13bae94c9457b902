/**
 * Finds gaps in listening and fills them from Store nodes. A topic is *covered* when everything up to now has been read;
 * only then may its cursor advance, so a crash at any moment asks again for what was not durable.
 */
import type { ContentTopic } from "../../wire/ids.ts";
import type { Counters } from "../counters.ts";
import {
  CURSOR_SAVE_BUSY_MS,
  CURSOR_SAVE_IDLE_MS,
  HISTORY_AGE_MAX_MS,
  HISTORY_OVERLAP_MS,
  HISTORY_RETRY_MAX_MS,
  HISTORY_RETRY_MIN_MS,
} from "../limits.ts";
import type { Clock, CursorWrite, Log, Store, Transport } from "../ports.ts";
import type { Intake } from "../routing/intake.ts";
import type { Subscriptions } from "./subscriptions.ts";

interface HistoryDeps {
  readonly store: Store;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly log: Log;
  readonly intake: Intake;
  readonly subscriptions: Subscriptions;
  readonly counters: Counters;
  readonly onSynced: () => void;
  /** What it was, at the earliest, by the service nodes' clock: timestamps are theirs, and so are cursors. */
  readonly networkMs: (ourMs: number) => number;
  /** Up to when we surely heard what was pushed. */
  readonly heardThroughMs: (nowMs: number) => number;
}

export class HistoryLoop {
  readonly #deps: HistoryDeps;
  /** Topics with a gap, with a number that changes whenever a new gap opens. */
  readonly #gaps = new Map<ContentTopic, number>();
  readonly #covered = new Set<ContentTopic>();
  readonly #abort = new AbortController();
  #gapNumber = 0;
  /** What was pushed since then may be missing although cursors have passed it. */
  #missingSinceMs = Number.POSITIVE_INFINITY;
  #isFilling = false;
  #retryMs = HISTORY_RETRY_MIN_MS;
  /** When the next filling begins. */
  #next: { readonly atMs: number; readonly cancel: () => void } | undefined;
  #markedAtMs = Number.NEGATIVE_INFINITY;
  #markedPauseMs = HISTORY_RETRY_MIN_MS;
  #cancelIdleSave: (() => void) | undefined;
  #savedAtMs = Number.NEGATIVE_INFINITY;
  #isHeld = false;
  #readAtMs: number | undefined;
  /** How often it was held: a reading that was under way then kept nothing. */
  #holds = 0;

  constructor(deps: HistoryDeps) {
    this.#deps = deps;
  }

  start(): void {
    this.#scheduleIdleSave();
  }

  /** A subscription was confirmed anew: what was sent before it may be missing. */
  onListening(topics: readonly ContentTopic[]): void {
    for (const topic of topics) this.#open(topic);
    this.#retryMs = HISTORY_RETRY_MIN_MS;
    this.#fillAfter(0);
  }

  /** Subscriptions were lost: cursors stand still until the topic is listened to and filled again. */
  onDeaf(listening: readonly ContentTopic[]): void {
    const held = new Set(listening);
    const lost = [...this.#covered].filter((topic) => !held.has(topic));
    if (lost.length === 0) return;
    for (const topic of lost) this.#covered.delete(topic);
    this.#deps.log.info(
      { event: "sync.gap-found", component: "history", reason: "unsubscribed", topics: lost.length },
      "subscriptions were lost; what is missed will be read from a Store node",
    );
  }

  /**
   * An envelope was received and could not be kept. While that goes on, history is read less and less often: what keeps
   * us from keeping it (too much at once, a full disk) keeps us from keeping it again. `sinceMs`: cursors have passed it.
   */
  markGap(reason: string, sinceMs = Number.POSITIVE_INFINITY): void {
    this.#missingSinceMs = Math.min(this.#missingSinceMs, sinceMs);
    const { clock, log } = this.#deps;
    this.#openListening();
    if (this.#next !== undefined || this.#isHeld) return;
    const now = clock.steady();
    const isAgain = now - this.#markedAtMs < 2 * HISTORY_RETRY_MAX_MS;
    this.#markedAtMs = now;
    this.#markedPauseMs = isAgain ? Math.min(HISTORY_RETRY_MAX_MS, this.#markedPauseMs * 2) : HISTORY_RETRY_MIN_MS;
    log.warn(
      { event: "sync.gap-found", component: "history", reason, retry_ms: this.#markedPauseMs },
      "envelopes were dropped; they will be read from a Store node",
    );
    this.#fillAfter(this.#markedPauseMs);
  }

  /** From now on nothing can be kept: all that is listened to has a gap, and reading it would be for nothing. */
  hold(): void {
    this.#isHeld = true;
    this.#holds += 1;
    this.#openListening();
    this.#next?.cancel();
    this.#next = undefined;
  }

  /** What came meanwhile is read at once. */
  release(): void {
    this.#isHeld = false;
    this.#retryMs = HISTORY_RETRY_MIN_MS;
    this.#fillAfter(0);
  }

  /** When a reading last came to its end; undefined: not in this process. */
  readAtMs(): number | undefined {
    return this.#readAtMs;
  }

  isCovered(topic: ContentTopic): boolean {
    return this.#covered.has(topic);
  }

  /** The advance that the next commit may carry: at most once a second, and never past an envelope still in flight. */
  takeCursor(): CursorWrite | undefined {
    const { clock } = this.#deps;
    if (clock.steady() - this.#savedAtMs < CURSOR_SAVE_BUSY_MS) return undefined;
    return this.#cursor(clock.now());
  }

  /** The last word before the store closes. */
  saveCursor(): void {
    const cursor = this.#cursor(this.#deps.clock.now());
    if (cursor !== undefined) this.#deps.store.saveCursor(cursor);
  }

  stop(): void {
    this.#abort.abort();
    this.#next?.cancel();
    this.#cancelIdleSave?.();
  }

  #cursor(now: number): CursorWrite | undefined {
    const throughMs = Math.min(this.#deps.intake.durableThroughMs(now), this.#deps.heardThroughMs(now));
    if (this.#covered.size === 0 || throughMs < 0) return undefined;
    this.#savedAtMs = this.#deps.clock.steady();
    return { topics: [...this.#covered], throughMs: this.#deps.networkMs(throughMs) };
  }

  #scheduleIdleSave(): void {
    this.#cancelIdleSave = this.#deps.clock.after(CURSOR_SAVE_IDLE_MS, () => {
      try {
        // Whatever was taken meanwhile: an advance that rode with a refused turn was never written.
        this.saveCursor();
      } catch (error) {
        this.#deps.log.warn(
          { event: "sync.cursor-unsaved", component: "history", err: error },
          "the Store cursor could not be saved; more history will be read after a restart",
        );
      }
      this.#scheduleIdleSave();
    });
  }

  /** Every topic that we listen to. */
  #openListening(): void {
    const { transport, subscriptions } = this.#deps;
    const wanted = new Set(subscriptions.topics());
    for (const topic of transport.status().listening) if (wanted.has(topic)) this.#open(topic);
  }

  #open(topic: ContentTopic): void {
    this.#covered.delete(topic);
    this.#gaps.set(topic, ++this.#gapNumber);
  }

  /** The earlier of two times wins. */
  #fillAfter(delayMs: number): void {
    if (this.#abort.signal.aborted || this.#isHeld) return;
    const { clock } = this.#deps;
    const atMs = clock.steady() + delayMs;
    if (this.#next !== undefined && this.#next.atMs <= atMs) return;
    this.#next?.cancel();
    const cancel = clock.after(delayMs, () => {
      this.#next = undefined;
      void this.#run();
    });
    this.#next = { atMs, cancel };
  }

  async #run(): Promise<void> {
    // Its end looks whether new gaps have opened meanwhile.
    if (this.#isFilling || this.#isHeld || this.#gaps.size === 0) return;
    this.#isFilling = true;
    try {
      await this.#fill();
      this.#retryMs = HISTORY_RETRY_MIN_MS;
      if (this.#gaps.size === 0) this.#deps.onSynced();
      else if (this.#next === undefined) this.#fillAfter(0);
    } catch (error) {
      if (this.#abort.signal.aborted) return;
      this.#deps.log.warn(
        { event: "sync.failed", component: "history", retry_ms: this.#retryMs, err: error },
        "history could not be read to its end; it will be asked for again",
      );
      this.#fillAfter(this.#retryMs);
      this.#retryMs = Math.min(HISTORY_RETRY_MAX_MS, this.#retryMs * 2);
    } finally {
      this.#isFilling = false;
    }
  }

  async #fill(): Promise<void> {
    const { transport, clock, store, intake, log, networkMs } = this.#deps;
    const gaps = new Map(this.#gaps);
    const holds = this.#holds;
    const topics = [...gaps.keys()];
    const startedAtMs = clock.now();
    const beganAtMs = clock.steady();
    const missingSinceMs = this.#missingSinceMs;
    const beginnings = topics.map((topic) => this.#beginning(topic, startedAtMs));
    const sinceMs = Math.max(
      startedAtMs - HISTORY_AGE_MAX_MS,
      Math.min(networkMs(missingSinceMs), ...beginnings) - HISTORY_OVERLAP_MS,
    );
    let messages = 0;
    let missed = 0;
    let pages = 0;
    const { counters } = this.#deps;
    for await (const page of transport.history({ topics, sinceMs }, this.#abort.signal)) {
      pages += 1;
      messages += page.length;
      for (const message of page) if (await intake.refill(message)) missed += 1;
    }
    if (missed > 0) counters.add("sync.recovered", missed);
    this.#readAtMs = clock.now();
    // What could not be kept is as missing as before.
    if (this.#holds !== holds) return;
    if (this.#missingSinceMs === missingSinceMs) this.#missingSinceMs = Number.POSITIVE_INFINITY;
    for (const [topic, gap] of gaps) {
      if (this.#gaps.get(topic) !== gap) continue;
      this.#gaps.delete(topic);
      if (transport.status().listening.includes(topic)) this.#covered.add(topic);
    }
    log.info(
      {
        event: "sync.gap-filled",
        component: "history",
        topics: topics.length,
        messages,
        missed,
        pages,
        ms: clock.steady() - beganAtMs,
        from_s_ago: Math.round((startedAtMs - sinceMs) / 1000),
      },
      "history has been read",
    );
    if (this.#covered.size > 0)
      store.saveCursor({
        topics: [...this.#covered],
        throughMs: networkMs(intake.durableThroughMs(startedAtMs)),
      });
  }

  #beginning(topic: ContentTopic, now: number): number {
    const { store, subscriptions, networkMs } = this.#deps;
    return store.cursor(topic) ?? networkMs(subscriptions.sinceMs(topic) ?? now);
  }
}
