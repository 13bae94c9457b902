/**
 * Carries committed envelopes to the network, at least once, in order within a conversation. A retry sends the same bytes;
 * the transport gives each attempt a fresh Waku timestamp (design 2). Where a quota counts, each attempt is paid for
 * before it leaves, and what cannot be paid waits in its order.
 */
import type { Counters } from "../counters.ts";
import { UmbradError } from "../errors.ts";
import {
  CONFIRM_LOOK_MIN_MS,
  OUTBOX_METERED_PAUSE_MAX_MS,
  OUTBOX_PARALLEL_MAX,
  OUTBOX_PAUSE_MS,
  OUTBOX_RETRY_MAX_MS,
  OUTBOX_RETRY_MIN_MS,
  PUBLISH_DEADLINE_MS,
  TOLD_MAX,
} from "../limits.ts";
import type { Clock, EventRow, Log, OutboxRow, PublishResult, Store, Transport } from "../ports.ts";
import { HeldBack } from "../quota/held-back.ts";
import type { Quota } from "../quota/quota.ts";
import type { Turns } from "../turn/turns.ts";
import { Alarm } from "./alarm.ts";
import type { SetBack } from "./set-back.ts";

interface OutboxDeps {
  readonly store: Store;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly setBack: SetBack;
  readonly log: Log;
  readonly counters: Counters;
  readonly turns: Turns;
  readonly quota: Quota | undefined;
  readonly onEvents: (events: readonly EventRow[]) => void;
  readonly onPublished: () => void;
  /** What the service nodes' clock has more than ours. */
  readonly shiftMs: () => number;
  /** As in the alarm. */
  readonly isHeld?: (() => boolean) | undefined;
}

export class OutboxLoop {
  readonly #deps: OutboxDeps;
  readonly #alarm: Alarm;
  readonly #inFlight = new Map<number, Promise<void>>();
  readonly #abort = new AbortController();
  readonly #kept = new Set<number>();
  /** Why rows were not taken, for whoever asks: by row, and for all of them while paused. */
  readonly #refusals = new Map<number, string>();
  #unavailable: string | undefined;
  /** Since when, by the steady clock, no node has said that it took anything. */
  #unavailableSinceMs: number | undefined;
  /** By row: what was sent last and had no answer. */
  readonly #unanswered = new Map<number, Uint8Array>();
  /** Set while paused. */
  #cancelPause: (() => void) | undefined;
  /** Pauses since something was published. */
  #pauses = 0;
  readonly #heldBack: HeldBack | undefined;

  constructor(deps: OutboxDeps) {
    this.#deps = deps;
    const onFault = (error: unknown) =>
      deps.log.error({ event: "outbox.unreadable", component: "outbox", err: error }, "the outbox could not be read");
    this.#alarm = new Alarm({ clock: deps.clock, look: () => this.#look(), onFault, isHeld: deps.isHeld });
    if (deps.quota !== undefined) this.#heldBack = new HeldBack({ ...deps, quota: deps.quota });
  }

  /** Looks for due rows: after every commit that published, and when the network came back. */
  wake(): void {
    this.#alarm.wake();
  }

