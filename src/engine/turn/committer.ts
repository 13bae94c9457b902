/**
 * Commits turns, several in one transaction when several are ready together: each is durable before it is acknowledged,
 * and they share one fsync (design 2, "group commit"). It never waits for company: a batch is what arrived while the
 * event loop was busy.
 */
import { InvariantError, UmbradError } from "../errors.ts";
import type { CommitReceipt, Store, TurnCommit } from "../ports.ts";

/** More turns in one transaction save no further fsync worth having, and hold the event loop. */
const BATCH_MAX = 256;

interface Waiting {
  readonly turn: TurnCommit;
  readonly done: (receipt: CommitReceipt) => void;
  readonly failed: (error: unknown) => void;
}

export class Committer {
  readonly #store: Store;
  #waiting: Waiting[] = [];
  #isScheduled = false;
  #isClosed = false;

  constructor(store: Store) {
    this.#store = store;
  }

  /** Resolves when the turn is on disk. */
  commit(turn: TurnCommit): Promise<CommitReceipt> {
    return new Promise((done, failed) => {
      this.#waiting.push({ turn, done, failed });
      if (!this.#isScheduled) {
        this.#isScheduled = true;
        setImmediate(() => this.#flush());
      }
    });
  }

  /** Nothing is committed any more: what waits was acknowledged to nobody. */
  close(): void {
    this.#isClosed = true;
    this.#waiting = [];
  }

  #flush(): void {
    this.#isScheduled = false;
    if (this.#isClosed) return;
    const batch = this.#waiting.slice(0, BATCH_MAX);
    this.#waiting = this.#waiting.slice(BATCH_MAX);
    if (this.#waiting.length > 0) {
      this.#isScheduled = true;
      setImmediate(() => this.#flush());
    }
    let outcomes: readonly (CommitReceipt | UmbradError)[];
    try {
      outcomes = this.#store.commitAll(batch.map((waiting) => waiting.turn));
    } catch (error) {
      for (const waiting of batch) waiting.failed(error);
      return;
    }
    for (const [position, waiting] of batch.entries()) {
      const outcome = outcomes[position];
      if (outcome === undefined) waiting.failed(new InvariantError("a store answers for every turn it was given"));
      else if (outcome instanceof UmbradError) waiting.failed(outcome);
      else waiting.done(outcome);
    }
  }
}
