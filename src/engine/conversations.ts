/** The open conversations as people name them: by handle, name or id. In memory; the store holds the names. */
import type { AnyConversationType } from "../conversation/contract.ts";
import type { ConversationState, ConversationView } from "./api.ts";
import { currentOf, stateAmong, successorsOf } from "./contacts/current.ts";
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
  readonly #ofContact: (words: string) => readonly string[];
  readonly #byNumber = new Map<ConversationNumber, Entry>();
  readonly #byId = new Map<string, ConversationNumber>();
  readonly #byPeer = new Map<string, Set<ConversationNumber>>();
  #clientAddress = "";

  /** `ofContact`: handles of the conversations that the name or address of a contact means. */
  constructor(store: Store, ofContact: (words: string) => readonly string[] = () => []) {
    this.#store = store;
    this.#ofContact = ofContact;
  }

  add(number: ConversationNumber, type: AnyConversationType, state: unknown, name: string | undefined): void {
    const { peer, createdAtMs, clientAddress, standing, isHeard } = type.summary(state);
    const id = type.conversationId(state);
    const view = {
      handle: handleOf(number),
      id,
      type: type.name,
      name: name ?? null,
      peer: peer ?? null,
      createdAtMs,
      standing: standing ?? "accepted",
      isHeard: isHeard ?? null,
    } as const;
    if (clientAddress !== undefined) this.#clientAddress = clientAddress;
    this.#byNumber.set(number, { view, type });
    this.#byId.set(id, number);
    if (view.peer !== null) this.#byPeer.set(view.peer, (this.#byPeer.get(view.peer) ?? new Set()).add(number));
  }

  /** After a turn: what a view shows of the state may have changed. */
  update(number: ConversationNumber, state: unknown): void {
    const entry = this.#byNumber.get(number);
    if (entry === undefined) return;
    const { standing = "accepted", isHeard = null } = entry.type.summary(state);
    const { view } = entry;
    if (view.standing === standing && view.isHeard === isHeard) return;
    this.#byNumber.set(number, { ...entry, view: { ...view, standing, isHeard } });
  }

  remove(number: ConversationNumber): void {
    const entry = this.#byNumber.get(number);
    if (entry === undefined) return;
    this.#byNumber.delete(number);
    this.#byId.delete(entry.view.id);
    const { peer } = entry.view;
    const ofPeer = this.#byPeer.get(peer ?? "");
    ofPeer?.delete(number);
    if (peer !== null && ofPeer?.size === 0) this.#byPeer.delete(peer);
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
    const ofContact = this.#ofContact(nameOrHandleOrId);
    const named = this.list().filter(({ name, handle }) => name === nameOrHandleOrId || ofContact.includes(handle));
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

  /** Where new content for this conversation goes: one that was superseded has a successor (profile 8.7). */
  successorOf(view: ConversationView): ConversationView {
    const isUsable = view.standing === "accepted" || view.standing === "rolled-back";
    if (view.peer === null || !isUsable || view.isHeard === null) return view;
    return currentOf(this.#besides(view)) ?? view;
  }

  /** `open` of what is closed: nobody asks what is to be done about it. */
  stateOf(handle: string): ConversationState {
    const view = this.#byNumber.get(this.numberOf(handle))?.view;
    return view === undefined ? "open" : stateAmong(view, this.#besides(view));
  }

  /** Handles of what has taken its place, one after the other; none of what is closed. */
  successorsOf(handle: string): string[] {
    const view = this.#byNumber.get(this.numberOf(handle))?.view;
    if (view === undefined || view.peer === null) return [];
    return successorsOf(view, this.#besides(view)).map((each) => each.handle);
  }

  /** Those with the same peer, of the same type, itself among them. */
  #besides({ peer, type }: ConversationView): ConversationView[] {
    return [...(this.#byPeer.get(peer ?? "") ?? [])]
      .flatMap((number) => this.#byNumber.get(number)?.view ?? [])
      .filter((view) => view.type === type);
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
