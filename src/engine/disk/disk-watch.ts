/**
 * Whether the disk takes what we write. While it does not, nothing is taken from the network and nothing leaves: what
 * comes then is read from Store nodes afterwards. It asks by itself until the disk takes writes again; nobody restarts.
 */
import { UmbradError } from "../errors.ts";
import { DISK_PROBE_BYTES, DISK_RETRY_MAX_MS, DISK_RETRY_MIN_MS, TOLD_DISK_AGAIN_MS } from "../limits.ts";
import type { Clock, EventRow, Log, Store } from "../ports.ts";

interface DiskWatchDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly onEvents: (events: readonly EventRow[]) => void;
  /** Called within the write that failed: it must not write. */
  readonly onFailing: () => void;
  readonly onRecovered: () => void;
}

export class DiskWatch {
  readonly #deps: DiskWatchDeps;
  #fault: { readonly error: UmbradError; readonly sinceMs: number } | undefined;
  #retryMs = DISK_RETRY_MIN_MS;
  #cancel = (): void => {};
  #isStopped = false;
  #recoveredAtMs = Number.NEGATIVE_INFINITY;
  /** A disk that is nearly full fails and recovers in turns: both are said once a minute. */
  #toldAtMs = Number.NEGATIVE_INFINITY;

  constructor(deps: DiskWatchDeps) {
    this.#deps = deps;
    deps.store.onFault((error) => this.#failed(error));
  }

  /** Why nothing can be written; undefined while it can. */
  get fault(): UmbradError | undefined {
    return this.#fault?.error;
  }

  /** For loops: whether to let their rows lie. */
  readonly isFailing = (): boolean => this.#fault !== undefined;

  stop(): void {
    this.#isStopped = true;
    this.#cancel();
  }

  #failed(error: UmbradError): void {
    if (this.#fault !== undefined) return;
    const { clock, log, onFailing } = this.#deps;
    const now = clock.steady();
    this.#fault = { error, sinceMs: now };
    // What fails again at once is asked less often.
    if (now - this.#recoveredAtMs > 2 * DISK_RETRY_MAX_MS) this.#retryMs = DISK_RETRY_MIN_MS;
    if (now - this.#toldAtMs >= TOLD_DISK_AGAIN_MS) {
      this.#toldAtMs = now;
      log.error(
        { event: "store.failing", component: "store", code: error.code, err: error },
        "the state cannot be written: nothing is received or sent until it can; nothing is lost",
      );
    }
    onFailing();
    this.#askLater();
  }

  #askLater(): void {
    if (this.#isStopped) return;
    this.#cancel = this.#deps.clock.after(this.#retryMs, () => this.#ask());
    this.#retryMs = Math.min(DISK_RETRY_MAX_MS, this.#retryMs * 2);
  }

  #ask(): void {
    const { store, clock, log, onRecovered, onEvents } = this.#deps;
    const fault = this.#fault;
    if (fault === undefined || this.#isStopped) return;
    const now = clock.steady();
    const { code } = fault.error;
    const forMs = now - fault.sinceMs;
    try {
      // Room for one small row is no room for a turn.
      store.probe(DISK_PROBE_BYTES);
      store.probe();
      onEvents([store.appendEvent({ type: "store.recovered", data: { code, forMs } }, clock.now())]);
    } catch (error) {
      if (error instanceof UmbradError) return this.#askLater();
      throw error;
    }
    this.#fault = undefined;
    this.#recoveredAtMs = now;
    // As often as the fault itself was said.
    const fields = { event: "store.recovered", component: "store", code, for_ms: forMs };
    if (this.#toldAtMs >= fault.sinceMs) log.info(fields, "the state is written again");
    else log.debug(fields, "the state is written again");
    onRecovered();
  }
}
