/**
 * From `published` to `stored`: asks Store nodes whether they have what we published, because a service node can say yes
 * and lose it. What a Store node answers not to have, again and again, is published again; silence proves nothing.
 */
import { UmbradError } from "../errors.ts";
import {
  CONFIRM_BATCH_MAX,
  CONFIRM_DEADLINE_MS,
  CONFIRM_LOOK_MAX_MS,
  CONFIRM_LOOK_MIN_MS,
  CONFIRM_LOOKS_MAX,
  CONFIRM_TIMES_MAX,
} from "../limits.ts";
import type { Clock, EventRow, Log, LookOutcome, PublicationRow, Store, Transport } from "../ports.ts";
import { Alarm } from "./alarm.ts";
import type { SetBack } from "./set-back.ts";

interface ConfirmationDeps {
  readonly store: Store;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly setBack: SetBack;
  readonly log: Log;
  readonly onEvents: (events: readonly EventRow[]) => void;
  /** The outbox has something to publish again. */
  readonly onOutbox: () => void;
  /** As in the alarm. */
  readonly isHeld?: (() => boolean) | undefined;
}

export class ConfirmationLoop {
  readonly #deps: ConfirmationDeps;
  readonly #alarm: Alarm;
  readonly #abort = new AbortController();
  #isLooking = false;
  /** Set while no Store node answers. */
  #cancelPause: (() => void) | undefined;
  #pauseMs = CONFIRM_LOOK_MIN_MS;

  constructor(deps: ConfirmationDeps) {
    this.#deps = deps;
    const onFault = (error: unknown) =>
      deps.log.error(
        { event: "confirm.unreadable", component: "confirm", err: error },
        "the published messages could not be read",
      );
    this.#alarm = new Alarm({ clock: deps.clock, look: () => this.#look(), onFault, isHeld: deps.isHeld });
  }

  /** Something was published. */
  wake(): void {
    this.#alarm.wake();
  }

  /** The network may have come back. */
  resume(): void {
    this.#cancelPause?.();
    this.#cancelPause = undefined;
    this.wake();
  }

  stop(): void {
    this.#alarm.stop();
    this.#cancelPause?.();
    this.#abort.abort();
  }

  #look(): void {
    if (this.#isLooking || this.#cancelPause !== undefined) return;
    const { store, clock, setBack } = this.#deps;
    setBack.look();
    const now = clock.now();
    const rows = store.publicationsDue(now, CONFIRM_BATCH_MAX);
    if (rows.length > 0) {
      this.#isLooking = true;
      void this.#ask(rows).finally(() => {
        this.#isLooking = false;
        this.wake();
      });
      return;
    }
    const next = store.publicationsNextDueMs();
    if (next !== undefined) this.#alarm.set(Math.max(0, next - now));
  }

  async #ask(rows: readonly PublicationRow[]): Promise<void> {
    const { store, transport, clock, log, onEvents, onOutbox } = this.#deps;
    const deadline = new AbortController();
    const cancelDeadline = clock.after(CONFIRM_DEADLINE_MS, () => deadline.abort());
    try {
      const signal = AbortSignal.any([this.#abort.signal, deadline.signal]);
      const hashes = rows.flatMap((row) => row.hashes);
      const found = new Set((await transport.confirm(hashes, signal)).map(hex));
      if (this.#abort.signal.aborted) return;
      this.#pauseMs = CONFIRM_LOOK_MIN_MS;
      const outcome = outcomeOf(rows, found, clock.now());
      const { events } = store.looked(outcome, clock.now());
      onEvents(events);
      if (outcome.again.length === 0) return;
      const fields = { event: "confirm.missing", component: "confirm", messages: outcome.again.length };
      log.warn(fields, "Store nodes do not have what a service node took; it is published again");
      onOutbox();
    } catch (error) {
      if (this.#abort.signal.aborted) return;
      if (error instanceof UmbradError && error.code.startsWith("transport/")) {
        const fields = {
          event: "confirm.waiting",
          component: "confirm",
          retry_ms: this.#pauseMs,
          reason: error.message,
        };
        log.debug(fields, "no Store node says what it has");
      } else {
        const fields = { event: "confirm.unreadable", component: "confirm", err: error };
        log.error(fields, "what Store nodes have could not be recorded");
      }
      this.#pause();
    } finally {
      cancelDeadline();
    }
  }

  /** Silence is about the network and not about the messages: none of them is looked for less often by it. */
  #pause(): void {
    this.#cancelPause = this.#deps.clock.after(this.#pauseMs, () => this.resume());
    this.#pauseMs = Math.min(CONFIRM_LOOK_MAX_MS, this.#pauseMs * 2);
  }
}

function outcomeOf(rows: readonly PublicationRow[], found: ReadonlySet<string>, now: number): LookOutcome {
  const stored: number[] = [];
  const later: { message: number; dueAtMs: number }[] = [];
  const again: number[] = [];
  const enough: number[] = [];
  for (const { message, hashes, looks, times } of rows) {
    if (hashes.some((hash) => found.has(hex(hash)))) stored.push(message);
    else if (looks + 1 < CONFIRM_LOOKS_MAX) later.push({ message, dueAtMs: now + lookDelayMs(looks + 1, times) });
    else if (times < CONFIRM_TIMES_MAX) again.push(message);
    else enough.push(message);
  }
  return { stored, later, again, enough };
}

/** Twice as long each time: archives lag, and what was published again has all the more time. */
function lookDelayMs(looks: number, times: number): number {
  return Math.min(CONFIRM_LOOK_MAX_MS, CONFIRM_LOOK_MIN_MS * 2 ** (looks + times - 1));
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");
}
