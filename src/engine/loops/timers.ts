/**
 * Fires timer rows, and words between conversations, when they are due: each becomes a turn, and its row goes in that
 * turn's commit. Where a quota counts, those that publish acknowledgements and repetitions wait for a token besides
 * (profile 8.9-3); the turn that uses it spends it in its own commit.
 */
import { TIMER_BATCH_MAX, TIMER_RETRY_MS, TOKENS_AT_ONCE_MAX } from "../limits.ts";
import type { Clock, Log, Spend, Store, TimerChoice, TimerRow } from "../ports.ts";
import { FairShare } from "../quota/fair-share.ts";
import type { Quota } from "../quota/quota.ts";
import { timerInput } from "../turn/turn.ts";
import type { Turns } from "../turn/turns.ts";
import { Alarm } from "./alarm.ts";
import type { SetBack } from "./set-back.ts";

interface TimerDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly setBack: SetBack;
  readonly log: Log;
  readonly turns: Turns;
  readonly quota: Quota | undefined;
  /** As in the alarm. */
  readonly isHeld?: (() => boolean) | undefined;
}

/** The right to publish so many acknowledgements and repetitions. */
interface Grant {
  readonly quota: Quota;
  readonly tokens: number;
}

export class TimerLoop {
  readonly #deps: TimerDeps;
  readonly #alarm: Alarm;
  readonly #fair = new FairShare();
  readonly #running = new Map<string, TimerRow>();
  /** Timers whose turn failed through our fault, with the way to cancel their next try. */
  readonly #failed = new Map<string, () => void>();

  constructor(deps: TimerDeps) {
    this.#deps = deps;
    const onFault = (error: unknown) =>
      deps.log.error({ event: "timer.unreadable", component: "timers", err: error }, "the timers could not be read");
    this.#alarm = new Alarm({ clock: deps.clock, look: () => this.#look(), onFault, isHeld: deps.isHeld });
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
    const { store, clock, quota, setBack } = this.#deps;
    setBack.look();
    const now = clock.now();
    const known = this.#running.size + this.#failed.size;
    const free = quota === undefined ? "any" : "free";
    for (const timer of store.timersDue(now, known + TIMER_BATCH_MAX, free))
      if (!this.#isBusy(timer)) this.#fire(timer);
    const tokenAtMs = quota === undefined ? undefined : this.#grant(quota, now);
    // Timers that are firing are rows still; their end looks again.
    if (this.#running.size > 0) return;
    const times = [this.#nextDueMs(free), tokenAtMs].filter((time) => time !== undefined);
    if (times.length > 0) this.#alarm.set(Math.max(0, Math.min(...times) - now));
  }

  /** Gives tokens to those that wait for one. Returns when there may be more to give. */
  #grant(quota: Quota, now: number): number | undefined {
    while (quota.tokens() > 0) {
      const waiting = this.#waiting("token", now);
      const chosen = this.#fair.choose(this.#waiting("acknowledgement", now), waiting);
      if (chosen === undefined) return this.#nextDueMs("token");
      // Whoever waits alone may repeat several messages at once.
      const isAlone = waiting.every(({ conversation }) => conversation === chosen.conversation);
      const tokens = isAlone ? Math.min(TOKENS_AT_ONCE_MAX, quota.tokens()) : 1;
      quota.take(tokens);
      this.#fire(chosen, { quota, tokens });
    }
    if (this.#waiting("token", now).length > 0) return quota.nextTokenAtMs();
    return this.#nextDueMs("token");
  }

  /** The first ones; a conversation that has a token in hand is none of them. */
  #waiting(which: TimerChoice, now: number): TimerRow[] {
    const holders = new Set(
      [...this.#running.values()].filter(({ needs }) => needs).map((timer) => timer.conversation),
    );
    // Each has two such timers at most, and one conversation beside the chosen one must be seen.
    const limit = 2 * (this.#running.size + this.#failed.size) + 4;
    const due = this.#deps.store.timersDue(now, limit, which);
    return due.filter((timer) => !this.#isBusy(timer) && !holders.has(timer.conversation));
  }

  /** Past those that failed: one broken timer must not make all others late. */
  #nextDueMs(which: TimerChoice): number | undefined {
    const { store } = this.#deps;
    const busy = this.#failed.size + this.#running.size;
    if (busy === 0) return store.timersNextDueMs(which);
    const earliest = store.timersDue(Number.MAX_SAFE_INTEGER, busy + 1, which);
    return earliest.find((timer) => !this.#isBusy(timer))?.atMs;
  }

  #isBusy(timer: TimerRow): boolean {
    const key = keyOf(timer);
    return this.#running.has(key) || this.#failed.has(key);
  }

  #fire(timer: TimerRow, grant?: Grant): void {
    const key = keyOf(timer);
    this.#running.set(key, timer);
    const { turns, clock, store } = this.#deps;
    let used = 0;
    const charge = (envelopes: number): Spend => {
      used = envelopes;
      return grant?.quota.shareSpend(envelopes) ?? {};
    };
    const paying = grant === undefined ? {} : { charge };
    turns
      .run(timer.conversation, () => ({
        input: timerInput(timer, grant?.tokens),
        origin: { firedTimer: timer, ...paying },
      }))
      .then((outcome) => {
        if (outcome.kind === "accepted") return;
        used = 0;
        store.commit({ atMs: clock.now(), conversations: [], firedTimer: timer });
      })
      .catch((error: unknown) => {
        used = 0;
        this.#retryLater(timer, error);
      })
      .finally(() => {
        if (grant !== undefined) grant.quota.giveBack(grant.tokens - used);
        this.#running.delete(key);
        this.#alarm.wake();
      });
  }

  #retryLater(timer: TimerRow, error: unknown): void {
    const { log, clock, isHeld } = this.#deps;
    // Not this timer's fault: it fires with the others when the disk takes writes again.
    if (isHeld?.()) return;
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
