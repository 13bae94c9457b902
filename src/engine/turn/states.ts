/** Decoded states of conversations, at most STATE_CACHE_MAX in memory; the database holds the truth. */
import type { AnyConversationType } from "../../conversation/contract.ts";
import { UmbradError } from "../errors.ts";
import { STATE_CACHE_MAX } from "../limits.ts";
import type { ConversationNumber, Log, Store, StoredConversation } from "../ports.ts";
import type { Registry } from "../registry.ts";

export interface LoadedConversation {
  readonly number: ConversationNumber;
  readonly type: AnyConversationType;
  readonly revision: number;
  readonly state: unknown;
}

export class States {
  readonly #store: Store;
  readonly #registry: Registry;
  // Insertion order is use order: a read moves its entry to the end.
  readonly #loaded = new Map<ConversationNumber, LoadedConversation>();

  constructor(store: Store, registry: Registry) {
    this.#store = store;
    this.#registry = registry;
  }

  /** undefined: no such conversation, or closed. Throws `conversation/halted` when the stored state does not decode. */
  load(number: ConversationNumber): LoadedConversation | undefined {
    const cached = this.#loaded.get(number);
    if (cached !== undefined) {
      this.#loaded.delete(number);
      this.#loaded.set(number, cached);
      return cached;
    }
    const stored = this.#store.conversation(number);
    if (stored === undefined || stored.closed) return undefined;
    const type = this.#registry.type(stored.type);
    const loaded = { number, type, revision: stored.revision, state: decodeState(type, stored.state, number) };
    this.keep(loaded);
    return loaded;
  }

  keep(conversation: LoadedConversation): void {
    this.#loaded.delete(conversation.number);
    this.#loaded.set(conversation.number, conversation);
    if (this.#loaded.size > STATE_CACHE_MAX) {
      for (const oldest of this.#loaded.keys()) {
        this.#loaded.delete(oldest);
        break;
      }
    }
  }

  /** After a failed commit or a close: the next load reads the database. */
  forget(number: ConversationNumber): void {
    this.#loaded.delete(number);
  }
}

/** A state that does not decode halts its conversation only: no input can cause it, so an upgrade or a backup must mend it. */
export function decodeState(type: AnyConversationType, bytes: Uint8Array, number: ConversationNumber): unknown {
  try {
    return type.state.decode(bytes);
  } catch (cause) {
    throw new UmbradError("conversation/halted", `the stored state of c${number} does not decode as ${type.name}`, {
      hint: "upgrade umbrad if the state was written by a newer version, else restore a backup",
      cause,
    });
  }
}

/** Every open conversation whose state decodes. A broken one is left alone: it must not keep the daemon from serving the others. */
export function* openConversations(
  { store, log }: { readonly store: Store; readonly log: Log },
  registry: Registry,
): Generator<{ readonly stored: StoredConversation; readonly type: AnyConversationType; readonly state: unknown }> {
  for (const stored of store.conversations()) {
    if (stored.closed) continue;
    const type = registry.type(stored.type);
    try {
      yield { stored, type, state: decodeState(type, stored.state, stored.number) };
    } catch (error) {
      log.error(
        { event: "conversation.halted", component: "engine", conversation: `c${stored.number}`, err: error },
        "a conversation's stored state does not decode; it is left alone",
      );
    }
  }
}
