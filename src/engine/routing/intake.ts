/**
 * From the network to the mailboxes: size, exact duplicates, decoding, routing. Everything here is a stranger's until a
 * conversation's AEAD has verified, so nothing throws, and nothing is logged above debug.
 */
import { decodeEnvelope, type Envelope } from "../../wire/envelope.ts";
import type { Hint } from "../../wire/ids.ts";
import type { Counters } from "../counters.ts";
import { UmbradError } from "../errors.ts";
import {
  ENVELOPE_BYTES_MAX,
  INTAKE_QUEUE_MAX,
  PARKED_MAX,
  PARKED_RETRY_MAX_MS,
  PARKED_RETRY_MIN_MS,
  SEEN_HASHES_MAX,
  TOLD_AGAIN_MS,
  TOLD_MAX,
} from "../limits.ts";
import { hex } from "../loops/canary/envelope.ts";
import type { Clock, CursorWrite, IncomingMessage, Log, Meter, ParkedRow, Store } from "../ports.ts";
import type { Registry } from "../registry.ts";
import type { TurnOutcome } from "../turn/turn.ts";
import type { Turns } from "../turn/turns.ts";
import { Admission, type IncomingLimits } from "./admission.ts";
import { Orphans } from "./orphans.ts";
import type { Route, Router } from "./router.ts";

interface Addressed {
  readonly message: IncomingMessage;
  readonly envelope: Envelope;
  /** Everything from then on is read again after a crash before its commit. */
  readonly sinceMs: number;
  /** Set when the envelope comes back from the parked table. */
  readonly parked?: ParkedRow;
}

export interface IntakeDeps {
  readonly store: Store;
  readonly registry: Registry;
  readonly router: Router;
  readonly clock: Clock;
  readonly log: Log;
  readonly counters: Counters;
  readonly memberOf: (conversation: number) => string | undefined;
  /** The cursor advance that may ride in a commit, if one is due. */
  readonly cursor: () => CursorWrite | undefined;
  /** An envelope could not be kept: listening has a gap from now on. */
  readonly onGap: (reason: string) => void;
  readonly onParked: () => void;
  readonly limits?: IncomingLimits | undefined;
  /** The disk takes no writes: nothing is taken, and all of it is read from Store nodes afterwards. */
  readonly isHeld?: (() => boolean) | undefined;
  readonly meter?: Meter | undefined;
}

export class Intake {
  readonly #deps: IntakeDeps;
  #turns: Turns | undefined;
  readonly admission: Admission;
  readonly #seen = new Set<string>();
  readonly #orphans = new Orphans<Addressed>();
  /** By ticket: since when it has to be read again after a crash. */
  readonly #inFlight = new Map<number, number>();
  #nextTicket = 0;
  /** When it was closed, or the time of what history brought since: nothing later was taken. */
  #closedAtMs: number | undefined;
  #roomWaiters: (() => void)[] = [];
  readonly #toldAtMs = new Map<string, number>();

  constructor(deps: IntakeDeps) {
    this.#deps = deps;
    this.admission = new Admission({ ...deps, limits: deps.limits ?? {} });
    for (const hash of deps.store.recentWakuHashes(SEEN_HASHES_MAX)) this.#seen.add(hex(hash));
  }

  connect(turns: Turns): void {
    this.#turns = turns;
  }

