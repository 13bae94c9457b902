/**
 * Notices that somebody has set the clock of the wall back, before rows that wait for a time of it are looked at: else
 * nothing would be published, looked for or repeated until that clock has caught up.
 */
import { CLOCK_SET_BACK_MS } from "../limits.ts";
import type { Clock, Log, Store } from "../ports.ts";

interface SetBackDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
}

export class SetBack {
  readonly #deps: SetBackDeps;
  /** What the clock of the wall had more than the steady one. */
  #aheadMs: number;

  constructor(deps: SetBackDeps) {
    this.#deps = deps;
    this.#aheadMs = aheadMs(deps.clock);
  }

  /** Throws what a commit throws; then the next look tries again. */
  look(): void {
    const { store, clock, log } = this.#deps;
    const ahead = aheadMs(clock);
    const byMs = this.#aheadMs - ahead;
    if (byMs >= CLOCK_SET_BACK_MS) {
      store.clockSetBack(clock.now(), byMs);
      const fields = { event: "clock.set-back", component: "clock", seconds: Math.round(byMs / 1000) };
      log.warn(fields, "this machine's clock was set back: what waits is due as if it had not been");
    }
    // A clock that is only slowed down has nothing to make up for, however long that takes.
    this.#aheadMs = ahead;
  }
}

function aheadMs(clock: Clock): number {
  return clock.now() - clock.steady();
}
