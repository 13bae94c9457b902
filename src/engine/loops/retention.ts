/** Ends the past: deletes old events, a few at a time, so that turns go on in between. */
import {
  EVENTS_AGE_MAX_MS,
  EVENTS_MAX,
  RETENTION_BATCH_MAX,
  RETENTION_LOOK_MS,
  RETENTION_PAUSE_MS,
  UNACKNOWLEDGED_AGE_MAX_MS,
} from "../limits.ts";
import type { Clock, Log, Store } from "../ports.ts";
import { Alarm } from "./alarm.ts";

/** How long the past is kept; what is absent has a generous default. */
export interface Retention {
  /** Events older than this go when every consumer has acknowledged them. */
  readonly eventsMs?: number | undefined;
  /** So many events are kept; older ones go when every consumer has acknowledged them. */
  readonly eventsMax?: number | undefined;
  /** Events older than this go in any case. */
  readonly unacknowledgedMs?: number | undefined;
  /** The content of messages older than this goes; absent: none does. */
  readonly messagesMs?: number | undefined;
}

interface RetentionDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly retention: Retention;
  /** As in the alarm. */
  readonly isHeld?: (() => boolean) | undefined;
}

export class RetentionLoop {
  readonly #deps: RetentionDeps;
  readonly #alarm: Alarm;
  /** Deleted since the loop last had nothing to do. */
  #deleted = 0;

  constructor(deps: RetentionDeps) {
    this.#deps = deps;
    const onFault = (error: unknown) =>
      deps.log.warn(
        { event: "retention.failed", component: "retention", err: error },
        "old events could not be deleted",
      );
    this.#alarm = new Alarm({ clock: deps.clock, look: () => this.#look(), onFault, isHeld: deps.isHeld });
  }

  wake(): void {
    this.#alarm.wake();
  }

  stop(): void {
    this.#alarm.stop();
  }

  #look(): void {
    const { store, clock, log, retention } = this.#deps;
    const now = clock.now();
    const eventsMs = retention.eventsMs ?? EVENTS_AGE_MAX_MS;
    const bounds = {
      beforeMs: now - eventsMs,
      keep: retention.eventsMax ?? EVENTS_MAX,
      // A last bound below the first one would delete what consumers may still want.
      unacknowledgedBeforeMs: now - Math.max(eventsMs, retention.unacknowledgedMs ?? UNACKNOWLEDGED_AGE_MAX_MS),
    };
    const deleted = store.pruneEvents(bounds, RETENTION_BATCH_MAX);
    this.#deleted += deleted;
    if (deleted === RETENTION_BATCH_MAX) return this.#alarm.set(RETENTION_PAUSE_MS);
    if (this.#deleted > 0) {
      log.debug({ event: "retention.deleted", component: "retention", events: this.#deleted }, "old events are gone");
      this.#deleted = 0;
    }
    this.#alarm.set(RETENTION_LOOK_MS);
  }
}
