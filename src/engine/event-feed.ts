/** Hands newly committed events to followers in seq order, whatever order the commits' callers woke up in. */
import type { EventRow, Store } from "./ports.ts";

/** Events read at once when a commit was not announced. */
const MISSED_PAGE = 1_000;

export class EventFeed {
  readonly #store: Store;
  readonly #listeners = new Set<(events: readonly EventRow[]) => void>();
  readonly #early = new Map<number, EventRow>();
  #lastSeq: number;
  #isLooking = false;

  constructor(store: Store) {
    this.#store = store;
    this.#lastSeq = store.lastSeq();
  }

  follow(listener: (events: readonly EventRow[]) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  publish(events: readonly EventRow[]): void {
    for (const event of events) if (event.seq > this.#lastSeq) this.#early.set(event.seq, event);
    const ready: EventRow[] = [];
    for (let next = this.#early.get(this.#lastSeq + 1); next !== undefined; next = this.#early.get(this.#lastSeq + 1)) {
      this.#early.delete(next.seq);
      this.#lastSeq = next.seq;
      ready.push(next);
    }
    if (this.#early.size > 0) this.#lookForMissed();
    if (ready.length === 0) return;
    for (const listener of this.#listeners) this.#tell(listener, ready);
  }

  /**
   * A commit can be durable and yet have failed for its caller, who then announces nothing: without this, followers would
   * wait for its events for ever. Callers that only woke up late have announced theirs by the next round of the event loop.
   */
  #lookForMissed(): void {
    if (this.#isLooking) return;
    this.#isLooking = true;
    setImmediate(() => {
      this.#isLooking = false;
      if (this.#early.size === 0) return;
      try {
        this.publish(this.#store.events({ after: this.#lastSeq, limit: MISSED_PAGE }));
      } catch {
        // The store cannot be read, or was closed meanwhile: the next announcement looks again.
      }
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
