/** A transition in the making: the next state and its effects. Thrown away whole when the step refuses. */
import { toHex } from "../../crypto/bytes.ts";
import type { MessageId } from "../../wire/ids.ts";
import type { Effect, RecordKey, Transition, TurnContext } from "../contract.ts";
import { leaveTrails } from "./forgetting/trail.ts";
import type { PrivateState } from "./state.ts";

export class Draft {
  readonly context: TurnContext;
  readonly #effects: Effect[] = [];
  /** What this turn has put and dropped itself. */
  readonly #written = new Map<RecordKey, Uint8Array | undefined>();
  #state: PrivateState;

  constructor(state: PrivateState, context: TurnContext) {
    this.#state = state;
    this.context = context;
  }

  get state(): PrivateState {
    return this.#state;
  }

  get now(): number {
    return this.context.now;
  }

  set(change: Partial<PrivateState>): void {
    this.#state = { ...this.#state, ...change };
  }

  add(...effects: readonly Effect[]): void {
    this.#effects.push(...effects);
    for (const effect of effects) {
      if (effect.kind === "put") this.#written.set(effect.key, effect.bytes);
      if (effect.kind === "drop") this.#written.set(effect.key, undefined);
    }
  }

  /** A record that was asked for or written in this turn; `isLoaded` first. */
  record(key: RecordKey): Uint8Array | undefined {
    return this.#written.has(key) ? this.#written.get(key) : this.context.records.get(key);
  }

  isLoaded(key: RecordKey): boolean {
    return this.#written.has(key) || this.context.records.has(key);
  }

  /** This turn tells of the fate of the message. */
  hasTold(messageId: MessageId): boolean {
    return this.#effects.some(
      (effect) =>
        effect.kind === "deliver" && effect.event.type === "message.failed" && effect.event.messageId === messageId,
    );
  }

  /** An id for a message that nobody will name. */
  randomMessageId(): MessageId {
    return toHex(this.context.random(16)) as MessageId;
  }

  /** `refusedInside`: the key is used up, but what it opened is dropped and counted (profile 8.11 "BadlyFormed inside"). */
  accept(outcome: { readonly reply?: unknown; readonly refusedInside?: string | undefined } = {}): Accepted {
    const { reply, refusedInside } = outcome;
    return {
      kind: "accept",
      ...leaveTrails(this.#state, lastWords(this.#effects), this.now),
      ...(reply === undefined ? {} : { reply }),
      ...(refusedInside === undefined ? {} : { refusedInside }),
    };
  }
}

type Accepted = Extract<Transition<PrivateState>, { kind: "accept" }>;

/** A commit has no order between a put and a drop, or a schedule and a cancel: only the last word on each name may stay. */
function lastWords(effects: readonly Effect[]): Effect[] {
  const spoken = new Set<string>();
  const kept = effects.toReversed().filter((effect) => {
    const subject = subjectOf(effect);
    if (subject === undefined) return true;
    if (spoken.has(subject)) return false;
    spoken.add(subject);
    return true;
  });
  return kept.reverse();
}

function subjectOf(effect: Effect): string | undefined {
  switch (effect.kind) {
    case "put":
    case "drop":
      return `record ${effect.key}`;
    case "schedule":
    case "cancel":
      return `timer ${effect.name}`;
    default:
      return undefined;
  }
}
