/**
 * Time that passes only when everything has come to rest: the next timer runs when nothing is left to do at this instant.
 * Nodes do no I/O here, so all that can be left are microtasks and immediates, and Node says how many immediates wait.
 */

interface Entry {
  readonly atMs: number;
  /** Of two timers of one instant the one set first runs first. */
  readonly order: number;
  readonly run: () => void;
  isCancelled: boolean;
}

export class VirtualClock {
  #nowMs: number;
  #order = 0;
  /** A binary heap, earliest first. */
  readonly #heap: Entry[] = [];
  /** Timers that have run. */
  fired = 0;
  #atRest: (() => void)[] = [];

  constructor(nowMs = 1_800_000_000_000) {
    this.#nowMs = nowMs;
  }

  now(): number {
    return this.#nowMs;
  }

  after(delayMs: number, run: () => void): () => void {
    const entry = { atMs: this.#nowMs + Math.max(0, delayMs), order: this.#order, run, isCancelled: false };
    this.#order += 1;
    this.#push(entry);
    return () => {
      entry.isCancelled = true;
    };
  }

  /** Runs when all that the present timer has begun has come to its end, before time goes on. */
  atRest(run: () => void): void {
    this.#atRest.push(run);
  }

  /** Lets time pass until then, or until `isOver` says so; whoever waits for it may be answered on the way. */
  async runUntil(untilMs: number, isOver: () => boolean = () => false): Promise<void> {
    await settle();
    while (!isOver()) {
      const next = this.#heap[0];
      if (next === undefined || next.atMs > untilMs) {
        this.#nowMs = Math.max(this.#nowMs, untilMs);
        return;
      }
      this.#pop();
      if (next.isCancelled) continue;
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      this.fired += 1;
      next.run();
      await settle();
      const resting = this.#atRest;
      this.#atRest = [];
      for (const run of resting) run();
    }
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(entry);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent] as Entry;
      if (!isBefore(entry, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Entry, heap[child] as Entry)) child += 1;
      if (!isBefore(heap[child] as Entry, last)) break;
      heap[at] = heap[child] as Entry;
      at = child;
    }
    heap[at] = last;
  }
}

function isBefore(one: Entry, other: Entry): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order);
}

/**
 * Resolves when nothing can happen any more without a timer. Between two immediates all microtasks run to their end, so
 * at the end of a round nothing but further immediates can be left.
 */
export async function settle(): Promise<void> {
  do await new Promise<void>((resolve) => setImmediate(resolve));
  while (process.getActiveResourcesInfo().includes("Immediate"));
}