  /**
   * Keeps rows from leaving until `release`: somebody decides about them. False, and nothing is kept, when one of them is
   * leaving already.
   */
  hold(ids: readonly number[]): boolean {
    if (ids.some((id) => this.#inFlight.has(id))) return false;
    for (const id of ids) this.#kept.add(id);
    return true;
  }

  release(ids: readonly number[]): void {
    for (const id of ids) this.#kept.delete(id);
    this.wake();
  }

  /** undefined: it has not been tried. */
  lastReason(id: number): string | undefined {
    return this.#refusals.get(id) ?? this.#unavailable ?? this.#heldBack?.reason();
  }

  /** undefined: what was tried last was taken, or nothing was tried. */
  failing(): { readonly sinceMs: number; readonly reason: string } | undefined {
    const sinceMs = this.#unavailableSinceMs;
    return sinceMs === undefined ? undefined : { sinceMs, reason: this.#unavailable ?? "unknown" };
  }

  /** The network may have come back: nothing waits any longer. */
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

  /** After `stop`: resolves when no answer of the network is awaited any more, so that the store may be closed. */
  async idle(): Promise<void> {
    await Promise.all(this.#inFlight.values());
  }

  #look(): void {
    if (this.#cancelPause !== undefined) return;
    const { store, clock, setBack } = this.#deps;
    setBack.look();
    const now = clock.now();
    const room = OUTBOX_PARALLEL_MAX - this.#inFlight.size;
    let heldUntilMs: number | undefined;
    if (room > 0) {
      const rows = store.outboxDue(now, OUTBOX_PARALLEL_MAX, new Set([...this.#inFlight.keys(), ...this.#kept]));
      const paid = this.#paid(rows.slice(0, room));
      for (const row of paid.rows) this.#start(row);
      heldUntilMs = paid.heldUntilMs;
    }
    // Rows in flight are due still; their end looks again.
    const next = store.outboxNextDueMs();
    const times = [next, heldUntilMs].filter((time) => time !== undefined && time > now) as number[];
    if (times.length > 0) this.#alarm.set(Math.min(...times) - now);
  }

  /** Those that may leave: of the first ones as many as the quota has room for, and when to look for the rest. */
  #paid(rows: readonly OutboxRow[]): { readonly rows: readonly OutboxRow[]; readonly heldUntilMs?: number } {
    const { quota, transport } = this.#deps;
    if (quota === undefined) return { rows };
    if (rows.length > 0 && transport.status().peers === 0) {
      // An attempt that surely reaches nobody need not be paid for.
      this.#unavailable = "no service node is connected";
      this.#pause();
      return { rows: [] };
    }
    // While nodes do not answer, one row tries for all.
    const isTrying = this.#pauses > 0;
    const wanted = isTrying ? rows.slice(0, this.#inFlight.size === 0 ? 1 : 0) : rows;
    const paid = wanted.slice(0, quota.left());
    if (paid.length > 0) quota.spend(paid.length);
    const heldUntilMs = this.#heldBack?.note(paid.length < wanted.length);
    return heldUntilMs === undefined ? { rows: paid } : { rows: paid, heldUntilMs };
  }

  #start(row: OutboxRow): void {
    const { log } = this.#deps;
    const publishing = this.#publish(row)
      .catch((error: unknown) => {
        const conversation = `c${row.conversation}`;
        const fields = { event: "outbox.failed", component: "outbox", conversation, err: error };
        // A disk that takes no writes is said once for all.
        if (!this.#deps.isHeld?.())
          log.error(fields, "the outbox could not record an answer; the envelope stays queued");
        this.#pause();
      })
      .finally(() => {
        this.#inFlight.delete(row.id);
        this.wake();
      });
    this.#inFlight.set(row.id, publishing);
  }

  async #publish(row: OutboxRow): Promise<void> {
    const { store, transport, clock, counters, log } = this.#deps;
    const deadline = new AbortController();
    const cancelDeadline = clock.after(PUBLISH_DEADLINE_MS, () => deadline.abort());
    let result: PublishResult;
    try {
      const signal = AbortSignal.any([this.#abort.signal, deadline.signal]);
      const taken = await this.#takenBefore(row, signal);
      if (taken !== undefined) return this.#published(row, taken, 1);
      const shiftMs = this.#deps.shiftMs();
      result = await transport.publish({ topic: row.topic, payload: row.envelope, shiftMs }, signal);
    } finally {
      cancelDeadline();
    }
    counters.add(`outbox.${result.kind}`);
    if (this.#abort.signal.aborted && result.kind !== "published") return;
    switch (result.kind) {
      case "published":
        return this.#published(row, result.hash, result.peers);
      case "unavailable":
        counters.add("outbox.retried");
        this.#unavailable = result.reason;
        this.#unavailableSinceMs ??= clock.steady();
        if (this.#unanswered.size >= TOLD_MAX) this.#unanswered.clear();
        if (result.hash !== undefined) this.#unanswered.set(row.id, result.hash);
        log.debug(
          { event: "outbox.waiting", component: "outbox", reason: result.reason },
          "no service node took the envelope",
        );
        return this.#pause();
      case "refused":
        if (this.#refusals.size >= TOLD_MAX) this.#refusals.clear();
        this.#refusals.set(row.id, result.reason);
        log.warn(
          {
            event: "outbox.refused",
            component: "outbox",
            conversation: `c${row.conversation}`,
            status: result.status,
            reason: result.reason,
            attempt: row.attempts + 1,
          },
          "a service node refused an envelope",
        );
        if (!result.retryable) return this.#giveUp(row, result.reason);
        counters.add("outbox.retried");
        return store.outboxRetry(row.id, clock.now() + retryDelayMs(row.attempts));
    }
  }

  /**
   * A node may carry out what it never answers. Without asking a Store node the head of a conversation would be repeated for
   * ever, and everything behind it wait.
   */
  async #takenBefore({ id }: OutboxRow, signal: AbortSignal): Promise<Uint8Array | undefined> {
    const hash = this.#unanswered.get(id);
    if (hash === undefined) return undefined;
    try {
      const [found] = await this.#deps.transport.confirm([hash], signal);
      return found === undefined ? undefined : hash;
    } catch (error) {
      if (error instanceof UmbradError) return undefined;
      throw error;
    }
  }

  #published({ id }: OutboxRow, hash: Uint8Array, peers: number): void {
    const { store, clock, onEvents, onPublished } = this.#deps;
    const now = clock.now();
    this.#unavailable = undefined;
    this.#unavailableSinceMs = undefined;
    this.#pauses = 0;
    this.#refusals.delete(id);
    this.#unanswered.delete(id);
    onEvents(store.outboxDone(id, now, { hash, peers, lookAtMs: now + CONFIRM_LOOK_MIN_MS }).events);
    onPublished();
  }

  /** Without a service node nothing of the queue can leave: wait for one instead of trying each row. */
  #pause(): void {
    if (this.#cancelPause !== undefined || this.#abort.signal.aborted) return;
    const times = this.#deps.quota === undefined ? 1 : 2 ** Math.min(this.#pauses, 16);
    this.#pauses += 1;
    const pauseMs = Math.min(OUTBOX_METERED_PAUSE_MAX_MS, OUTBOX_PAUSE_MS * times);
    this.#cancelPause = this.#deps.clock.after(pauseMs, () => this.resume());
  }

  async #giveUp(row: OutboxRow, reason: string): Promise<void> {
    const { store, turns, clock } = this.#deps;
    const { messageId } = row;
    if (messageId !== undefined) {
      const outcome = await turns.run(row.conversation, () => ({
        input: { kind: "undeliverable", messageId, reason },
        origin: { removeOutbox: row.id },
      }));
      if (outcome.kind === "accepted") return;
    }
    store.commit({ atMs: clock.now(), conversations: [], removeOutbox: row.id });
  }
}

function retryDelayMs(attempts: number): number {
  return Math.min(OUTBOX_RETRY_MAX_MS, OUTBOX_RETRY_MIN_MS * 2 ** Math.min(attempts, 16));
}
