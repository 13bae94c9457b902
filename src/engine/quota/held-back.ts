/** Says once that envelopes wait for the network's quota, and once that none does any more: never for each of them. */
import { QUOTA_FREE_PART } from "../limits.ts";
import type { Clock, EventRow, Log, NewEvent, Store } from "../ports.ts";
import type { Quota } from "./quota.ts";

interface HeldBackDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly quota: Quota;
  readonly onEvents: (events: readonly EventRow[]) => void;
}

export class HeldBack {
  readonly #deps: HeldBackDeps;
  #isTold = false;

  constructor(deps: HeldBackDeps) {
    this.#deps = deps;
  }

  /** After each look at the outbox. Returns when the next look is due for this. */
  note(isHeldBack: boolean): number | undefined {
    const { store, quota, clock, log } = this.#deps;
    const { publications, windowMs } = quota.rule;
    if (isHeldBack && !this.#isTold) {
      this.#isTold = true;
      const fields = { event: "quota.exhausted", component: "outbox", publications, window_ms: windowMs };
      log.warn(fields, "the network's quota is used up: envelopes wait and leave in their order");
      this.#append({ type: "quota.exhausted", data: { publications, windowMs } });
    }
    if (isHeldBack) return quota.nextAtMs();
    if (!this.#isTold) return undefined;
    // A place that becomes free now and then is no news, nor is a queue that fits only in part.
    if (quota.left() < Math.max(store.outboxCount(), publications / QUOTA_FREE_PART))
      return clock.now() + windowMs / QUOTA_FREE_PART;
    this.#isTold = false;
    log.info({ event: "quota.free", component: "outbox" }, "no envelope waits for the network's quota any more");
    this.#append({ type: "quota.free" });
    return undefined;
  }

  /** Why an envelope waits; undefined: not for the quota. */
  reason(): string | undefined {
    const { quota } = this.#deps;
    if (quota.left() > 0) return undefined;
    const { publications, windowMs } = quota.rule;
    const at = new Date(quota.nextAtMs()).toISOString();
    return `the network takes ${publications} envelopes in ${Math.round(windowMs / 1000)} s; the next may leave at ${at}`;
  }

  /** A log that cannot be written must not stop what may leave. */
  #append(event: NewEvent): void {
    const { store, clock, log, onEvents } = this.#deps;
    try {
      onEvents([store.appendEvent(event, clock.now())]);
    } catch (error) {
      log.error({ event: "outbox.unreadable", component: "outbox", err: error }, "an event could not be written");
    }
  }
}
