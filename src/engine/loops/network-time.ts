/**
 * How far our wall clock is from that of the service nodes, and the timestamps that they will archive. They keep nothing
 * whose timestamp is more than 20 s off and do not say so; the canary is the probe: it comes back, and is not in Store.
 * Then other timestamps are tried until one is kept. Only a Store node's answer decides; pushes merely give hints.
 */
import {
  CLOCK_LOOK_AGAIN_MS,
  CLOCK_LOOK_MS,
  CLOCK_MISSES_MAX,
  CLOCK_OFFSET_SAMPLES,
  CLOCK_PROOFS,
  CLOCK_RETEST_CANARIES,
  CLOCK_SEARCH_PAUSE_MS,
  CLOCK_STEP_MS,
  CLOCK_STEPS_MAX,
} from "../limits.ts";
import type { Clock, IncomingMessage, Log, NewEvent, Transport } from "../ports.ts";

interface NetworkTimeDeps {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly log: Log;
  readonly tell: (event: NewEvent) => void;
  /** Another canary, now. */
  readonly onProbe: () => void;
  readonly onChange: () => void;
}

/** A canary that is looked for. */
interface Probe {
  readonly hash: Uint8Array;
  readonly shiftMs: number;
  /** Its timestamp less the steady clock. */
  readonly baseMs: number;
}

/** Trying shifts: each of `left`. One that is kept is believed when it is kept and ours is not, in turns, several times. */
interface Search {
  readonly left: number[];
  trying: number;
  isOursNext: boolean;
  /** How often it was kept after ours was not. */
  proofs: number;
}

export class NetworkTime {
  readonly #deps: NetworkTimeDeps;
  readonly #abort = new AbortController();
  /** Timestamps of pushes less the steady clock: still right when somebody has set the other one. */
  readonly #heard: number[] = [];
  #cancelLook: (() => void) | undefined;
  #shiftMs = 0;
  #misses = 0;
  #sinceRetest = 0;
  #search: Search | undefined;
  #searchedAtMs = Number.NEGATIVE_INFINITY;
  /** The network's time less the steady clock, when a Store node last had a canary. */
  #keptBaseMs: number | undefined;

  constructor(deps: NetworkTimeDeps) {
    this.#deps = deps;
  }

  /** To be added to our clock for a timestamp that the service nodes believe. */
  get shiftMs(): number {
    return this.#shiftMs;
  }

