/** A clock that a test moves. After each timer the engine gets rounds of the event loop to finish what it began. */
import { randomBytes } from "node:crypto";
import type { Clock } from "../../../src/engine/ports.ts";

/** A commit, its alarm and what they start take one round each; slow probes take more and are awaited by name. */
const ROUNDS = 8;

export class SteppingClock implements Clock {
  #nowMs: number;
  #setMs = 0;
  readonly #timers = new Set<{ readonly atMs: number; readonly run: () => void }>();

  constructor(nowMs = 1_800_000_000_000) {
    this.#nowMs = nowMs;
  }

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
    return new Uint8Array(randomBytes(length));
  }

  after(delayMs: number, run: () => void): () => void {
    const timer = { atMs: this.#nowMs + Math.max(0, delayMs), run };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  /** Runs everything due until then, in order, and what that makes due. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    await rounds(ROUNDS);
    for (;;) {
      const next = [...this.#timers].filter(({ atMs }) => atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)[0];
      if (next === undefined) break;
      this.#timers.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.run();
      await rounds(ROUNDS);
    }
    this.#nowMs = untilMs;
  }

  /** What is due now. */
  settle(): Promise<void> {
    return this.advance(0);
  }

  get timers(): number {
    return this.#timers.size;
  }
}

export async function rounds(count: number): Promise<void> {
  for (let round = 0; round < count; round += 1) await new Promise((resolve) => setImmediate(resolve));
}
