/**
 * Signs of life for the service manager, and the line that `systemctl status` shows. A sign is given only for work that
 * was seen to be done since the last one; a timer that fires proves nothing but itself.
 */
import { monitorEventLoopDelay } from "node:perf_hooks";
import type { EngineStatus } from "../../engine/api.ts";
import { UmbradError } from "../../engine/errors.ts";
import type { Log } from "../../engine/ports.ts";
import type { Notifier } from "./notify.ts";

/** Three signs in a row may be withheld before the manager acts: a long backup is no reason to be ended. */
const signsPerPeriod = 4;
/** Without a watchdog, only the line is kept up to date. */
const beatMsDefault = 15_000;
/** Connections come and go in bursts, and each line costs a process. */
const changeMs = 1_000;
/** A loop that stands still for longer lets deadlines of the network pass. */
const lagMsMax = 2_000;
const lagResolutionMs = 250;
/** The slowest round of the supervisor is a dial with all its deadlines and the pause after it: some 35 s. */
const roundMsMax = 90_000;

/** The daemon waits for these to end, and says so; a new process would wait as well, and lose what this one has in hand. */
const disksFaults: ReadonlySet<string> = new Set(["store/full", "store/readonly", "store/io"]);

/** What the watchdog looks at. */
export interface WatchedWork {
  /** One durable commit, now; throws when it fails. */
  probe(): void;
  /** Rounds of each of the supervisor's loops so far. */
  rounds(): ReadonlyMap<string, number>;
  status(): EngineStatus;
}

/** Beats until it is disposed of. */
export class Watchdog implements Disposable {
  readonly #notifier: Notifier;
  readonly #work: WatchedWork;
  readonly #log: Log;
  readonly #isWatched: boolean;
  readonly #beatMs: number;
  readonly #now: () => number;
  readonly #timer: NodeJS.Timeout;
  readonly #lag = monitorEventLoopDelay({ resolution: lagResolutionMs });
  readonly #seen = new Map<string, { readonly count: number; readonly atMs: number }>();
  #beatenAtMs: number;
  #line = "";
  #isChanged = false;
  #isEnded = false;
  #withheld = "";

  constructor(options: {
    readonly notifier: Notifier;
    readonly work: WatchedWork;
    readonly log: Log;
    /** undefined: nobody waits for signs of life. */
    readonly periodMs: number | undefined;
    /** A clock that nobody sets. */
    readonly now?: () => number;
  }) {
    const { notifier, work, log, periodMs, now = () => performance.now() } = options;
    this.#notifier = notifier;
    this.#work = work;
    this.#log = log;
    this.#now = now;
    this.#isWatched = periodMs !== undefined;
    this.#beatMs = periodMs === undefined ? beatMsDefault : periodMs / signsPerPeriod;
    this.#beatenAtMs = now();
    this.#lag.enable();
    this.#timer = setInterval(() => this.beat(), this.#beatMs);
    this.#timer.unref();
    this.beat();
  }

  /** The line may be another one now; many changes at once are one. */
  changed(): void {
    if (this.#isChanged) return;
    this.#isChanged = true;
    setTimeout(() => {
      this.#isChanged = false;
      this.#tell();
    }, changeMs).unref();
  }

  /** Looks, and tells what it saw. */
  beat(): void {
    const fault = this.#isWatched ? this.#fault() : undefined;
    this.#lag.reset();
    this.#beatenAtMs = this.#now();
    this.#tell(...(this.#isWatched && fault === undefined ? ["WATCHDOG=1"] : []));
    if (fault !== undefined && fault !== this.#withheld) {
      const fields = { event: "service.watchdog-withheld", component: "daemon", reason: fault };
      this.#log.warn(fields, "no sign of life for the service manager: it will end this process if that goes on");
    }
    this.#withheld = fault ?? "";
  }

  [Symbol.dispose](): void {
    this.#isEnded = true;
    clearInterval(this.#timer);
    this.#lag.disable();
  }

  #tell(...signs: readonly string[]): void {
    if (this.#isEnded) return;
    const line = lineOf(this.#work.status());
    const told = line === this.#line ? signs : [...signs, `STATUS=${line}`];
    this.#line = line;
    if (told.length > 0) this.#notifier.tell(...told);
  }

  #fault(): string | undefined {
    const lagMs = this.#lag.max / 1e6 - lagResolutionMs;
    // When the loop goes on, this timer may be the first to run.
    const lateMs = this.#now() - this.#beatenAtMs - this.#beatMs;
    if (Math.max(lagMs, lateMs) > lagMsMax) return "the event loop stood still";
    try {
      this.#work.probe();
    } catch (error) {
      const code = error instanceof UmbradError ? error.code : "store/unexpected";
      if (!disksFaults.has(code)) return `no commit reaches the disk (${code})`;
    }
    return this.#hasStalled() ? "a loop of the supervisor stands still" : undefined;
  }

  #hasStalled(): boolean {
    const now = this.#now();
    const rounds = this.#work.rounds();
    for (const name of this.#seen.keys()) if (!rounds.has(name)) this.#seen.delete(name);
    for (const [name, count] of rounds) {
      if (this.#seen.get(name)?.count !== count) this.#seen.set(name, { count, atMs: now });
    }
    return [...this.#seen.values()].some(({ atMs }) => now - atMs > roundMsMax);
  }
}

function lineOf({ state, reasons, network, outbox }: EngineStatus): string {
  const peers = `${network.peers} of ${network.configuredPeers} peers`;
  return `${[state, ...reasons].join(": ")} (${peers}, outbox ${outbox})`;
}
