/** The open conversations as people name them: by handle, name or id. In memory; the store holds the names. */
import type { AnyConversationType } from "../conversation/contract.ts";
import type { ConversationView } from "./api.ts";
import { UmbradError } from "./errors.ts";
import type { ConversationNumber, Store } from "./ports.ts";

/** `c<number>`: local, stable, and says nothing to anyone else. */
export function handleOf(number: ConversationNumber): string {
  return `c${number}`;
}

interface Entry {
  readonly view: ConversationView;
  readonly type: AnyConversationType;
}

export class Conversations {
  readonly #store: Store;
  readonly #byNumber = new Map<ConversationNumber, Entry>();
  readonly #byId = new Map<string, ConversationNumber>();
  #clientAddress = "";

  constructor(store: Store) {
    this.#store = store;
  }

  add(number: ConversationNumber, type: AnyConversationType, state: unknown, name: string | undefined): void {
    const summary = type.summary(state);
    const id = type.conversationId(state);
    const view = {
      handle: handleOf(number),
      id,
      type: type.name,
      name: name ?? null,
      peer: summary.peer ?? null,
      createdAtMs: summary.createdAtMs,
    };
    if (summary.clientAddress !== undefined) this.#clientAddress = summary.clientAddress;
    this.#byNumber.set(number, { view, type });
    this.#byId.set(id, number);
  }

  remove(number: ConversationNumber): void {
    const entry = this.#byNumber.get(number);
    if (entry === undefined) return;
    this.#byNumber.delete(number);
    this.#byId.delete(entry.view.id);
  }

  typeOf(number: ConversationNumber): AnyConversationType | undefined {
    return this.#byNumber.get(number)?.type;
  }

  clientAddress(): string {
    return this.#clientAddress;
  }

  /** Those with a peer: an inbox is not a conversation that a person would list. */
  list(): ConversationView[] {
    return [...this.#byNumber.values()].filter((entry) => entry.view.peer !== null).map((entry) => entry.view);
  }

  numberOf(handle: string): ConversationNumber {
    return Number.parseInt(handle.slice(1), 10);
  }

  find(nameOrHandleOrId: string): ConversationView {
    const byHandle = /^c(?:0|[1-9][0-9]*)$/.test(nameOrHandleOrId)
      ? this.#byNumber.get(this.numberOf(nameOrHandleOrId))
      : undefined;
    const byId = this.#byNumber.get(this.#byId.get(nameOrHandleOrId) ?? -1);
    const found = byHandle ?? byId;
    // An inbox is none to a caller: it takes no messages and has no history.
    if (found !== undefined && found.view.peer !== null) return found.view;
    const named = this.list().filter((view) => view.name === nameOrHandleOrId);
    if (named.length === 1) return named[0] as ConversationView;
    if (named.length > 1) {
      throw new UmbradError(
        "conversation/ambiguous",
        `${named.length} conversations are named ${JSON.stringify(nameOrHandleOrId)}: ${named.map((view) => view.handle).join(", ")}`,
        { hint: "use one of these handles" },
      );
    }
    throw new UmbradError("conversation/unknown", `there is no conversation ${JSON.stringify(nameOrHandleOrId)}`, {
      hint: this.#closeMatches(),
    });
  }

  rename(handle: string, name: string): void {
    const number = this.numberOf(handle);
    const entry = this.#byNumber.get(number);
    if (entry === undefined) return;
    this.#store.renameConversation(number, name);
    this.#byNumber.set(number, { ...entry, view: { ...entry.view, name } });
  }

  #closeMatches(): string {
    const views = this.list();
    if (views.length === 0)
      return "there are none yet: make one with `umbrad invite create` or `umbrad invite accept LINK`";
    const shown = views.slice(0, 5).map((view) => (view.name === null ? view.handle : `${view.handle} (${view.name})`));
    return `there are: ${shown.join(", ")}${views.length > 5 ? ", …" : ""}; see \`umbrad conversation list\``;
  }
}
