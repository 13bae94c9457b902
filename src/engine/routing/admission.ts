/**
 * How many envelopes a conversation may bring (profile 10.5): over its rate they are parked, each until its turn in the
 * rate comes; over that bound they are turned away, and read again from Store nodes. Never silently, and never remembered as
 * seen, so that they are read then. Asked before anything is decrypted: whoever copies a hint can make its conversation slow.
 */
import type { Counters } from "../counters.ts";
import {
  HISTORY_AGE_MAX_MS,
  HISTORY_OVERLAP_MS,
  INVITES_PER_SECOND_MAX,
  MESSAGES_PER_MINUTE_MAX,
  PARKED_MAX,
  PARKED_RETRY_MIN_MS,
  QUARANTINE_MAX,
  TOLD_AGAIN_MS,
  TOLD_MAX,
} from "../limits.ts";
import type { Clock, IncomingMessage, Log, ParkedRow, Store } from "../ports.ts";
import type { Route } from "./router.ts";

/** Absent: the default. */
export interface IncomingLimits {
  /** To each inbox. */
  readonly invitesPerSecond?: number | undefined;
  /** In each conversation. */
  readonly messagesPerMinute?: number | undefined;
}

interface AdmissionDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly counters: Counters;
  readonly limits: IncomingLimits;
  readonly onParked: () => void;
  readonly onGap: (reason: string) => void;
}

type ParkedEnvelope = Omit<ParkedRow, "id" | "attempts">;

interface Rate {
  readonly code: "limit/invites" | "limit/messages";
  readonly windowMs: number;
  readonly intervalMs: number;
}

export class Admission {
  readonly #deps: AdmissionDeps;
  readonly #invites: Rate;
  readonly #messages: Rate;
  /** By conversation: when all that came would have come at the rate's even pace. */
  readonly #paidUntilMs = new Map<number, number>();
  readonly #toldAtMs = new Map<number, number>();
  /** What is parked next, in one transaction: a burst must not cost an fsync for each envelope. */
  #parking: { readonly row: ParkedEnvelope; readonly rate: Rate; readonly sinceMs: number }[] = [];
  /** Since when envelopes were turned away that no reading has come to again; and what the present reading began with. */
  #missingMs = Number.POSITIVE_INFINITY;
  #readingMs = Number.POSITIVE_INFINITY;
  #turnedAway = 0;

  constructor(deps: AdmissionDeps) {
    this.#deps = deps;
    const { invitesPerSecond = INVITES_PER_SECOND_MAX, messagesPerMinute = MESSAGES_PER_MINUTE_MAX } = deps.limits;
    this.#invites = { code: "limit/invites", windowMs: 1_000, intervalMs: 1_000 / invitesPerSecond };
    this.#messages = { code: "limit/messages", windowMs: 60_000, intervalMs: 60_000 / messagesPerMinute };
  }

  /** What came since then is not all on disk, nor read again yet. */
  unkeptSinceMs(): number {
    return this.#parking.reduce((earliest, { sinceMs }) => Math.min(earliest, sinceMs), this.missingSinceMs());
  }

