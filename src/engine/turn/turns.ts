/** Runs turns through the mailboxes and, right after each commit and before the conversation's next turn, updates memory. */
import type { AnyConversationType, Input } from "../../conversation/contract.ts";
import type { Hint } from "../../wire/ids.ts";
import type { Meter } from "../port/meter.ts";
import type { Clock, ConversationNumber, Store } from "../ports.ts";
import type { Registry } from "../registry.ts";
import type { Router } from "../routing/router.ts";
import { Committer } from "./committer.ts";
import { CommonBound, incompleteContent, skippedKeys } from "./common-bound.ts";
import { createMailboxes, type Mailboxes } from "./mailbox.ts";
import { States } from "./states.ts";
import { runTurn, type TurnOrigin, type TurnOutcome, type TurnPorts } from "./turn.ts";

export type AcceptedTurn = Extract<TurnOutcome, { kind: "accepted" }>;

const never = new Promise<never>(() => {});

export interface TurnListener {
  /** Hints that became known: orphans may match. */
  onHints(hints: readonly Hint[]): void;
  onAccepted(outcome: AcceptedTurn): void;
}

export class Turns {
  readonly #ports: TurnPorts;
  readonly #router: Router;
  readonly #mailboxes: Mailboxes = createMailboxes();
  readonly #listener: TurnListener;
  readonly #committer: Committer;
  readonly #bounds: readonly CommonBound[];
  #isClosed = false;
  #nextNumber: ConversationNumber;

  constructor(deps: {
    store: Store;
    registry: Registry;
    clock: Clock;
    router: Router;
    listener: TurnListener;
    isMetered?: boolean;
    meter?: Meter | undefined;
  }) {
    this.#committer = new Committer(deps.store);
    this.#router = deps.router;
    this.#listener = deps.listener;
    this.#nextNumber = deps.store.nextConversationNumber();
    const fire = async (number: ConversationNumber, name: string): Promise<boolean> => {
      const outcome = await this.run(number, () => ({ input: { kind: "timer", name }, origin: {} }));
      return outcome.kind === "accepted";
    };
    this.#bounds = [incompleteContent, skippedKeys].map((bounded) => new CommonBound(bounded, fire));
    this.#ports = {
      store: deps.store,
      registry: deps.registry,
      clock: deps.clock,
      isMetered: deps.isMetered ?? false,
      meter: deps.meter,
      states: new States(deps.store, deps.registry),
      commit: (turn) => this.#committer.commit(turn),
      // From memory: two turns that open conversations at the same time must not draw one number.
      nextConversationNumber: () => this.#nextNumber++,
    };
  }

  /**
   * One turn of `number`. `prepare` is asked when the conversation's earlier turns have ended: it returns undefined when
   * the input has become moot (an envelope that was committed meanwhile).
   */
  run(
    number: ConversationNumber,
    prepare: () => { readonly input: Input<unknown>; readonly origin: TurnOrigin } | undefined,
  ): Promise<TurnOutcome> {
    return this.#mailboxes.post(number, async () => {
      if (this.#isClosed) return never;
      const prepared = prepare();
      if (prepared === undefined) return { kind: "ignored", reason: "done meanwhile" };
      try {
        const outcome = await runTurn(this.#ports, number, prepared.input, prepared.origin);
        if (outcome.kind === "accepted") this.#apply(outcome);
        return outcome;
      } catch (error) {
        // The store was closed under it.
        if (this.#isClosed) return never;
        throw error;
      }
    });
  }

  /**
   * For a store that is about to close: a turn that has not ended never does, as if the process had ended before it. Its
   * caller got no answer, its envelope is read again.
   */
  close(): void {
    this.#isClosed = true;
    this.#committer.close();
  }

  idle(): Promise<void> {
    return this.#isClosed ? Promise.resolve() : this.#mailboxes.idle();
  }

  pending(): number {
    return this.#mailboxes.pending();
  }

  /** At start: a conversation as the store has it. */
  adopt(conversation: ConversationNumber, type: AnyConversationType, state: unknown): void {
    const change = { conversation, type, before: undefined, after: state };
    for (const bound of this.#bounds) bound.note(change);
    this.#router.apply(change);
  }

  #apply(outcome: AcceptedTurn): void {
    const changes = outcome.changed.map((change) => ({ conversation: change.number, ...change }));
    const hints = changes.flatMap((change) => this.#router.apply(change));
    for (const change of changes) for (const bound of this.#bounds) bound.apply(change);
    this.#listener.onAccepted(outcome);
    if (hints.length > 0) this.#listener.onHints(hints);
  }
}
