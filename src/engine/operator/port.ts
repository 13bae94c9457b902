/** What operators see and do about what waits: part of `api.ts`. */
import type { Purpose } from "../../conversation/contract.ts";
import type { MessageState } from "../ports.ts";

/** One thing that has not left yet. */
export interface WaitingView {
  /** undefined: an acknowledgement, or a repetition of what the peer needs to recognise the rest. */
  readonly messageId: string | undefined;
  readonly conversation: string;
  readonly purpose: Purpose;
  /** Its envelope is made; else it waits for the peer to answer. */
  readonly isEncrypted: boolean;
  readonly attempts: number;
  readonly queuedAtMs: number;
  /** undefined: when the peer has answered. */
  readonly nextAtMs: number | undefined;
  /** Why it has not left, in the words of whoever did not take it, since this process started. */
  readonly reason: string | undefined;
}

/** What has not left. */
export interface OutboxApi {
  /** Oldest first; `total` counts envelopes only. */
  list(limit: number): { readonly waiting: readonly WaitingView[]; readonly total: number };
  /** A message that waits is tried at once; one that has failed is sent again, with the same id. `message/unknown`, `message/already-left`, `message/content-not-kept`. */
  retry(messageId: string): Promise<{ readonly messageId: string; readonly state: MessageState }>;
  /** It will not be sent: it becomes `failed`, reason `cancelled`. `message/unknown`, `message/already-left`, `message/leaving`, `message/cannot-cancel`. */
  cancel(messageId: string): Promise<{ readonly messageId: string; readonly state: MessageState }>;
}

/** An envelope for us that our own fault keeps from its turn. */
export interface ParkedView {
  readonly id: number;
  readonly conversation: string;
  readonly errorCode: string;
  readonly attempts: number;
  readonly bytes: number;
  readonly parkedAtMs: number;
  readonly nextAtMs: number;
}

/** Envelopes that were kept for another try. */
export interface ParkedApi {
  /** Oldest first. */
  list(limit: number): { readonly parked: readonly ParkedView[]; readonly total: number };
  /** At once; all of them without an id. Returns how many. `parked/unknown`. */
  retry(id?: number): number;
  /** For ever: only its sender can send it again. `parked/unknown`. */
  drop(id: number): void;
}

/** `afterMs` null: as long as `[retention] messages` says. */
export interface ExpiryView {
  readonly conversation: string;
  readonly afterMs: number | null;
}

export interface ExpiryApi {
  /** `conversation/unknown`, `conversation/ambiguous`. */
  show(conversation: string): ExpiryView;
  /** For messages that are there already too. */
  set(conversation: string, afterMs: number | null): ExpiryView;
}

/** What operators decide about. */
export interface OperatorDesk {
  readonly outbox: OutboxApi;
  readonly parked: ParkedApi;
  readonly expiry: ExpiryApi;
}
