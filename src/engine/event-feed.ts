/** Hands newly committed events to followers in seq order, whatever order the commits' callers woke up in. */
import { LOOK_RETRY_MS } from "./limits.ts";
import type { Clock, EventRow, Store } from "./ports.ts";

/** Events read at once when a commit was not announced. */
const MISSED_PAGE = 1_000;

export class EventFeed {
  readonly #store: Store;
  readonly #clock: Pick<Clock, "after">;
  readonly #listeners = new Set<(events: readonly EventRow[]) => void>();
  readonly #early = new Map<number, EventRow>();
  #lastSeq: number;
  #isLooking = false;
  #isStopped = false;
  #cancelRetry = (): void => {};

  constructor(store: Store, clock: Pick<Clock, "after">) {
    this.#store = store;
    this.#clock = clock;
    this.#lastSeq = store.lastSeq();
  }

  /** Up to here everything was handed on. */
  get lastSeq(): number {
    return this.#lastSeq;
  }

  follow(listener: (events: readonly EventRow[]) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The store is about to be closed. */
  stop(): void {
    this.#isStopped = true;
    this.#cancelRetry();
  }

  publish(events: readonly EventRow[]): void {
    for (const event of events) if (event.seq > this.#lastSeq) this.#early.set(event.seq, event);
    this.#give(this.#takeNext([]));
    if (this.#early.size > 0) this.#lookForMissed();
  }

  /** Adds to `ready` what follows on the last one without a hole. */
  #takeNext(ready: EventRow[]): EventRow[] {
    for (let next = this.#early.get(this.#lastSeq + 1); next !== undefined; next = this.#early.get(this.#lastSeq + 1)) {
      this.#early.delete(next.seq);
      this.#lastSeq = next.seq;
      ready.push(next);
    }
    return ready;
  }

  #give(ready: readonly EventRow[]): void {
    if (ready.length === 0) return;
    for (const listener of this.#listeners) this.#tell(listener, ready);
  }

  /**
   * A commit can be durable and yet have failed for its caller, who then announces nothing: without this, followers would
   * wait for its events for ever. Callers that only woke up late have announced theirs by the next round of the event loop.
   */
  #lookForMissed(): void {
    if (this.#isLooking || this.#isStopped) return;
    this.#isLooking = true;
    setImmediate(() => {
      this.#isLooking = false;
      if (this.#early.size > 0) this.#fillFromStore();
    });
  }

  /** Commits are synchronous: with a seq, every lower one is durable too, or was deleted by retention since. */
  #fillFromStore(): void {
    let page: EventRow[];
    try {
      page = this.#store.events({ after: this.#lastSeq, limit: MISSED_PAGE });
    } catch {
      return this.#lookLater();
    }
    const ready: EventRow[] = [];
    for (const row of page) {
      this.#early.delete(row.seq);
      this.#lastSeq = row.seq;
      ready.push(row);
    }
    this.#give(this.#takeNext(ready));
    if (page.length === 0) this.#early.clear();
    else if (this.#early.size > 0) this.#lookForMissed();
  }

  /** Nothing may be announced for long, so an unreadable store is asked again by the clock. */
  #lookLater(): void {
    if (this.#isStopped) return;
    this.#isLooking = true;
    this.#cancelRetry = this.#clock.after(LOOK_RETRY_MS, () => {
      this.#isLooking = false;
      this.#lookForMissed();
    });
  }

  /** A follower's fault is a bug outside any turn: it ends the process, but must not make a committed turn look failed. */
  #tell(listener: (events: readonly EventRow[]) => void, events: readonly EventRow[]): void {
    try {
      listener(events);
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  }
}
