/** The people of a MemoryEngine: one contact for each conversation, and whatever requests a test puts there. */
import type { ConversationView } from "../../../src/engine/api.ts";
import type { ContactApi, ContactView, InviteRecord } from "../../../src/engine/contacts/contact-api.ts";
import { UmbradError } from "../../../src/engine/errors.ts";

export class MemoryPeople implements ContactApi {
  readonly #conversations: () => ConversationView[];
  readonly #names = new Map<string, string>();
  readonly #blocked = new Set<string>();
  readonly #verified = new Set<string>();
  made: InviteRecord[] = [];
  waiting: ConversationView[] = [];

  constructor(conversations: () => ConversationView[]) {
    this.#conversations = conversations;
  }

  async publicLink(): ReturnType<ContactApi["publicLink"]> {
    return { link: "umbra:public", expiresAtMs: Date.UTC(2026, 11, 22) };
  }

  async invites(): Promise<readonly InviteRecord[]> {
    return this.made;
  }

  async invite(id: string): Promise<InviteRecord> {
    const found = this.made.find((one) => one.id === id);
    if (found === undefined) throw new UmbradError("invite/unknown", `no invite ${id}`);
    return found;
  }

  async revokeInvite(id: string): Promise<InviteRecord> {
    const revoked = { ...(await this.invite(id)), state: "revoked" } as const;
    this.made = this.made.map((one) => (one.id === id ? revoked : one));
    return revoked;
  }

  contacts(): ContactView[] {
    return this.#conversations().map(({ peer, handle }) => ({
      address: peer ?? "",
      name: this.#names.get(peer ?? "") ?? null,
      isBlocked: this.#blocked.has(peer ?? ""),
      isVerified: this.#verified.has(peer ?? ""),
      conversations: [handle],
    }));
  }

  findContact(words: string): ContactView {
    const found = this.contacts().find(
      ({ address, name, conversations }) => address === words || name === words || conversations.includes(words),
    );
    if (found === undefined) throw new UmbradError("contact/unknown", `no contact ${words}`);
    return found;
  }

  async renameContact(words: string, name: string): Promise<ContactView> {
    this.#names.set(this.findContact(words).address, name);
    return this.findContact(name);
  }

  async blockContact(words: string, isBlocked: boolean): Promise<ContactView> {
    const { address } = this.findContact(words);
    if (isBlocked) this.#blocked.add(address);
    else this.#blocked.delete(address);
    return this.findContact(address);
  }

  async verifyContact(words: string, isVerified: boolean): Promise<ContactView> {
    const { address } = this.findContact(words);
    if (isVerified) this.#verified.add(address);
    else this.#verified.delete(address);
    return this.findContact(address);
  }

  requests(): ConversationView[] {
    return this.waiting;
  }

  async decideRequest(request: string): Promise<ConversationView> {
    const found = this.waiting.find(({ handle }) => handle === request);
    if (found === undefined) throw new UmbradError("contact/no-request", `no request ${request}`);
    this.waiting = this.waiting.filter((one) => one !== found);
    return found;
  }

  async renameConversation(words: string, name: string): Promise<ConversationView> {
    const conversations = this.#conversations();
    const at = conversations.findIndex(({ handle }) => handle === words);
    const found = conversations[at];
    if (found === undefined) throw new UmbradError("conversation/unknown", `no conversation ${words}`);
    conversations[at] = { ...found, name };
    return conversations[at];
  }

  async leaveConversation(words: string): Promise<ConversationView> {
    const conversations = this.#conversations();
    const at = conversations.findIndex(({ handle }) => handle === words);
    const [left] = at < 0 ? [] : conversations.splice(at, 1);
    if (left === undefined) throw new UmbradError("conversation/unknown", `no conversation ${words}`);
    return left;
  }
}
