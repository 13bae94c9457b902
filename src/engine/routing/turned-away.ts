/**
 * Reads from Store nodes again what admission turned away, oldest first, as far as there is room each time: so it comes in
 * at the allowed rate, whoever its sender is and whether it is there (ADR 0094). It stands beside the reading of gaps, so
 * that whoever floods one conversation does not delay the history of the others.
 */
import { HISTORY_RETRY_MAX_MS, SEEN_HASHES_MAX, TURNED_AWAY_PAUSE_MS } from "../limits.ts";
import { hex } from "../loops/canary/envelope.ts";
import type { Subscriptions } from "../loops/subscriptions.ts";
import type { Clock, IncomingMessage, Log, Transport } from "../ports.ts";
import type { Admission } from "./admission.ts";

interface TurnedAwayDeps {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly log: Log;
  readonly intake: { readonly admission: Admission; refill(message: IncomingMessage): Promise<boolean> };
  readonly subscriptions: Subscriptions;
  /** As in the reading of history. */
  readonly networkMs: (ourMs: number) => number;
}

export class TurnedAway {
  readonly #deps: TurnedAwayDeps;
  readonly #abort = new AbortController();
  #cancel: (() => void) | undefined;
  #isReading = false;
  #isTold = false;
  /**
   * What a reading took that the next one would come to again, with its time. A stranger's that changed nothing is not known
   * as seen: more of those in one millisecond than there is room for would be all that is ever read.
   */
  readonly #taken = new Map<string, number>();

  constructor(deps: TurnedAwayDeps) {
    this.#deps = deps;
  }

  /** Something was turned away. */
  wake(): void {
    if (!this.#isTold) {
      this.#isTold = true;
      this.#deps.log.warn(
        { event: "sync.gap-found", component: "history", reason: "limited", retry_ms: TURNED_AWAY_PAUSE_MS },
        "more envelopes than may wait; they will be read from a Store node at the allowed rate",
      );
    }
    this.#readAfter(TURNED_AWAY_PAUSE_MS);
  }

  stop(): void {
    this.#abort.abort();
    this.#cancel?.();
  }

  #readAfter(pauseMs: number): void {
    if (this.#cancel !== undefined || this.#isReading || this.#abort.signal.aborted) return;
    this.#cancel = this.#deps.clock.after(pauseMs, () => {
      this.#cancel = undefined;
      void this.#read();
    });
  }

  async #read(): Promise<void> {
    const { clock, log, intake } = this.#deps;
    this.#isReading = true;
    let pauseMs = TURNED_AWAY_PAUSE_MS;
    const beganAtMs = clock.steady();
    const fromMs = intake.admission.beginAgain();
    try {
      const read = await this.#pages(fromMs);
      intake.admission.endAgain(true);
      if (intake.admission.missingSinceMs() === Number.POSITIVE_INFINITY) {
        this.#isTold = false;
        const fields = { event: "sync.gap-filled", component: "history", ...read, ms: clock.steady() - beganAtMs };
        log.info(fields, "what was over the limits has been read");
      }
    } catch (error) {
      intake.admission.endAgain(false);
      pauseMs = HISTORY_RETRY_MAX_MS;
      if (this.#abort.signal.aborted) return;
      const fields = { event: "sync.failed", component: "history", retry_ms: pauseMs, err: error };
      log.warn(fields, "history could not be read to its end; it will be asked for again");
    } finally {
      this.#isReading = false;
      this.#keepTaken();
      if (intake.admission.missingSinceMs() < Number.POSITIVE_INFINITY) this.#readAfter(pauseMs);
    }
  }

  async #pages(fromMs: number): Promise<{ topics: number; messages: number; pages: number }> {
    const { transport, intake, subscriptions, networkMs } = this.#deps;
    const topics = [...subscriptions.topics()];
    let [messages, pages] = [0, 0];
    for await (const page of transport.history({ topics, sinceMs: networkMs(fromMs) }, this.#abort.signal)) {
      pages += 1;
      messages += page.length;
      for (const message of page) await this.#take(message, fromMs);
      // Everything after it would only be turned away as well.
      if (intake.admission.missingAgainMs() <= Math.max(fromMs, page.at(-1)?.timestampMs ?? 0)) break;
    }
    return { topics: topics.length, messages, pages };
  }

  async #take(message: IncomingMessage, fromMs: number): Promise<void> {
    const { intake } = this.#deps;
    // As of the beginning at the earliest: a Store node's answer never makes a reading go back.
    const timestampMs = Math.max(message.timestampMs, fromMs);
    const hash = hex(message.hash);
    if (this.#taken.get(hash) === timestampMs) return;
    const before = intake.admission.turnedAway;
    const isOurs = await intake.refill({ ...message, timestampMs });
    if (isOurs && intake.admission.turnedAway === before && this.#taken.size < SEEN_HASHES_MAX)
      this.#taken.set(hash, timestampMs);
  }

  /** What was taken of the millisecond that the next reading begins with. */
  #keepTaken(): void {
    const sinceMs = this.#deps.intake.admission.missingSinceMs();
    for (const [hash, timestampMs] of this.#taken) if (timestampMs !== sinceMs) this.#taken.delete(hash);
  }
}
