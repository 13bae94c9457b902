/** What the admin API may ask of a running engine. Errors are UmbradError with the codes named here. */
import type { EventRow, MessageRow, MessageState, MessageTrace, TransportStatus } from "./ports.ts";

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
  };
  /** Every wanted topic is listened to and its history has been read since. */
  readonly synced: boolean;
  readonly conversations: number;
  readonly outbox: number;
  readonly parked: number;
  readonly lastSeq: number;
}

/** One thing that has to work. */
export interface HealthCheck {
  readonly name: "store" | "peers" | "subscriptions" | "canary" | "history" | "outbox";
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
}

export interface SendRequest {
  /** Handle, name or id. */
  readonly conversation: string;
  readonly text: string;
  /** Same key and same text: same message id, sent once. Another text: `message/key-conflict`. */
  readonly key?: string;
}

/** `lastReason`: why its envelope has not left, in the words of whoever did not take it, since this process started. */
export type MessageLife = MessageTrace & { readonly lastReason: string | undefined };

export interface EngineApi {
  status(): EngineStatus;
  /** In the order in which they are to be mended. */
  health(): readonly HealthCheck[];
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
  /** Its whole life: what happened, and what it waits for. */
  trace(messageId: string): MessageLife | undefined;
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
