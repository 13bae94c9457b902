/** How long a conversation keeps its messages, as an operator says it. For this side only: the peer is not told. */
import type { Conversations } from "../conversations.ts";
import type { ExpiryApi, ExpiryView } from "../operator/port.ts";
import type { Store } from "../ports.ts";

export class ExpiryDesk implements ExpiryApi {
  readonly #store: Store;
  readonly #conversations: Conversations;
  readonly #onChange: () => void;

  constructor(deps: { readonly store: Store; readonly conversations: Conversations; readonly onExpiry: () => void }) {
    this.#store = deps.store;
    this.#conversations = deps.conversations;
    this.#onChange = deps.onExpiry;
  }

  show(conversation: string): ExpiryView {
    const { handle } = this.#conversations.find(conversation);
    return { conversation: handle, afterMs: this.#store.expiry(this.#conversations.numberOf(handle)) ?? null };
  }

  set(conversation: string, afterMs: number | null): ExpiryView {
    const { handle } = this.#conversations.find(conversation);
    this.#store.setExpiry(this.#conversations.numberOf(handle), afterMs ?? undefined);
    this.#onChange();
    return { conversation: handle, afterMs };
  }
}