  /** A pushed message. When there is no room it is dropped: the gap is noted and the Store refills it. */
  push(message: IncomingMessage): void {
    if (this.#closedAtMs !== undefined) return;
    if (this.#deps.isHeld?.()) return this.#deps.counters.add("envelope.dropped.disk");
    if (this.#inFlight.size >= INTAKE_QUEUE_MAX) {
      this.#deps.counters.add("envelope.dropped.full");
      this.#deps.onGap("intake-full");
      return;
    }
    this.#admit(message, this.#deps.clock.now());
  }

  /**
   * A message from history: waits for room, so a long history cannot push out live messages. True when it is for one of
   * our conversations and had not come before.
   */
  async refill(message: IncomingMessage): Promise<boolean> {
    while (this.#closedAtMs === undefined && this.#inFlight.size >= INTAKE_QUEUE_MAX / 2) {
      await new Promise<void>((resolve) => this.#roomWaiters.push(resolve));
    }
    // It was sent long ago: only a cursor from before then makes a crash, or the next start, ask for it again.
    if (this.#closedAtMs !== undefined) this.#closedAtMs = Math.min(this.#closedAtMs, message.timestampMs);
    else if (!this.#deps.isHeld?.()) return this.#admit(message, Math.min(message.timestampMs, this.#deps.clock.now()));
    return false;
  }

  /** A parked envelope, once more. Resolves when its fate is known. */
  async retry(parked: ParkedRow): Promise<void> {
    const { store, clock, router } = this.#deps;
    const { topic, payload, wakuHash, parkedAtMs } = parked;
    const decoded = decodeEnvelope(payload);
    if (decoded.kind !== "readable") return store.parkedDrop(parked.id);
    const route = router.route(decoded.value);
    if (route === undefined) {
      // A halted conversation has no hints, and its envelopes wait with it. Else a copy consumed the hint, or it is closed.
      if (!this.#isHalted(parked.conversation)) return store.parkedDrop(parked.id);
      return store.parkedRetryLater(parked.id, clock.now() + parkedPauseMs(parked), "conversation/halted");
    }
    const message: IncomingMessage = { topic, payload, hash: wakuHash, timestampMs: parkedAtMs };
    await this.#dispatch(route, { message, envelope: decoded.value, sinceMs: clock.now(), parked });
  }

  /** Hints became known: envelopes that waited for them are routed again. */
  adopt(hints: readonly Hint[]): void {
    if (this.#orphans.size === 0) return;
    for (const hint of hints) {
      for (const addressed of this.#orphans.take(hint)) this.#route(addressed);
    }
  }

  /** A Store cursor up to here passes no envelope whose fate is not durable yet, and none that was refused at the end. */
  durableThroughMs(nowMs: number): number {
    let throughMs = Math.min(this.#closedAtMs ?? nowMs, this.admission.unkeptSinceMs());
    for (const sinceMs of this.#inFlight.values()) throughMs = Math.min(throughMs, sinceMs);
    return throughMs;
  }

  close(): void {
    this.#closedAtMs ??= this.#deps.clock.now();
    this.admission.flush();
    this.#wakeWaiters();
  }

  /** True when its turn begins. */
  #admit(message: IncomingMessage, sinceMs: number): boolean {
    const { counters, meter } = this.#deps;
    const beganMs = meter?.time();
    const dropped = (why: string): false => {
      counters.add(`envelope.dropped.${why}`);
      return false;
    };
    counters.add("envelope.received");
    if (this.#seen.has(hex(message.hash))) return dropped("duplicate");
    if (message.payload.length > ENVELOPE_BYTES_MAX) return dropped("oversize");
    const decoded = decodeEnvelope(message.payload);
    if (decoded.kind !== "readable") return dropped(decoded.kind);
    return this.#route({ message, envelope: decoded.value, sinceMs }, beganMs);
  }

  #route(addressed: Addressed, beganMs?: number): boolean {
    const { counters, clock, router, meter } = this.#deps;
    const route = router.route(addressed.envelope);
    if (route === undefined) {
      counters.add("envelope.dropped.elsewhere");
      this.#orphans.keep(addressed.envelope.hint, addressed, addressed.message.payload.length, clock.steady());
      return false;
    }
    // Only of ours: what is not must cost nothing more.
    if (meter !== undefined && beganMs !== undefined) meter.routed(meter.time() - beganMs);
    void this.#dispatch(route, addressed);
    return true;
  }

  async #dispatch(route: Route, addressed: Addressed): Promise<void> {
    const turns = this.#turns;
    if (turns === undefined) return;
    const { message, envelope, parked } = addressed;
    if (this.#deps.memberOf(route.conversation) !== envelope.encryptedBytes.member) {
      // No envelope may choose a weaker scheme than its conversation's (profile 8.10).
      return this.#deps.counters.add("envelope.dropped.badly-formed");
    }
    if (parked === undefined && !this.admission.admit(route, message, addressed.sinceMs)) return;
    const ticket = this.#nextTicket++;
    this.#inFlight.set(ticket, addressed.sinceMs);
    const { log } = this.#deps;
    log.debug(
      { event: "envelope.routed", component: "intake", conversation: `c${route.conversation}`, ticket },
      "an envelope is ours",
    );
    await turns
      .run(route.conversation, () => {
        if (this.#seen.has(hex(message.hash))) return undefined;
        const cursor = this.#deps.cursor();
        return {
          input: { kind: "envelope", envelope, ref: route.ref },
          origin: {
            seenWakuHash: message.hash,
            ...(cursor === undefined ? {} : { cursor }),
            ...(parked === undefined ? {} : { unparked: parked.id }),
          },
        };
      })
      .then((outcome) => this.#settle(outcome, route, addressed))
      .catch((error: unknown) => this.#fail(error, route, addressed))
      .finally(() => {
        log.debug({ event: "envelope.settled", component: "intake", ticket }, "its turn has ended");
        this.#inFlight.delete(ticket);
        if (this.#inFlight.size < INTAKE_QUEUE_MAX / 2) this.#wakeWaiters();
      });
  }

  #settle(outcome: TurnOutcome, route: Route, { message, parked }: Addressed): void {
    const { counters, log, store } = this.#deps;
    if (outcome.kind === "accepted") {
      this.#remember(hex(message.hash));
      counters.add("envelope.accepted");
      if (outcome.refusedInside !== undefined) counters.add(`envelope.refused-inside.${outcome.refusedInside}`);
      return;
    }
    counters.add(`envelope.${outcome.kind}`);
    if (parked !== undefined) store.parkedDrop(parked.id);
    log.debug(
      {
        event: "envelope.dropped",
        component: "intake",
        conversation: `c${route.conversation}`,
        reason: outcome.reason,
      },
      "an envelope changed nothing",
    );
  }

  /** Our fault: the envelope is kept for another try; if not even that works, the Store has to give it again. */
  #fail(error: unknown, route: Route, { message, parked }: Addressed): void {
    const { counters, store, clock, onGap, onParked } = this.#deps;
    const errorCode = error instanceof UmbradError ? error.code : "engine/unexpected";
    counters.add("envelope.parked");
    this.#tell(error, route, errorCode);
    try {
      const now = clock.now();
      if (parked !== undefined) return store.parkedRetryLater(parked.id, now + parkedPauseMs(parked), errorCode);
      if (store.parkedCount() >= PARKED_MAX) return onGap("parked-full");
      const { topic, payload, hash } = message;
      store.park({
        conversation: route.conversation,
        topic,
        payload,
        wakuHash: hash,
        errorCode,
        parkedAtMs: now,
        dueAtMs: now + PARKED_RETRY_MIN_MS,
      });
      onParked();
    } catch (parkError) {
      counters.add("envelope.unparked");
      this.#tell(parkError, route, "store/cannot-park");
      onGap("cannot-park");
    }
  }

  /** One line an hour for a conversation and code: a full disk must not fill what is left of it with log lines. */
  #tell(error: unknown, route: Route, code: string): void {
    const { clock, log, isHeld } = this.#deps;
    // A disk that takes nothing is said once for all conversations.
    if (isHeld?.()) return;
    const conversation = `c${route.conversation}`;
    const now = clock.steady();
    const subject = `${conversation} ${code}`;
    if (now - (this.#toldAtMs.get(subject) ?? Number.NEGATIVE_INFINITY) < TOLD_AGAIN_MS) return;
    if (this.#toldAtMs.size >= TOLD_MAX) this.#toldAtMs.clear();
    this.#toldAtMs.set(subject, now);
    log.error(
      { event: "envelope.parked", component: "intake", conversation, code, err: error },
      "an envelope for us could not be processed; it is kept, or read again from a Store node",
    );
  }

  /** The state did not decode at start: an upgrade or a backup has to mend it. */
  #isHalted(conversation: number): boolean {
    const isKnown = this.#deps.memberOf(conversation) !== undefined;
    return !isKnown && this.#deps.store.conversation(conversation)?.closed === false;
  }

  #remember(hash: string): void {
    this.#seen.add(hash);
    if (this.#seen.size <= SEEN_HASHES_MAX) return;
    const [oldest = ""] = this.#seen;
    this.#seen.delete(oldest);
  }

  #wakeWaiters(): void {
    const waiters = this.#roomWaiters;
    this.#roomWaiters = [];
    for (const wake of waiters) wake();
  }
}

function parkedPauseMs({ attempts }: ParkedRow): number {
  return Math.min(PARKED_RETRY_MAX_MS, PARKED_RETRY_MIN_MS * 2 ** Math.min(attempts + 1, 16));
}
