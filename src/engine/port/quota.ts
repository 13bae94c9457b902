/** The Store port's rows of what was spent of a network's quota. Part of `ports.ts`, which everybody imports it from. */

/** What a commit spends. In the commit of what it pays for where it is a turn, else before the envelope leaves. */
export interface Spend {
  /** Publications that leave now; those of before `forgetBeforeMs` count no longer. */
  readonly publications?: { readonly count: number; readonly forgetBeforeMs: number };
  /** Tokens of the share; the bucket is full again `refillMs` later for each, and `sizeMs` later at most. */
  readonly share?: { readonly tokens: number; readonly refillMs: number; readonly sizeMs: number };
}

/** What is left of earlier spending. */
export interface SpentRows {
  /** When each publication left, oldest first. */
  readonly publishedAtMs: readonly number[];
  /** When the bucket of the share is full again; 0: nothing was ever taken. */
  readonly shareFullAtMs: number;
}
