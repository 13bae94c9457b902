/**
 * Bytes of content that has arrived in part, over all conversations (profile 10.5): over the bound the conversation that
 * holds most drops its oldest. Each type bounds its own; this is for many peers at once. In memory, from the states.
 */
import { type AnyConversationType, TIMER_SPILL } from "../../conversation/contract.ts";
import { INCOMPLETE_BYTES_MAX } from "../limits.ts";
import type { ConversationNumber } from "../ports.ts";

interface Change {
  readonly conversation: ConversationNumber;
  readonly type: AnyConversationType;
  /** undefined: closed. */
  readonly after: unknown;
}

interface IncompleteDeps {
  /** Fires the timer of the conversation; false: it changed nothing. */
  readonly fire: (conversation: ConversationNumber, timer: string) => Promise<boolean>;
  readonly bytesMax?: number;
}

export class IncompleteContent {
  readonly #deps: IncompleteDeps;
  readonly #bytes = new Map<ConversationNumber, number>();
  #total = 0;
  #isSpilling = false;

  constructor(deps: IncompleteDeps) {
    this.#deps = deps;
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
    const bytes = after === undefined ? 0 : (type.summary(after).incompleteBytes ?? 0);
    this.#total += bytes - (this.#bytes.get(conversation) ?? 0);
    if (bytes === 0) this.#bytes.delete(conversation);
    else this.#bytes.set(conversation, bytes);
  }

  async #spill(): Promise<void> {
    this.#isSpilling = true;
    try {
      while (this.#total > (this.#deps.bytesMax ?? INCOMPLETE_BYTES_MAX)) {
        if (!(await this.#deps.fire(this.#largest(), TIMER_SPILL))) return;
      }
    } catch {
      // The disk, or our bug, which other turns report: the next commit tries again.
    } finally {
      this.#isSpilling = false;
    }
  }

  #largest(): ConversationNumber {
    const [first] = [...this.#bytes].reduce((most, each) => (each[1] > most[1] ? each : most));
    return first;
  }
}
