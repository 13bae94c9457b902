/** What the admin API may ask of a running engine. Errors are UmbradError with the codes named here. */
import type { ContactApi } from "./contacts/contact-api.ts";
import type { EventRow, MessageRow, MessageState, TransportStatus } from "./ports.ts";

export type { ContactApi, ContactView, InviteRecord } from "./contacts/contact-api.ts";

export type DaemonState = "starting" | "ready" | "degraded" | "draining";

export interface EngineStatus {
  readonly state: DaemonState;
  /** Why it is not ready; empty when it is. */
  readonly reasons: readonly string[];
  readonly clientAddress: string;
  readonly network: TransportStatus;
  /** Every wanted topic is listened to and its history has been read since. */
  readonly synced: boolean;
  readonly conversations: number;
  readonly outbox: number;
  readonly parked: number;
  readonly lastSeq: number;
}

export interface ConversationView {
  /** `c1`, `c2`, …: local, stable. */
  readonly handle: string;
  readonly id: string;
  /** `private/v1`. */
  readonly type: string;
  readonly name: string | null;
  readonly peer: string | null;
  readonly createdAtMs: number;
  /** `undecided`: a contact request; it sends nothing until it is accepted. `blocked`: it reads nothing either. */
  readonly standing: "accepted" | "undecided" | "blocked";
  /** A message of the peer was read in it; null: the type does not say, and its conversations never succeed each other. */
  readonly isHeard: boolean | null;
}

export interface SendRequest {
  /** Handle, name or id of a conversation, or name or address of a contact; one that was superseded means its successor. */
  readonly conversation: string;
  readonly text: string;
  /** Same key and same text: same message id, sent once. Another text: `message/key-conflict`. */
  readonly key?: string;
}

export interface EngineApi {
  /** Contacts, their requests, and what becomes of conversations with them. */
  readonly people: ContactApi;
  status(): EngineStatus;
  /** Without inboxes. */
  conversations(): ConversationView[];
  /** `conversation/unknown` (the hint lists close matches), `conversation/ambiguous` (the message lists them). */
  findConversation(nameOrHandleOrId: string): ConversationView;
  handleOf(conversationNumber: number): string;
  createInvite(request: {
    readonly uses: number;
    readonly expiresAtMs: number;
  }): Promise<{ id: string; link: string; expiresAtMs: number; uses: number }>;
  /** `invite/malformed`, `invite/expired`, `invite/own`, `invite/unsupported`. */
  acceptInvite(request: {
    readonly link: string;
    readonly text?: string;
  }): Promise<{ conversation: string; messageId: string | null }>;
  send(request: SendRequest): Promise<{ messageId: string; state: MessageState; conversation: string }>;
  message(messageId: string): MessageRow | undefined;
  messages(query: { readonly conversation: string; readonly limit: number; readonly before?: number }): MessageRow[];
  events(query: {
    readonly after: number;
    readonly limit: number;
    readonly conversations?: readonly string[];
  }): EventRow[];
  lastSeq(): number;
  /** Called after each commit that appended events, in seq order. Returns the unsubscribe function. */
  onEvents(listener: (events: readonly EventRow[]) => void): () => void;
  onStatus(listener: () => void): () => void;
}
