/**
 * Bounds of what all conversations hold together (profile 10.5): over one of them the conversation that holds most drops its
 * oldest. Each type bounds its own; this is for many peers at once. In memory, from the states.
 */
import {
  type AnyConversationType,
  type ConversationSummary,
  TIMER_SPILL,
  TIMER_SPILL_KEYS,
} from "../../conversation/contract.ts";
import { INCOMPLETE_BYTES_MAX, SKIPPED_KEYS_SUM_MAX } from "../limits.ts";
import type { ConversationNumber } from "../ports.ts";

interface Change {
  readonly conversation: ConversationNumber;
  readonly type: AnyConversationType;
  /** undefined: closed. */
  readonly after: unknown;
}

/** What is counted, and who drops it. */
export interface Bounded {
  readonly max: number;
  readonly heldBy: (summary: ConversationSummary) => number | undefined;
  /** Of the conversation, which drops its oldest when it fires. */
  readonly timer: string;
}

/** Content that has arrived in part, in bytes. */
export const incompleteContent: Bounded = {
  max: INCOMPLETE_BYTES_MAX,
  heldBy: ({ incompleteBytes }) => incompleteBytes,
  timer: TIMER_SPILL,
};

/** Keys of messages that may yet come, each with a hint in the index and a row on the disk. */
export const skippedKeys: Bounded = {
  max: SKIPPED_KEYS_SUM_MAX,
  heldBy: (summary) => summary.skippedKeys,
  timer: TIMER_SPILL_KEYS,
};

/** Fires the timer of the conversation; false: it changed nothing. */
export type Fire = (conversation: ConversationNumber, timer: string) => Promise<boolean>;

export class CommonBound {
  readonly #bounded: Bounded;
  readonly #fire: Fire;
  readonly #held = new Map<ConversationNumber, number>();
  #total = 0;
  #isSpilling = false;

  constructor(bounded: Bounded, fire: Fire) {
    this.#bounded = bounded;
    this.#fire = fire;
  }

  get total(): number {
    return this.#total;
  }

  /** After each commit. */
  apply(change: Change): void {
    this.note(change);
    if (!this.#isSpilling) void this.#spill();
  }

  /** At start, when no turn may run yet: the first commit looks. */
  note({ conversation, type, after }: Change): void {
    const held = after === undefined ? 0 : (this.#bounded.heldBy(type.summary(after)) ?? 0);
    this.#total += held - (this.#held.get(conversation) ?? 0);
    if (held === 0) this.#held.delete(conversation);
    else this.#held.set(conversation, held);
  }

  async #spill(): Promise<void> {
    this.#isSpilling = true;
    try {
      while (this.#total > this.#bounded.max) {
        if (!(await this.#fire(this.#largest(), this.#bounded.timer))) return;
      }
    } catch {
      // The disk, or our bug, which other turns report: the next commit tries again.
    } finally {
      this.#isSpilling = false;
    }
  }

  #largest(): ConversationNumber {
    const [first] = [...this.#held].reduce((most, each) => (each[1] > most[1] ? each : most));
    return first;
  }
}
