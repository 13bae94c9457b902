/**
 * What a network lets us publish (profile 10.6): so many envelopes in any window of time, and of those a share for
 * acknowledgements, repairs and repetitions. Survives the process: a spending is on disk before its envelope leaves.
 */
import type { Clock, Spend, Store } from "../ports.ts";

/** One part in five may be acknowledgements, repairs and repetitions. */
const SHARE_PARTS = 5;
/** One part in ten, at most, are canaries. */
const CANARY_PARTS = 10;

/** A network's rule. */
export interface QuotaRule {
  readonly publications: number;
  readonly windowMs: number;
}

/** For `umbrad status`. */
export interface QuotaStatus {
  readonly publications: number;
  readonly windowMs: number;
  readonly left: number;
  /** When the next publication becomes possible; null: now. */
  readonly nextAtMs: number | null;
  readonly share: { readonly tokens: number; readonly left: number };
}

interface QuotaDeps {
  readonly store: Pick<Store, "quota" | "commit">;
  readonly clock: Clock;
  readonly rule: QuotaRule;
}

export class Quota {
  readonly rule: QuotaRule;
  /** Tokens of the share when it is full. */
  readonly shareSize: number;
  readonly #deps: QuotaDeps;
  readonly #refillMs: number;
  /** Oldest first, by the steady clock: one that is put forward ends no window. */
  #publishedAtMs: number[];
  /** The bucket as one number: when it will be full again, by the steady clock. */
  #shareFullAtMs: number;
  #canaryWaits = false;

  constructor(deps: QuotaDeps) {
    const { publications, windowMs } = deps.rule;
    this.#deps = deps;
    this.rule = deps.rule;
    this.shareSize = Math.max(1, Math.floor(publications / SHARE_PARTS));
    this.#refillMs = Math.ceil(windowMs / this.shareSize);
    const { publishedAtMs, shareFullAtMs } = deps.store.quota();
    const [now, steady] = [deps.clock.now(), deps.clock.steady()];
    // After a step of the clock: nothing was published in the future, and an empty bucket is full again after its time.
    this.#publishedAtMs = publishedAtMs.map((atMs) => steady - Math.max(0, now - atMs));
    this.#shareFullAtMs = steady + Math.min(shareFullAtMs - now, this.#sizeMs());
  }

  /** Envelopes that may leave now. A canary that waits has the first place. */
  left(): number {
    return Math.max(0, this.#free() - (this.#canaryWaits ? 1 : 0));
  }

  /** When an envelope may leave, if none may now. */
  nextAtMs(): number {
    const needed = this.#canaryWaits ? 1 : 0;
    if (this.left() > 0) return this.#deps.clock.now();
    const index = Math.min(
      needed + this.#publishedAtMs.length - this.rule.publications,
      this.#publishedAtMs.length - 1,
    );
    const { clock } = this.#deps;
    const publishedAtMs = this.#publishedAtMs[Math.max(0, index)] ?? clock.steady();
    return clock.now() + publishedAtMs + this.rule.windowMs - clock.steady();
  }

  /** Durable when it returns: the envelopes may leave. */
  spend(count: number): void {
    const { store, clock, rule } = this.#deps;
    const atMs = clock.now();
    store.commit({
      atMs,
      conversations: [],
      spend: { publications: { count, forgetBeforeMs: atMs - rule.windowMs } },
    });
    for (let spent = 0; spent < count; spent += 1) this.#publishedAtMs.push(clock.steady());
  }

  /** For the canary: 0 when it may leave, and is counted; else how long it has to wait. It goes before other envelopes. */
  canaryWaitMs(): number {
    this.#canaryWaits = false;
    const now = this.#deps.clock.now();
    if (this.left() > 0) {
      this.spend(1);
      return 0;
    }
    const waitMs = Math.max(1, this.nextAtMs() - now);
    this.#canaryWaits = true;
    return waitMs;
  }

  /** None waits any more. */
  canaryGone(): void {
    this.#canaryWaits = false;
  }

  /** Canaries may take a small part of a small quota only. */
  canaryIntervalMs(wantedMs: number): number {
    return Math.max(wantedMs, Math.ceil((this.rule.windowMs * CANARY_PARTS) / this.rule.publications));
  }

  /** Tokens of the share in the bucket. */
  tokens(): number {
    return Math.max(0, Math.floor((this.#sizeMs() - this.#shareDebtMs()) / this.#refillMs));
  }

  /** When the next token comes. */
  nextTokenAtMs(): number {
    return this.#deps.clock.now() + Math.max(0, this.#shareDebtMs() - this.#sizeMs() + this.#refillMs);
  }

  /** Into the hand of a timer: its turn spends it, or gives it back. */
  take(tokens: number): void {
    this.#shareFullAtMs = this.#deps.clock.steady() + this.#shareDebtMs() + tokens * this.#refillMs;
  }

  giveBack(tokens: number): void {
    this.#shareFullAtMs -= tokens * this.#refillMs;
  }

  /** What the turn writes that has used them. */
  shareSpend(tokens: number): Spend {
    return { share: { tokens, refillMs: this.#refillMs, sizeMs: this.#sizeMs() } };
  }

  status(): QuotaStatus {
    const left = this.#free();
    return {
      ...this.rule,
      left,
      nextAtMs: left > 0 ? null : this.nextAtMs(),
      share: { tokens: this.shareSize, left: this.tokens() },
    };
  }

  #free(): number {
    const since = this.#deps.clock.steady() - this.rule.windowMs;
    this.#publishedAtMs = this.#publishedAtMs.filter((atMs) => atMs > since);
    return Math.max(0, this.rule.publications - this.#publishedAtMs.length);
  }

  #sizeMs(): number {
    return this.shareSize * this.#refillMs;
  }

  #shareDebtMs(): number {
    return Math.max(0, this.#shareFullAtMs - this.#deps.clock.steady());
  }
}
