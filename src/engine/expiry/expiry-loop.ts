/** Ends messages that are older than they may become: a few at a time, conversation by conversation. */
import {
  EXPIRY_BATCH_MAX,
  EXPIRY_LOOK_MS,
  EXPIRY_PAGE_MAX,
  RETENTION_PAUSE_MS,
  UNACKNOWLEDGED_AGE_MAX_MS,
} from "../limits.ts";
import { Alarm } from "../loops/alarm.ts";
import type { Retention } from "../loops/retention.ts";
import type { Clock, Log, Store } from "../ports.ts";

interface ExpiryDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly retention: Retention;
  /** As in the alarm. */
  readonly isHeld?: (() => boolean) | undefined;
}

export class ExpiryLoop {
  readonly #deps: ExpiryDeps;
  readonly #alarm: Alarm;
  /** Up to which conversation this round has come. */
  #after = -1;
  #ended = 0;

  constructor(deps: ExpiryDeps) {
    this.#deps = deps;
    const onFault = (error: unknown) =>
      deps.log.warn(
        { event: "expiry.failed", component: "retention", err: error },
        "old messages could not be deleted",
      );
    this.#alarm = new Alarm({ clock: deps.clock, look: () => this.#look(), onFault, isHeld: deps.isHeld });
  }

  wake(): void {
    this.#alarm.wake();
  }

  stop(): void {
    this.#alarm.stop();
  }

  #look(): void {
    const { store, retention } = this.#deps;
    const page = store.expiries(this.#after, EXPIRY_PAGE_MAX, retention.messagesMs === undefined ? "own" : "all");
    let left = EXPIRY_BATCH_MAX;
    for (const { conversation, ms } of page) {
      left -= this.#expire(conversation, ms, left);
      // What is left of this one, and the rest, after other turns.
      if (left <= 0) return this.#alarm.set(RETENTION_PAUSE_MS);
      this.#after = conversation;
    }
    if (page.length === EXPIRY_PAGE_MAX) return this.#alarm.set(RETENTION_PAUSE_MS);
    this.#endRound();
  }

  #expire(conversation: number, ownMs: number | undefined, limit: number): number {
    const { store, clock, retention } = this.#deps;
    const now = clock.now();
    const { messagesMs = Number.POSITIVE_INFINITY, unacknowledgedMs = UNACKNOWLEDGED_AGE_MAX_MS } = retention;
    const keptMs = Math.max(messagesMs, unacknowledgedMs);
    // What disappears does so whether a program has read it or not; general retention waits for consumers.
    const bounds =
      ownMs === undefined
        ? { beforeMs: now - messagesMs, unacknowledgedBeforeMs: now - keptMs }
        : { beforeMs: now - Math.min(ownMs, messagesMs), unacknowledgedBeforeMs: now - Math.min(ownMs, keptMs) };
    const count = store.expireMessages({ conversation, ...bounds }, limit);
    this.#ended += count;
    // Fewer than asked for may be more parts than one transaction takes.
    return count > 0 && count < limit ? limit : count;
  }

  #endRound(): void {
    const { store, log } = this.#deps;
    this.#after = -1;
    if (this.#ended > 0) {
      store.emptyLog();
      log.debug({ event: "expiry.deleted", component: "retention", messages: this.#ended }, "old messages are gone");
      this.#ended = 0;
    }
    this.#alarm.set(EXPIRY_LOOK_MS);
  }
}
