/**
 * Which conversation an envelope belongs to: one hash-map probe; else at most eight inbox hashes; else nobody we know.
 * The index is derived from the states: built at start, changed after each commit, never stored (design 3.1).
 */
import type { AnyConversationType, ExpectedHint } from "../../conversation/contract.ts";
import { hintHex } from "../../wire/conversation-hint.ts";
import type { Envelope } from "../../wire/envelope.ts";
import type { Hint } from "../../wire/ids.ts";
import { invariant } from "../errors.ts";
import { STATIC_HINTS_MAX } from "../limits.ts";
import type { ConversationNumber } from "../ports.ts";
import { HintIndex } from "./hint-index.ts";

export interface Route {
  readonly conversation: ConversationNumber;
  readonly ref: number;
  /** By a static hint, which anybody can make. */
  readonly isInbox?: boolean;
}

export interface HintChange {
  readonly conversation: ConversationNumber;
  readonly type: AnyConversationType;
  /** undefined: the conversation is new. */
  readonly before: unknown;
  /** undefined: the conversation is closed. */
  readonly after: unknown;
}

export class Router {
  readonly #index: HintIndex;
  readonly #inboxes = new Map<ConversationNumber, Uint8Array>();

  constructor(expectedHints = 1_024) {
    this.#index = new HintIndex(expectedHints);
  }

  get hints(): number {
    return this.#index.size;
  }

  /** Memory that the index takes. */
  get indexBytes(): number {
    return this.#index.bytes;
  }

  route(envelope: Envelope): Route | undefined {
    const { hint, salt } = envelope;
    const hit = this.#index.find(hexWord(hint, 0), hexWord(hint, 8));
    if (hit !== undefined) return hit;
    for (const [conversation, id] of this.#inboxes) {
      if (hintHex(salt, id) === hint) return { conversation, ref: 0, isInbox: true };
    }
    return undefined;
  }

  /** Makes the index equal to what the state after the turn expects; returns the hints that are new. */
  apply(change: HintChange): Hint[] {
    const before =
      change.before === undefined ? new Map<number, ExpectedHint>() : this.#ratcheted(change, change.before);
    const added: Hint[] = [];
    if (change.after !== undefined) {
      for (const expected of change.type.expectedHints(change.after)) {
        if (expected.kind === "static") {
          this.#inboxes.set(change.conversation, expected.id);
          invariant(this.#inboxes.size <= STATIC_HINTS_MAX, "a daemon has at most 8 inboxes (profile 8.5)");
        } else if (!before.delete(expected.ref)) {
          const hint = expected.derive();
          this.#index.add(hint, { conversation: change.conversation, ref: expected.ref });
          added.push(hex(hint));
        }
      }
    } else {
      this.#inboxes.delete(change.conversation);
    }
    for (const [ref, gone] of before) {
      if (gone.kind === "ratcheted") this.#index.remove(gone.derive(), { conversation: change.conversation, ref });
    }
    return added;
  }

  #ratcheted(change: HintChange, state: unknown): Map<number, ExpectedHint> {
    const hints = new Map<number, ExpectedHint>();
    for (const expected of change.type.expectedHints(state)) {
      if (expected.kind === "ratcheted") hints.set(expected.ref, expected);
    }
    return hints;
  }
}

function hex(bytes: Uint8Array): Hint {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex") as Hint;
}

/** Eight hex digits as a uint32. parseInt on a slice costs three times as much, and every foreign envelope pays it. */
function hexWord(hint: Hint, offset: number): number {
  let word = 0;
  for (let index = offset; index < offset + 8; index += 1) {
    const code = hint.charCodeAt(index);
    // Lowercase by the form of a hint: "a" is 97 and means 10.
    word = (word << 4) | (code < 97 ? code - 48 : code - 87);
  }
  return word >>> 0;
}
