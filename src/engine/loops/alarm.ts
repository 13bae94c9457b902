/**
 * When a loop looks at its rows: soon after `wake`, once for any number of calls, or when a time has come. A look that
 * throws never reaches the turn that woke it, which is committed already; it is repeated.
 */
import { LOOK_RETRY_MS } from "../limits.ts";
import type { Clock } from "../ports.ts";

interface AlarmDeps {
  readonly clock: Clock;
  readonly look: () => void;
  /** The environment failed: the rows could not be read. */
  readonly onFault: (error: unknown) => void;
  /** While it says yes nobody looks: what a look begins could not be written. Whoever says no again wakes. */
  readonly isHeld?: (() => boolean) | undefined;
}

export class Alarm {
  readonly #deps: AlarmDeps;
  #cancel: (() => void) | undefined;
  #isAwake = false;
  #isStopped = false;

  constructor(deps: AlarmDeps) {
    this.#deps = deps;
  }

  wake(): void {
    if (this.#isAwake || this.#isStopped) return;
    this.#isAwake = true;
    setImmediate(() => this.#ring());
  }

  /** Replaces the time set before. Each look forgets it. */
  set(delayMs: number): void {
    this.#cancel?.();
    if (!this.#isStopped) this.#cancel = this.#deps.clock.after(delayMs, () => this.#ring());
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel?.();
  }

  #ring(): void {
    this.#isAwake = false;
    if (this.#isStopped) return;
    this.#cancel?.();
    this.#cancel = undefined;
    if (this.#deps.isHeld?.()) return;
    try {
      this.#deps.look();
    } catch (error) {
      this.#deps.onFault(error);
      this.set(LOOK_RETRY_MS);
    }
  }
}
