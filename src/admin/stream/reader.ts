/** The reader at the other end of a stream: whether it keeps up, and when there is something for it. Knows no contents. */
import type { ServerResponse } from "node:http";
import type { StreamPace } from "../event-stream.ts";

/** Waits while the reader is behind; false when it is gone, cut, or stalled. */
export async function drained(
  response: ServerResponse,
  signal: AbortSignal,
  pace: StreamPace,
  bell: Bell,
): Promise<boolean> {
  const deadline = performance.now() + pace.stalledMs;
  while (response.writableNeedDrain && !response.destroyed && !signal.aborted) {
    if (response.writableLength > pace.unsentBytesMax) return false;
    const leftMs = deadline - performance.now();
    if (leftMs <= 0) return false;
    // New events ring too, so only the deadline tells that this reader stands still.
    await bell.waitAtMost(leftMs);
  }
  return !response.destroyed && !signal.aborted;
}

/** Remembers one ring, so that none between looking and waiting is lost. */
export class Bell {
  #rung = false;
  #wake: (() => void) | undefined;

  ring(): void {
    this.#rung = true;
    this.#wake?.();
  }

  async wait(): Promise<void> {
    if (!this.#rung) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    this.#wake = undefined;
    this.#rung = false;
  }

  async waitAtMost(milliseconds: number): Promise<void> {
    const timer = setTimeout(() => this.ring(), milliseconds);
    try {
      await this.wait();
    } finally {
      clearTimeout(timer);
    }
  }
}
