/** What the admin API may ask of a running engine. Errors are UmbradError with the codes named here. */
import type { ContactApi } from "./contacts/contact-api.ts";
import type { MessageContent } from "./content/message-content.ts";
import type { OperatorDesk } from "./operator/port.ts";
import type { EventRow, MessageRow, MessageState, MessageTrace, TransportStatus } from "./ports.ts";
import type { QuotaStatus } from "./quota/quota.ts";

export type { ContactApi, ContactView, InviteRecord } from "./contacts/contact-api.ts";
export type { ExpiryView, OperatorDesk, ParkedView, WaitingView } from "./operator/port.ts";

export type DaemonState = "starting" | "ready" | "degraded" | "draining";

export interface EngineStatus {
  readonly state: DaemonState;
  /** Why it is not ready; empty when it is. */
  readonly reasons: readonly string[];
  readonly clientAddress: string;
  readonly network: TransportStatus;
  /** `hearing` when what we published came back to us. */
  readonly canary: {
    readonly state: "off" | "waiting" | "hearing" | "deaf" | "unsendable";
    readonly rttMs: number | null;
    /** Since the last one that came back had left. */
    readonly ageMs: number | null;
    /** Peer ids of service nodes that do not push what others push. */
    readonly silentNodes: readonly string[];
  };
  /** Every wanted topic is listened to and its history has been read since. */
  readonly synced: boolean;
  readonly conversations: number;
  readonly outbox: number;
  readonly parked: number;
  /** null: the network does not count what we publish. */
  readonly quota: QuotaStatus | null;
  readonly lastSeq: number;
  /** When a backup of this state was last verified; null: never. */
  readonly backedUpAtMs: number | null;
}

/** One thing that has to work. */
export interface HealthCheck {
  readonly name: "store" | "peers" | "subscriptions" | "canary" | "clock" | "history" | "outbox";
  readonly ok: boolean;
  /** For people: what was seen, or what is wrong. */
  readonly text: string;
  readonly data: Readonly<Record<string, string | number | boolean | null>>;
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
  readonly standing: "accepted" | "undecided" | "blocked" | "rolled-back";
  /** A message of the peer was read in it; null: the type does not say, and its conversations never succeed each other. */
  readonly isHeard: boolean | null;
}

/** Whether the peer has answered in it, and whether a newer one with the same peer has taken its place (profile 8.7). */
export type ConversationState = "open" | "unanswered" | "superseded";

export interface SendRequest {
  /** Handle, name or id of a conversation, or name or address of a contact; one that was superseded means its successor. */
  readonly conversation: string;
  readonly text: string;
  /** Same key and same text: same message id, sent once. Another text: `message/key-conflict`. */
  readonly key?: string;
}

/** A named reader of the event log. */
export interface ConsumerView {
  readonly name: string;
  /** Everything up to here is done with. */
  readonly ackedSeq: number;
  /** How many events it has not acknowledged. */
  readonly behind: number;
  readonly isReading: boolean;
  readonly createdAtMs: number;
  readonly ackedAtMs: number;
}

/** The right to be the one reader of a consumer, until `release`. */
export interface ConsumerLease {
  /** Where the reader begins: what is up to here was acknowledged, or is not wanted. */
  readonly after: number;
  release(): void;
}

/** Events that retention has deleted before a reader came to them. */
export interface EventGap {
  readonly from: number;
  readonly to: number;
  readonly reason: "retention";
  /** When the first event after it happened. */
  readonly atMs: number;
}

/** Consumers of the event log, and where the log begins. */
export interface ConsumersApi {
  /** What a reader that has everything up to `after` can no longer get. */
  gapAfter(after: number): EventGap | undefined;
  /** Before the oldest event that is kept: where a reader begins that wants all there is. */
  beforeFirst(): number;
  list(): ConsumerView[];
  /**
   * Makes the consumer on first use; it then begins after `after`, or with the oldest event. Later `after` only skips
   * what it is past the cursor. `consumer/busy` (another reads), `consumer/too-many`, `consumer/ahead`.
   */
  read(name: string, after?: number): Promise<ConsumerLease>;
  /** Durable when it returns. Repeated or older numbers change nothing. `consumer/unknown`, `consumer/ahead`. */
  acknowledge(name: string, seq: number): ConsumerView;
  /**
   * For a reader who leaves types out: nothing for it is between the last event that it was shown and `through`. Moves its
   * place there, once it has acknowledged all that it was shown. Durable when it returns.
   */
  passOver(name: string, shown: number, through: number): void;
  /** `consumer/unknown`, `consumer/busy`. */
  drop(name: string): ConsumerView;
}
/** `lastReason`: why its envelope has not left, in the words of whoever did not take it, since this process started. */
export type MessageLife = MessageTrace & { readonly lastReason: string | undefined };

export interface SendFileRequest {
  /** Handle, name or id. */
  readonly conversation: string;
  /** Of the file alone, no path: `message/bad-file-name`. */
  readonly name: string;
  readonly mime?: string;
  readonly data: Uint8Array;
  /** As in SendRequest. */
  readonly key?: string;
}

export interface EngineApi {
  /** Contacts, their requests, and what becomes of conversations with them. */
  readonly people: ContactApi;
  /** What became of envelopes; for metrics. */
  readonly counters: { all(): Readonly<Record<string, number>> };
  status(): EngineStatus;
  /** In the order in which they are to be mended. */
  health(): readonly HealthCheck[];
  /** Without inboxes. */
  conversations(): ConversationView[];
  /** `conversation/unknown` (the hint lists close matches), `conversation/ambiguous` (the message lists them). */
  findConversation(nameOrHandleOrId: string): ConversationView;
  /** Of a handle that `conversations` or `findConversation` gave; `open` of what is closed. */
  conversationState(handle: string): ConversationState;
  /** Handles of the open ones that have taken its place with the same peer; none of what is closed. */
  successorsOf(handle: string): readonly string[];
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
  sendFile(request: SendFileRequest): Promise<{ messageId: string; state: MessageState; conversation: string }>;
  message(messageId: string): MessageRow | undefined;
  /** Its whole life: what happened, and what it waits for. */
  trace(messageId: string): MessageLife | undefined;
  /** `message/unknown`, `message/content-not-kept`. */
  content(messageId: string): MessageContent;
  messages(query: { readonly conversation: string; readonly limit: number; readonly before?: number }): MessageRow[];
  events(query: {
    readonly after: number;
    readonly limit: number;
    /** Handles, also of closed ones. */
    readonly conversations?: readonly string[] | undefined;
    readonly types?: readonly string[] | undefined;
    /** The last seq to look at; without it the newest. */
    readonly through?: number | undefined;
  }): EventRow[];
  lastSeq(): number;
  /** The newest that was announced: what its commit changed shows in every answer by then. May lag behind `lastSeq`. */
  announcedSeq(): number;
  readonly desk: OperatorDesk;
  readonly consumers: ConsumersApi;
  /** Called after each commit that appended events, in seq order. Returns the unsubscribe function. */
  onEvents(listener: (events: readonly EventRow[]) => void): () => void;
  onStatus(listener: () => void): () => void;
}
