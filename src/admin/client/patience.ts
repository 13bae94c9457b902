/** What a program need not notice: a daemon that starts again, is busy, or cuts a connection. */
import { setTimeout as sleep } from "node:timers/promises";
import { UmbradError } from "../../engine/errors.ts";
import { problemOf } from "../problem.ts";

const pauseMsMin = 100;
const pauseMsMax = 5_000;

/** Whether the same request can succeed later, as docs/exit-codes.md says of the code. */
export function isRetryable(error: unknown): error is UmbradError {
  return error instanceof UmbradError && problemOf(error.code).retryable;
}

/**
 * Whether the daemon refused this one message: it is too large, its conversation was left, its contact is blocked, too much
 * waits for its peer. Repeating it at once changes nothing, and others may still be sent.
 */
export function isRefused(error: unknown): error is UmbradError {
  return error instanceof UmbradError && /^(message|conversation|contact|command)\//.test(error.code);
}

/** Pauses that double, from a tenth of a second up to five. */
export class Pauses {
  #nextMs = pauseMsMin;

  /** It works again. */
  reset(): void {
    this.#nextMs = pauseMsMin;
  }

  /** The next one is longer. Ends early with the signal. */
  async wait(signal?: AbortSignal): Promise<void> {
    const ms = this.#nextMs;
    this.#nextMs = Math.min(pauseMsMax, ms * 2);
    await sleep(ms, undefined, signal === undefined ? {} : { signal }).catch(() => {});
  }
}

/** Only for what is done once however often it is asked for: repeats it, for so long, while the daemon cannot do it. */
export async function patiently<Answer>(patienceMs: number, ask: () => Promise<Answer>): Promise<Answer> {
  const endMs = performance.now() + patienceMs;
  const pauses = new Pauses();
  while (true) {
    try {
      return await ask();
    } catch (error) {
      if (!isRetryable(error) || isRefused(error) || performance.now() >= endMs) throw error;
    }
    await pauses.wait();
  }
}
