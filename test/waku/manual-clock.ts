/** A clock that stands still until a test moves it: pings and lingering subscriptions take no real minute. */
import type { Clock } from "../../src/engine/ports.ts";

export class ManualClock implements Clock {
  #nowMs = Date.now();
  #setMs = 0;
  readonly #timers = new Map<object, { readonly atMs: number; readonly run: () => void }>();

  now(): number {
    return this.#nowMs + this.#setMs;
  }

  steady(): number {
    return this.#nowMs;
  }

  /** Somebody sets the clock of the wall; no time passes. */
  set(byMs: number): void {
    this.#setMs += byMs;
  }

  random(length: number): Uint8Array {
    return new Uint8Array(length).fill(128);
  }

  after(delayMs: number, run: () => void): () => void {
    const key = {};
    this.#timers.set(key, { atMs: this.#nowMs + delayMs, run });
    return () => void this.#timers.delete(key);
  }

  /** Moves time, running what is due in order, and lets promises settle in between. */
  async advance(ms: number): Promise<void> {
    const until = this.#nowMs + ms;
    for (;;) {
      const due = [...this.#timers].filter(([, { atMs }]) => atMs <= until);
      const next = due.sort(([, one], [, other]) => one.atMs - other.atMs)[0];
      if (next === undefined) break;
      this.#timers.delete(next[0]);
      this.#nowMs = Math.max(this.#nowMs, next[1].atMs);
      next[1].run();
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.#nowMs = until;
  }

  get timers(): number {
    return this.#timers.size;
  }
}