  /**
   * Our time as that of the service nodes, never too late: what a Store node is asked for begins there. With a clock
   * behind theirs we read more than we need, and so we do while no Store node has kept anything.
   */
  earliestMs(ourMs: number): number {
    const offMs = this.status().isKept === true ? Math.min(0, this.#shiftMs) : -CLOCK_STEP_MS * CLOCK_STEPS_MAX;
    // Somebody may have set our clock a moment ago: theirs has gone on from when they last kept something.
    return ourMs + Math.min(offMs, this.#keptOffMs());
  }

  /** The shift, and whether Store nodes are known to keep what we publish with it. */
  status(): { readonly shiftMs: number; readonly isKept: boolean | undefined } {
    const isKept = this.#misses >= CLOCK_MISSES_MAX ? false : this.#keptBaseMs === undefined ? undefined : true;
    return { shiftMs: this.#shiftMs, isKept };
  }

  /** The shift that the next canary is to have. */
  probeShiftMs(): number {
    const search = this.#search;
    if (search !== undefined) return search.isOursNext ? this.#shiftMs : search.trying;
    return this.#shiftMs !== 0 && this.#sinceRetest >= CLOCK_RETEST_CANARIES ? 0 : this.#shiftMs;
  }

  /** A push as it comes: most senders' clocks are right. */
  heard(message: IncomingMessage): void {
    if (message.from === undefined) return;
    this.#heard.push(message.timestampMs - this.#deps.clock.steady());
    if (this.#heard.length > CLOCK_OFFSET_SAMPLES) this.#heard.shift();
  }

  /** A canary was published with that shift. */
  published(hash: Uint8Array, shiftMs: number): void {
    this.#sinceRetest += 1;
    this.#cancelLook?.();
    // By the clock as it is now: it may be set before the answer comes.
    const probe: Probe = { hash, shiftMs, baseMs: this.#wallMs() + shiftMs };
    this.#cancelLook = this.#deps.clock.after(CLOCK_LOOK_MS, () => void this.#look(probe, false));
  }

  /** A service node would not take one because of its timestamp. */
  refused(shiftMs: number): void {
    this.#verdict(shiftMs, false);
  }

  stop(): void {
    this.#abort.abort();
    this.#cancelLook?.();
  }

  async #look(probe: Probe, isAgain: boolean): Promise<void> {
    const { transport, clock, log } = this.#deps;
    const { hash, shiftMs, baseMs } = probe;
    let isKept: boolean;
    try {
      isKept = (await transport.confirm([hash], this.#abort.signal)).length > 0;
    } catch {
      // Silence of the Store nodes says nothing about time.
      return;
    }
    if (this.#abort.signal.aborted) return;
    if (!isKept && !isAgain) {
      this.#cancelLook = clock.after(CLOCK_LOOK_AGAIN_MS, () => void this.#look(probe, true));
      return;
    }
    log.debug({ event: "clock.probed", component: "clock", shiftMs, kept: isKept }, "a canary was looked for in Store");
    if (isKept) this.#keptBaseMs = baseMs;
    this.#verdict(shiftMs, isKept);
  }

  #verdict(shiftMs: number, isKept: boolean): void {
    if (this.#search !== undefined) this.#searched(this.#search, shiftMs, isKept);
    else if (shiftMs !== this.#shiftMs) this.#retested(isKept);
    else if (isKept) this.#misses = 0;
    else this.#missed();
  }

  /** Ours again, without a shift: the clock may have been set right. */
  #retested(isKept: boolean): void {
    this.#sinceRetest = 0;
    if (isKept) this.#accept(0);
  }

  #missed(): void {
    const { clock, onProbe, onChange } = this.#deps;
    this.#misses += 1;
    if (this.#misses < CLOCK_MISSES_MAX) return onProbe();
    if (this.#misses === CLOCK_MISSES_MAX) onChange();
    const now = clock.steady();
    if (now - this.#searchedAtMs < CLOCK_SEARCH_PAUSE_MS) return;
    this.#searchedAtMs = now;
    const [first, ...left] = this.#candidates();
    if (first === undefined) return;
    this.#search = { left, trying: first, isOursNext: false, proofs: 0 };
    onProbe();
  }

  #searched(search: Search, shiftMs: number, isKept: boolean): void {
    // Of before the search, or of a turn that is over.
    if (shiftMs !== this.probeShiftMs()) return;
    const { onProbe } = this.#deps;
    if (search.isOursNext) {
      // It was not the time: this Store keeps some and loses some.
      if (isKept) return this.#endSearch();
      search.isOursNext = false;
      search.proofs += 1;
    } else if (isKept && search.proofs >= CLOCK_PROOFS) return this.#accept(search.trying);
    else if (isKept) search.isOursNext = true;
    else {
      const next = search.left.shift();
      if (next === undefined) {
        // Whatever keeps it from Store, it is not the time; the publications' own looks say what is lost by it.
        this.#search = undefined;
        return;
      }
      search.trying = next;
      search.proofs = 0;
    }
    onProbe();
  }

  #endSearch(): void {
    this.#search = undefined;
    this.#misses = 0;
    this.#deps.onChange();
  }

  #accept(shiftMs: number): void {
    const { log, tell } = this.#deps;
    this.#shiftMs = shiftMs;
    this.#sinceRetest = 0;
    const seconds = Math.round(shiftMs / 1000);
    if (shiftMs === 0) {
      log.info({ event: "clock.agrees", component: "clock" }, "our clock and that of the service nodes agree again");
      tell({ type: "clock.agrees", data: {} });
    } else {
      const what = "our clock and that of the service nodes differ: our messages get their time. Set the clock";
      log.warn({ event: "clock.skewed", component: "clock", seconds }, what);
      tell({ type: "clock.skewed", data: { seconds } });
    }
    this.#endSearch();
  }

  /** By which shift the network's time goes on from the canary that was kept last. */
  #keptOffMs(): number {
    return this.#keptBaseMs === undefined ? 0 : this.#keptBaseMs - this.#wallMs();
  }

  /** What our clock has more than the steady one: another number once somebody has set it. */
  #wallMs(): number {
    const { clock } = this.#deps;
    return clock.now() - clock.steady();
  }

  /** Nodes keep what is 20 s off at most, so steps of 30 s miss nothing. The likely ones first. */
  #candidates(): number[] {
    const steps = Array.from({ length: CLOCK_STEPS_MAX }, (_, index) => (index + 1) * CLOCK_STEP_MS);
    const wallMs = this.#wallMs();
    const sorted = this.#heard.toSorted((one, other) => one - other);
    // If our clock was set meanwhile, time has gone on all the same.
    const hints = [this.#keptBaseMs, sorted[Math.floor(sorted.length / 2)]]
      .flatMap((base) => (base === undefined ? [] : [base - wallMs]))
      .filter((shiftMs) => Math.abs(shiftMs - this.#shiftMs) >= CLOCK_STEP_MS / 3);
    const all = [...hints, 0, ...steps.flatMap((step) => [step, -step])];
    return [...new Set(all)].filter((shiftMs) => shiftMs !== this.#shiftMs);
  }
}
