/** What operators do about parked envelopes: look, try again, forget. */
import { handleOf } from "../conversations.ts";
import { UmbradError } from "../errors.ts";
import type { ParkingLoop } from "../loops/parking.ts";
import type { Clock, Store } from "../ports.ts";
import type { ParkedApi } from "./port.ts";

interface DeskDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly parking: ParkingLoop;
}

export class ParkedDesk implements ParkedApi {
  readonly #deps: DeskDeps;

  constructor(deps: DeskDeps) {
    this.#deps = deps;
  }

  list(limit: number): ReturnType<ParkedApi["list"]> {
    const { store } = this.#deps;
    const parked = store.parkedList(limit).map((row) => ({
      id: row.id,
      conversation: handleOf(row.conversation),
      errorCode: row.errorCode,
      attempts: row.attempts,
      bytes: row.payload.length,
      parkedAtMs: row.parkedAtMs,
      nextAtMs: row.dueAtMs,
    }));
    return { parked, total: store.parkedCount() };
  }

  retry(id?: number): number {
    const { store, clock, parking } = this.#deps;
    if (id !== undefined && !store.parkedHasten(id, clock.now())) throw unknown(id);
    // All of them as at a start.
    parking.wake(id === undefined);
    return id === undefined ? store.parkedCount() : 1;
  }

  drop(id: number): void {
    const { store, clock } = this.#deps;
    if (!store.parkedHasten(id, clock.now())) throw unknown(id);
    store.parkedDrop(id);
  }
}

function unknown(id: number): UmbradError {
  return new UmbradError("parked/unknown", `no envelope is parked under the number ${id}`, {
    hint: "umbrad parked list",
  });
}
