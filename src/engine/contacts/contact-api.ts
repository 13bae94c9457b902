/** What the admin API may ask about people: contacts, their requests, and what becomes of conversations with them. */
import type { ConversationView } from "../api.ts";

export interface ContactView {
  /** Client address. */
  readonly address: string;
  readonly name: string | null;
  readonly isBlocked: boolean;
  /** The operator has compared the safety numbers. The address is the key, so it holds until it is taken back. */
  readonly isVerified: boolean;
  /** Handles of the open conversations with it, the current one first. */
  readonly conversations: readonly string[];
}

/** An invite link that was given out. */
export interface InviteRecord {
  readonly id: string;
  readonly uses: number;
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
  readonly state: "open" | "used" | "revoked" | "expired";
  readonly redemptions: readonly { readonly peer: string; readonly atMs: number }[];
  /** The link itself, of one that is shown alone and still works. */
  readonly link?: string;
}

export interface ContactApi {
  /** For everybody: who uses it is a request until the operator accepts. */
  publicLink(): Promise<{ readonly link: string; readonly expiresAtMs: number }>;
  invites(): Promise<readonly InviteRecord[]>;
  /** `invite/unknown`. */
  invite(id: string): Promise<InviteRecord>;
  /** `invite/unknown`, `invite/ended`. */
  revokeInvite(id: string): Promise<InviteRecord>;
  contacts(): ContactView[];
  /** By name, address, or any conversation with it. `contact/unknown`, `contact/ambiguous` (the message lists matches). */
  findContact(nameOrAddressOrConversation: string): ContactView;
  renameContact(contact: string, name: string): Promise<ContactView>;
  /** A blocked identity is neither read nor answered, and learns nothing. */
  blockContact(contact: string, isBlocked: boolean): Promise<ContactView>;
  /** Keeps that both people have compared their safety numbers, or takes it back. */
  verifyContact(contact: string, isVerified: boolean): Promise<ContactView>;
  /** Conversations that wait for a decision. */
  requests(): ConversationView[];
  /** `contact/no-request` when there is none. Refusing closes the conversation. */
  decideRequest(request: string, isAccepted: boolean): Promise<ConversationView>;
  renameConversation(conversation: string, name: string): Promise<ConversationView>;
  /** Closes it for good; the peer is not told. */
  leaveConversation(conversation: string): Promise<ConversationView>;
}