  /** What came since then may not all have been taken. */
  missingSinceMs(): number {
    return Math.min(this.#missingMs, this.#readingMs);
  }

  /** The same of what was turned away since the present reading began. */
  missingAgainMs(): number {
    return this.#missingMs;
  }

  /** A reading of what was turned away begins: from when on. After a clock was set back that may not have come yet. */
  beginAgain(): number {
    const now = this.#deps.clock.now();
    this.#readingMs = this.#missingMs > now ? now - HISTORY_OVERLAP_MS : this.#missingMs;
    this.#missingMs = Number.POSITIVE_INFINITY;
    return this.#readingMs;
  }

  /** It ended, perhaps where there was no room for more. What others brought meanwhile may be from before it began. */
  endAgain(isRead: boolean): void {
    if (!isRead) this.#missingMs = Math.min(this.#missingMs, this.#readingMs);
    this.#readingMs = Number.POSITIVE_INFINITY;
  }

  /** How many were turned away. */
  get turnedAway(): number {
    return this.#turnedAway;
  }

  /** False: it is parked, or turned away. `sinceMs`: when it came, or its time in history. */
  admit(route: Route, message: IncomingMessage, sinceMs: number): boolean {
    const { counters, store } = this.#deps;
    const rate = route.isInbox === true ? this.#invites : this.#messages;
    const waitMs = this.#waitMs(route.conversation, rate);
    if (waitMs === 0) return true;
    this.#tell(route.conversation, rate.code);
    if (waitMs !== undefined && store.parkedCount() + this.#parking.length < PARKED_MAX) {
      this.#park(route, message, rate, { waitMs, sinceMs });
      return false;
    }
    // What is not taken takes nobody's place either.
    if (waitMs !== undefined) this.#giveBack(route.conversation, rate);
    counters.add("envelope.dropped.limited");
    this.#turnedAway += 1;
    // Archives go by the timestamp, which is anybody's: pushes count as of now, as far as clocks differ.
    const now = this.#deps.clock.now();
    const fromMs = Math.max(Math.min(message.timestampMs, now), sinceMs - HISTORY_OVERLAP_MS, now - HISTORY_AGE_MAX_MS);
    this.#missingMs = Math.min(this.#missingMs, fromMs);
    this.#deps.onGap("limited");
    return false;
  }

  /** Writes what is to be parked. */
  flush(): void {
    const { store, counters, onParked, onGap, log } = this.#deps;
    const parking = this.#parking;
    this.#parking = [];
    if (parking.length === 0) return;
    try {
      const isNew = store.parkAll(parking.map(({ row }) => row));
      // A repetition of what waits takes nobody's place.
      for (const [index, { row, rate }] of parking.entries())
        if (isNew[index] === false) this.#giveBack(row.conversation, rate);
      counters.add("envelope.limited", isNew.filter(Boolean).length);
      onParked();
    } catch (error) {
      const fields = { event: "parked.failed", component: "intake", err: error };
      log.error(fields, "envelopes over their rate could not be parked");
      onGap("cannot-park");
    }
  }

  /** 0: now. undefined: too many wait already. */
  #waitMs(conversation: number, { windowMs, intervalMs }: Rate): number | undefined {
    const now = this.#deps.clock.steady();
    const untilMs = Math.max(this.#paidUntilMs.get(conversation) ?? now, now) + intervalMs;
    const waitMs = Math.max(0, untilMs - now - windowMs);
    if (waitMs > QUARANTINE_MAX * intervalMs) return undefined;
    if (this.#paidUntilMs.size >= TOLD_MAX) this.#forgetIdle(now);
    this.#paidUntilMs.set(conversation, untilMs);
    return waitMs;
  }

  #park(
    { conversation }: Route,
    { topic, payload, hash: wakuHash }: IncomingMessage,
    rate: Rate,
    { waitMs, sinceMs }: { readonly waitMs: number; readonly sinceMs: number },
  ): void {
    const { clock } = this.#deps;
    const parkedAtMs = clock.now();
    const dueAtMs = Math.ceil(parkedAtMs + Math.max(waitMs, PARKED_RETRY_MIN_MS));
    const row = { conversation, topic, payload, wakuHash, errorCode: rate.code, parkedAtMs, dueAtMs };
    if (this.#parking.push({ row, rate, sinceMs }) === 1) clock.after(0, () => this.flush());
  }

  #giveBack(conversation: number, { intervalMs }: Rate): void {
    const untilMs = this.#paidUntilMs.get(conversation);
    if (untilMs !== undefined) this.#paidUntilMs.set(conversation, untilMs - intervalMs);
  }

  #forgetIdle(now: number): void {
    for (const [conversation, untilMs] of this.#paidUntilMs) if (untilMs <= now) this.#paidUntilMs.delete(conversation);
  }

  #tell(conversation: number, code: string): void {
    const { clock, log } = this.#deps;
    const now = clock.steady();
    if (now - (this.#toldAtMs.get(conversation) ?? Number.NEGATIVE_INFINITY) < TOLD_AGAIN_MS) return;
    if (this.#toldAtMs.size >= TOLD_MAX) this.#toldAtMs.clear();
    this.#toldAtMs.set(conversation, now);
    log.warn(
      { event: "envelope.limited", component: "intake", conversation: `c${conversation}`, code },
      "more envelopes than the limit: they wait and are read at the allowed rate",
    );
  }
}
