/** All that sending takes, put together: envelopes that leave, timers that make them, the quota they pay from. */
import type { Counters } from "../counters.ts";
import type { Clock, EventRow, Log, Store, Transport } from "../ports.ts";
import { Quota, type QuotaRule } from "../quota/quota.ts";
import type { AcceptedTurn, Turns } from "../turn/turns.ts";
import { ConfirmationLoop } from "./confirmation.ts";
import { OutboxLoop } from "./outbox.ts";
import type { SetBack } from "./set-back.ts";
import { TimerLoop } from "./timers.ts";

interface SendingDeps {
  readonly store: Store;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly setBack: SetBack;
  readonly log: Log;
  readonly counters: Counters;
  readonly turns: Turns;
  readonly quota: Quota | undefined;
  readonly onEvents: (events: readonly EventRow[]) => void;
  /** As in the outbox. */
  readonly shiftMs: () => number;
  /** As in the alarm. */
  readonly isHeld: () => boolean;
}

/** undefined: the network does not count. */
export function openQuota(store: Store, clock: Clock, rule: QuotaRule | undefined): Quota | undefined {
  return rule === undefined ? undefined : new Quota({ store, clock, rule });
}

export class Sending {
  readonly outbox: OutboxLoop;
  readonly #timers: TimerLoop;
  readonly #confirmation: ConfirmationLoop;

  constructor({ counters, turns, quota, ...deps }: SendingDeps) {
    const { store, clock, setBack, log, isHeld } = deps;
    this.outbox = new OutboxLoop({
      ...deps,
      counters,
      turns,
      quota,
      onPublished: () => this.#confirmation.wake(),
    });
    this.#confirmation = new ConfirmationLoop({ ...deps, onOutbox: () => this.outbox.wake() });
    this.#timers = new TimerLoop({ store, clock, setBack, log, turns, quota, isHeld });
  }

  start(): void {
    this.#timers.wake();
    this.outbox.wake();
    this.#confirmation.wake();
  }

  /** A turn was committed. */
  onWrote(wrote: AcceptedTurn["wrote"]): void {
    if (wrote.outbox) this.outbox.wake();
    if (wrote.timers) this.#timers.wake();
  }

  /** A service node is there. */
  onConnected(): void {
    this.outbox.resume();
    this.#confirmation.resume();
  }

  /** The disk takes writes again. */
  onDisk(): void {
    this.#timers.wake();
    this.onConnected();
  }

  /** No timer fires any more; what was begun goes on. */
  stopTimers(): void {
    this.#timers.stop();
  }

  stop(): void {
    this.outbox.stop();
    this.#confirmation.stop();
  }
}
