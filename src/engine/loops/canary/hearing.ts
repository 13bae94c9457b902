/** What canaries say of our hearing: whether we hear, since when not, and up to when we surely have heard everything. */
import { CANARY_MISSES_MAX } from "../../limits.ts";
import type { Meter } from "../../port/meter.ts";
import type { Clock, Log, NewEvent } from "../../ports.ts";
import type { CanaryStatus } from "./status.ts";

interface HearingDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly meter?: Meter | undefined;
  readonly tell: (event: NewEvent) => void;
  readonly onChange: () => void;
  /** What was sent while we were deaf has to be read from a Store node. */
  readonly onRecovered: () => void;
}

/** When a canary left. */
export interface Departure {
  /** By the steady clock. */
  readonly sentAtMs: number;
  /** The same by the clock of the wall. */
  readonly sentOnMs: number;
}

export class Hearing {
  readonly #deps: HearingDeps;
  /** Since something came back. */
  #misses = 0;
  #silentSinceMs: number;
  /** When what came back last had left, by the clock of the wall as it was. */
  #heardOnMs = Number.NEGATIVE_INFINITY;
  #deafAtMs: number | undefined;
  #status: Omit<CanaryStatus, "silentNodes">;

  constructor(deps: HearingDeps, isOff: boolean) {
    this.#deps = deps;
    this.#silentSinceMs = deps.clock.steady();
    this.#status = { state: isOff ? "off" : "waiting", rttMs: undefined, heardAtMs: undefined, reason: undefined };
  }

  status(): Omit<CanaryStatus, "silentNodes"> {
    return this.#status;
  }

  /** Without canaries we can but believe that we hear. */
  throughMs(nowMs: number): number {
    const { state, heardAtMs = Number.NEGATIVE_INFINITY } = this.#status;
    if (state === "off") return nowMs;
    // Whichever way the clock was set meanwhile, the earlier of the two is sure.
    return Math.min(this.#heardOnMs, nowMs - (this.#deps.clock.steady() - heardAtMs));
  }

  /** Something can come back from now on. */
  begin(): void {
    if (this.#status.heardAtMs === undefined) this.#silentSinceMs = this.#deps.clock.steady();
  }

  /** It left later than all that came back. */
  isNews({ sentAtMs }: Departure): boolean {
    return sentAtMs > (this.#status.heardAtMs ?? Number.NEGATIVE_INFINITY);
  }

  /** A canary came back. */
  heard({ sentAtMs, sentOnMs }: Departure): void {
    const { clock, meter, log, tell, onRecovered } = this.#deps;
    const now = clock.steady();
    this.#misses = 0;
    this.#heardOnMs = sentOnMs;
    meter?.returned(now - sentAtMs);
    this.#set({ state: "hearing", rttMs: now - sentAtMs, heardAtMs: sentAtMs, reason: undefined });
    if (this.#deafAtMs === undefined) return;
    const deafMs = now - this.#deafAtMs;
    this.#deafAtMs = undefined;
    log.warn({ event: "network.recovered", component: "canary", deafMs }, "a canary came back: we hear again");
    tell({ type: "network.recovered", data: { deafMs } });
    onRecovered();
  }

  /** One did not; the answer is how many since one did. Too many that surely left are deafness. */
  missed(isPublished: boolean, reason: string): number {
    this.#misses += 1;
    const misses = this.#misses;
    this.#deps.log.debug(
      { event: "canary.missed", component: "canary", misses, published: isPublished, reason },
      "a canary did not come back",
    );
    if (misses < CANARY_MISSES_MAX) return misses;
    const state = isPublished ? "deaf" : "unsendable";
    this.#set({ ...this.#status, state, reason: isPublished ? undefined : reason });
    if (isPublished) this.#deaf();
    return misses;
  }

  #deaf(): void {
    if (this.#deafAtMs !== undefined) return;
    const { clock, log, tell } = this.#deps;
    const now = clock.steady();
    this.#deafAtMs = now;
    const silentMs = now - (this.#status.heardAtMs ?? this.#silentSinceMs);
    const what = "what we publish does not come back: subscribing anew";
    log.warn({ event: "network.deaf", component: "canary", silentMs }, what);
    tell({ type: "network.deaf", data: { silentMs } });
  }

  #set(status: Omit<CanaryStatus, "silentNodes">): void {
    const isNews = status.state !== this.#status.state;
    this.#status = status;
    if (isNews) this.#deps.onChange();
  }
}
