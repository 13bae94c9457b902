/** Identities as people name them. In memory; the store keeps names and blocks, the conversations say who there is. */
import type { ConversationView } from "../api.ts";
import { UmbradError } from "../errors.ts";
import type { ContactRow, ContactStore } from "../ports.ts";
import type { ContactView } from "./contact-api.ts";
import { currentOf } from "./current.ts";

export class Contacts {
  readonly #store: ContactStore;
  readonly #conversations: () => readonly ConversationView[];
  readonly #rows = new Map<string, ContactRow>();

  constructor(store: ContactStore, conversations: () => readonly ConversationView[]) {
    this.#store = store;
    this.#conversations = conversations;
  }

  /** Reads the store. */
  load(): void {
    for (const row of this.#store.contacts()) this.#rows.set(row.address, row);
  }

  list(): ContactView[] {
    const byPeer = new Map<string, ConversationView[]>();
    for (const view of this.#conversations()) {
      if (view.peer === null || view.standing === "undecided") continue;
      byPeer.set(view.peer, [...(byPeer.get(view.peer) ?? []), view]);
    }
    // Who was only blocked or renamed stays listed: nothing else would show it.
    const addresses = new Set([...byPeer.keys(), ...this.#rows.keys()]);
    return [...addresses].map((address) => this.#view(address, byPeer.get(address) ?? []));
  }

  nameOf(address: string | null): string | null {
    return address === null ? null : (this.#rows.get(address)?.name ?? null);
  }

  /** Those that have this name or address. */
  matches(nameOrAddress: string): ContactView[] {
    return this.list().filter(({ name, address }) => name === nameOrAddress || address === nameOrAddress);
  }

  /** The newest conversation with each of them. */
  current(nameOrAddress: string): string[] {
    return this.matches(nameOrAddress).flatMap(({ conversations }) => conversations.slice(0, 1));
  }

  /** `byConversation`: the peer of the conversation that the words mean, if they mean one. */
  find(words: string, byConversation: () => string | null): ContactView {
    const matches = this.matches(words);
    if (matches.length > 1) throw ambiguous(words, matches.map(describe));
    const [match] = matches;
    if (match !== undefined) return match;
    const address = byConversation();
    if (address !== null) {
      const conversations = this.#conversations().filter(({ peer }) => peer === address);
      return this.#view(address, conversations);
    }
    throw new UmbradError("contact/unknown", `there is no contact ${JSON.stringify(words)}`, {
      hint: "umbrad contact list",
    });
  }

  change(address: string, change: Partial<Omit<ContactRow, "address">>): ContactView {
    const unknown: ContactRow = { address, name: undefined, isBlocked: false, isVerified: false };
    const row = { ...(this.#rows.get(address) ?? unknown), ...change };
    this.#store.putContact(row);
    this.#rows.set(address, row);
    return this.#view(
      address,
      this.#conversations().filter(({ peer }) => peer === address),
    );
  }

  #view(address: string, conversations: readonly ConversationView[]): ContactView {
    const row = this.#rows.get(address);
    const current = currentOf(conversations);
    const others = conversations.filter((view) => view !== current);
    return {
      address,
      name: row?.name ?? null,
      isBlocked: row?.isBlocked ?? false,
      isVerified: row?.isVerified ?? false,
      conversations: [...(current === undefined ? [] : [current]), ...others].map(({ handle }) => handle),
    };
  }
}

/** An error that lists what the words may mean. */
export function ambiguous(words: string, meanings: readonly string[]): UmbradError {
  return new UmbradError("contact/ambiguous", `${JSON.stringify(words)} may mean ${meanings.join(", ")}`, {
    hint: "use a handle or an address",
  });
}

function describe({ address, conversations }: ContactView): string {
  return [address, ...conversations].join(" ");
}
