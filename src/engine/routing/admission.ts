/**
 * How many envelopes a conversation may bring (profile 10.5): over its rate they are parked, each until its turn in the
 * rate comes; over that bound they are left to their sender's repetition. Never silently, and never remembered as seen, so
 * that a repetition is read. Asked before anything is decrypted: whoever copies a hint can make its conversation slow.
 */
import type { Counters } from "../counters.ts";
import {
  INVITES_PER_SECOND_MAX,
  MESSAGES_PER_MINUTE_MAX,
  PARKED_MAX,
  PARKED_RETRY_MIN_MS,
  QUARANTINE_MAX,
  TOLD_AGAIN_MS,
  TOLD_MAX,
} from "../limits.ts";
import type { Clock, IncomingMessage, Log, Store } from "../ports.ts";
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

  constructor(deps: AdmissionDeps) {
    this.#deps = deps;
    const { invitesPerSecond = INVITES_PER_SECOND_MAX, messagesPerMinute = MESSAGES_PER_MINUTE_MAX } = deps.limits;
    this.#invites = { code: "limit/invites", windowMs: 1_000, intervalMs: 1_000 / invitesPerSecond };
    this.#messages = { code: "limit/messages", windowMs: 60_000, intervalMs: 60_000 / messagesPerMinute };
  }

  /** False: it is parked, or left to its sender's repetition. */
  admit(route: Route, message: IncomingMessage): boolean {
    const { counters, store } = this.#deps;
    const rate = route.isInbox === true ? this.#invites : this.#messages;
    const waitMs = this.#waitMs(route.conversation, rate);
    if (waitMs === 0) return true;
    this.#tell(route.conversation, rate.code);
    try {
      if (waitMs === undefined || store.parkedCount() >= PARKED_MAX) counters.add("envelope.dropped.limited");
      else this.#park(route, message, rate.code, waitMs);
    } catch (error) {
      const fields = { event: "parked.failed", component: "intake", err: error };
      this.#deps.log.error(fields, "an envelope over its rate could not be parked");
      this.#deps.onGap("cannot-park");
    }
    return false;
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

  #park({ conversation }: Route, message: IncomingMessage, errorCode: string, waitMs: number): void {
    const { store, clock, counters, onParked } = this.#deps;
    const { topic, payload, hash: wakuHash } = message;
    const parkedAtMs = clock.now();
    const dueAtMs = Math.ceil(parkedAtMs + Math.max(waitMs, PARKED_RETRY_MIN_MS));
    store.park({ conversation, topic, payload, wakuHash, errorCode, parkedAtMs, dueAtMs });
    counters.add("envelope.limited");
    onParked();
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
      "more envelopes than the limit: they are parked and read at the allowed rate",
    );
  }
}
