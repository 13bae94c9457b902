/** Fires timer rows, and words between conversations, when they are due: each becomes a turn, and its row goes in that turn's commit. */
import { TIMER_BATCH_MAX, TIMER_RETRY_MS } from "../limits.ts";
import type { Clock, Log, Store, TimerRow } from "../ports.ts";
import { timerInput } from "../turn/turn.ts";
import type { Turns } from "../turn/turns.ts";
import { Alarm } from "./alarm.ts";

interface TimerDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly turns: Turns;
}

export class TimerLoop {
  readonly #deps: TimerDeps;
  readonly #alarm: Alarm;
  readonly #running = new Set<string>();
  /** Timers whose turn failed through our fault, with the way to cancel their next try. */
  readonly #failed = new Map<string, () => void>();

  constructor(deps: TimerDeps) {
    this.#deps = deps;
    const onFault = (error: unknown) =>
      deps.log.error({ event: "timer.unreadable", component: "timers", err: error }, "the timers could not be read");
    this.#alarm = new Alarm({ clock: deps.clock, look: () => this.#look(), onFault });
  }

  /** Looks again: call after every commit that set timers, and once at start. */
  wake(): void {
    this.#alarm.wake();
  }

  stop(): void {
    this.#alarm.stop();
    for (const cancel of this.#failed.values()) cancel();
  }

  #look(): void {
    const { store, clock } = this.#deps;
    const now = clock.now();
    const known = this.#running.size + this.#failed.size;
    for (const timer of store.timersDue(now, known + TIMER_BATCH_MAX)) if (!this.#isBusy(timer)) this.#fire(timer);
    // Timers that are firing are rows still; their end looks again.
    if (this.#running.size > 0) return;
    const next = this.#nextDueMs();
    if (next !== undefined) this.#alarm.set(Math.max(0, next - now));
  }

  /** Past those that failed: one broken timer must not make all others late. */
  #nextDueMs(): number | undefined {
    const { store } = this.#deps;
    if (this.#failed.size === 0) return store.timersNextDueMs();
    const earliest = store.timersDue(Number.MAX_SAFE_INTEGER, this.#failed.size + 1);
    return earliest.find((timer) => !this.#isBusy(timer))?.atMs;
  }

  #isBusy(timer: TimerRow): boolean {
    const key = keyOf(timer);
    return this.#running.has(key) || this.#failed.has(key);
  }

  #fire(timer: TimerRow): void {
    const key = keyOf(timer);
    this.#running.add(key);
    const { turns, clock, store } = this.#deps;
    turns
      .run(timer.conversation, () => ({ input: timerInput(timer), origin: { firedTimer: timer } }))
      .then((outcome) => {
        if (outcome.kind !== "accepted") store.commit({ atMs: clock.now(), conversations: [], firedTimer: timer });
      })
      .catch((error: unknown) => this.#retryLater(timer, error))
      .finally(() => {
        this.#running.delete(key);
        this.#alarm.wake();
      });
  }

  #retryLater(timer: TimerRow, error: unknown): void {
    const { log, clock } = this.#deps;
    const { conversation, name } = timer;
    log.error(
      { event: "timer.failed", component: "timers", conversation: `c${conversation}`, timer: name, err: error },
      "a timer's turn failed and will be repeated",
    );
    const cancel = clock.after(TIMER_RETRY_MS, () => {
      this.#failed.delete(keyOf(timer));
      this.#alarm.wake();
    });
    this.#failed.set(keyOf(timer), cancel);
  }
}

function keyOf({ conversation, name }: TimerRow): string {
  return `${conversation}/${name}`;
}
