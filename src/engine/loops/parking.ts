/** Tries parked envelopes again: readable, ours, and kept because of our own fault. */

import { PARKED_RETRY_MIN_MS, TIMER_BATCH_MAX } from "../limits.ts";
import type { Clock, Log, ParkedRow, Store } from "../ports.ts";
import type { Intake } from "../routing/intake.ts";
import { Alarm } from "./alarm.ts";
import type { SetBack } from "./set-back.ts";

interface ParkingDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly setBack: SetBack;
  readonly intake: Intake;
  readonly log: Log;
  /** As in the alarm. */
  readonly isHeld?: (() => boolean) | undefined;
}

export class ParkingLoop {
  readonly #deps: ParkingDeps;
  readonly #alarm: Alarm;
  readonly #running = new Set<number>();
  #isStart = false;

  constructor(deps: ParkingDeps) {
    this.#deps = deps;
    this.#alarm = new Alarm({
      clock: deps.clock,
      look: () => this.#look(),
      onFault: (error) => this.#tell(error),
      isHeld: deps.isHeld,
    });
  }

  /** At start the oldest are tried whatever their time: the new process may have the mended code. */
  wake(isStart = false): void {
    this.#isStart ||= isStart;
    this.#alarm.wake();
  }

  stop(): void {
    this.#alarm.stop();
  }

  #look(): void {
    const { store, clock, setBack } = this.#deps;
    setBack.look();
    const now = clock.now();
    const dueMs = this.#isStart ? Number.MAX_SAFE_INTEGER : now;
    for (const row of store.parkedDue(dueMs, this.#running.size + TIMER_BATCH_MAX)) {
      if (!this.#running.has(row.id)) this.#retry(row);
    }
    this.#isStart = false;
    const next = store.parkedNextDueMs();
    if (next !== undefined) this.#alarm.set(Math.max(PARKED_RETRY_MIN_MS, next - now));
  }

  #retry(row: ParkedRow): void {
    this.#running.add(row.id);
    this.#deps.intake
      .retry(row)
      .catch((error: unknown) => this.#tell(error))
      .finally(() => this.#running.delete(row.id));
  }

  #tell(error: unknown): void {
    this.#deps.log.error(
      { event: "parked.unreadable", component: "parking", err: error },
      "the parked envelopes could not be read or changed",
    );
  }
}
