/** Time and chance as the engine wants them, and what a store does when the clock of the wall was set back. */

export interface Clock {
  /** Unix ms: for what is dated, on the wire, on disk and for people. Somebody may set it, back or forwards. */
  now(): number;
  /** Whole ms since some moment of this process, by a clock that nobody sets: for intervals. Means nothing outside of it. */
  steady(): number;
  random(length: number): Uint8Array;
  /** One-shot, by the steady clock; returns a cancel function. */
  after(delayMs: number, run: () => void): () => void;
}

/** Part of the Store port: rows that wait are due by the clock of the wall, so that they outlive the process. */
export interface DatedRows {
  /**
   * The clock was set back by so much: what is due later than `nowMs` is due so much earlier, and what came or left later is
   * so much older, as if it had been written after the step. Timers that stand for a date (when a link ends) stay.
   */
  clockSetBack(nowMs: number, byMs: number): void;
  /** The daemon was at work at that time of the wall's clock; `clockSetBack` says so too. */
  ran(atMs: number): void;
  ranAtMs(): number | undefined;
  /** Cursors that are later than now begin at the beginning: nobody knows since when they were wrong. */
  forgetCursorsAfter(nowMs: number): void;
}
