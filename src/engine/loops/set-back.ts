/**
 * Notices that somebody has set the clock of the wall back, before rows that wait for a time of it are looked at: else
 * nothing would be published, looked for or repeated until that clock has caught up. While the daemon runs the steady clock
 * tells; at its start, that it was at work at a time that has yet to come (a clock that was wrong and was corrected).
 */
import { CLOCK_NOTE_MS, CLOCK_SET_BACK_MS } from "../limits.ts";
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
  #notedAtMs = Number.NEGATIVE_INFINITY;

  /** Of a store that nothing has run on yet. Throws what a commit throws. */
  static open(deps: SetBackDeps): SetBack {
    const { store, clock } = deps;
    const setBack = new SetBack(deps);
    const now = clock.now();
    const byMs = (store.ranAtMs() ?? now) - now;
    if (byMs >= CLOCK_SET_BACK_MS) {
      // First: found again after a crash between the two.
      store.forgetCursorsAfter(now);
      setBack.#move(byMs, "before this start");
    }
    return setBack;
  }

  private constructor(deps: SetBackDeps) {
    this.#deps = deps;
    this.#aheadMs = aheadMs(deps.clock);
  }

  /** Throws what a commit throws; then the next look tries again. */
  look(): void {
    const ahead = aheadMs(this.#deps.clock);
    const byMs = this.#aheadMs - ahead;
    if (byMs >= CLOCK_SET_BACK_MS) this.#move(byMs, "while we ran");
    // A clock that is only slowed down has nothing to make up for, however long that takes.
    this.#aheadMs = ahead;
    this.#note();
  }

  #move(byMs: number, when: string): void {
    const { store, clock, log } = this.#deps;
    store.clockSetBack(clock.now(), byMs);
    const fields = { event: "clock.set-back", component: "clock", seconds: Math.round(byMs / 1000), when };
    log.warn(fields, `this machine's clock was set back ${when}: what waits is due as if it had not been`);
  }

  /** Rows are dated by turns, and each turn that dates one is followed by a look. */
  #note(): void {
    const { store, clock } = this.#deps;
    if (clock.steady() - this.#notedAtMs < CLOCK_NOTE_MS) return;
    this.#notedAtMs = clock.steady();
    try {
      store.ran(clock.now());
    } catch {
      // The disk's fault is said once for all, and what the look is for goes on.
    }
  }
}

function aheadMs(clock: Clock): number {
  return clock.now() - clock.steady();
}
