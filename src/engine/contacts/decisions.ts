/** What an operator decides about people, as turns of the inbox and of the conversations with them. */
import type { ConversationView } from "../api.ts";
import type { Commands } from "../commands.ts";
import type { Conversations } from "../conversations.ts";
import { UmbradError } from "../errors.ts";
import { CONTACT_NAME_LENGTH_MAX } from "../limits.ts";
import type { ContactApi, ContactView, InviteRecord } from "./contact-api.ts";
import { ambiguous, type Contacts } from "./contacts.ts";

/** The default inbox. */
const INBOX = 0;

interface DecisionDeps {
  readonly commands: Commands;
  readonly conversations: Conversations;
  readonly contacts: Contacts;
}

export class Decisions implements ContactApi {
  readonly #deps: DecisionDeps;

  constructor(deps: DecisionDeps) {
    this.#deps = deps;
  }

  async publicLink(): ReturnType<ContactApi["publicLink"]> {
    const { reply } = await this.#deps.commands.run(INBOX, { kind: "public-link" });
    return reply as Awaited<ReturnType<ContactApi["publicLink"]>>;
  }

  async invites(): Promise<readonly InviteRecord[]> {
    return this.#invites({});
  }

  async invite(id: string): Promise<InviteRecord> {
    const [invite] = await this.#invites({ id });
    if (invite === undefined) throw new UmbradError("invite/unknown", `there is no invite ${JSON.stringify(id)}`);
    return invite;
  }

  async revokeInvite(id: string): Promise<InviteRecord> {
    await this.#deps.commands.run(INBOX, { kind: "revoke-invite", id });
    return this.invite(id);
  }

  async #invites(query: { readonly id?: string }): Promise<readonly InviteRecord[]> {
    const { reply } = await this.#deps.commands.run(INBOX, { kind: "list-invites", ...query });
    return (reply as { links: readonly InviteRecord[] }).links;
  }

  contacts(): ContactView[] {
    return this.#deps.contacts.list();
  }

  findContact(words: string): ContactView {
    const { contacts, conversations } = this.#deps;
    return contacts.find(words, () => {
      try {
        return conversations.find(words).peer;
      } catch (error) {
        if (error instanceof UmbradError && error.code === "conversation/unknown") return null;
        throw error;
      }
    });
  }

  async renameContact(words: string, name: string): Promise<ContactView> {
    requireName(name);
    return this.#deps.contacts.change(this.findContact(words).address, { name });
  }

  /** The inbox first: from then on nothing new of the identity comes in. Each step may be repeated after a crash. */
  async blockContact(words: string, isBlocked: boolean): Promise<ContactView> {
    const { commands, conversations, contacts } = this.#deps;
    const { address } = this.findContact(words);
    await commands.run(INBOX, { kind: "block", peer: address, isBlocked });
    for (const view of conversations.list().filter(({ peer }) => peer === address)) {
      if (view.standing === "undecided") continue;
      await commands.run(conversations.numberOf(view.handle), { kind: isBlocked ? "block" : "unblock" });
    }
    return contacts.change(address, { isBlocked });
  }

  async verifyContact(words: string, isVerified: boolean): Promise<ContactView> {
    return this.#deps.contacts.change(this.findContact(words).address, { isVerified });
  }

  requests(): ConversationView[] {
    return this.#deps.conversations.list().filter(({ standing }) => standing === "undecided");
  }

  async decideRequest(words: string, isAccepted: boolean): Promise<ConversationView> {
    const { commands, conversations } = this.#deps;
    const view = this.#findRequest(words);
    await commands.run(INBOX, { kind: "decide-request", peer: view.peer, isAccepted });
    // The inbox has told the conversation already, and perhaps it has heard: whoever is answered may rely on it.
    const number = conversations.numberOf(view.handle);
    if (isAccepted) await commands.run(number, { kind: "accept" });
    else if (conversations.typeOf(number) !== undefined) await commands.runUnlessGone(number, { kind: "close" });
    return isAccepted ? conversations.find(view.handle) : view;
  }

  async renameConversation(words: string, name: string): Promise<ConversationView> {
    requireName(name);
    const { conversations } = this.#deps;
    const { handle } = conversations.find(words);
    conversations.rename(handle, name);
    return conversations.find(handle);
  }

  async leaveConversation(words: string): Promise<ConversationView> {
    const { commands, conversations } = this.#deps;
    const view = conversations.find(words);
    await commands.run(conversations.numberOf(view.handle), { kind: "close" });
    return view;
  }

  #findRequest(words: string): ConversationView {
    const matches = this.requests().filter(
      ({ handle, id, peer, name }) => handle === words || id === words || peer === words || name === words,
    );
    const [match, ...more] = matches;
    if (more.length > 0)
      throw ambiguous(
        words,
        matches.map(({ handle }) => handle),
      );
    if (match !== undefined) return match;
    throw new UmbradError("contact/no-request", `no request is called ${JSON.stringify(words)}`, {
      hint: "umbrad contact requests",
    });
  }
}

function requireName(name: string): void {
  if (/^[^\p{Cc}]+$/u.test(name) && name.length <= CONTACT_NAME_LENGTH_MAX && !/^c\d+$/.test(name)) return;
  throw new UmbradError("contact/bad-name", `${JSON.stringify(name)} cannot be a name`, {
    hint: `1 to ${CONTACT_NAME_LENGTH_MAX} printable characters that do not look like a handle`,
  });
}
