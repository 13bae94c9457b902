/** The JSON about what waits: to leave, or for another try. */
import type { ParkedView, WaitingView } from "../../engine/api.ts";
import type { MessageState } from "../../engine/ports.ts";
import { rfc3339 } from "../views.ts";

/** One thing that has not left yet. */
export interface WaitingJson {
  /** null: an acknowledgement, or a repetition that is no message of its own. */
  readonly messageId: string | null;
  readonly conversation: string;
  readonly purpose: "invite" | "content" | "acknowledgement" | "repeat";
  /** Its envelope is made; else it waits for the peer to answer. */
  readonly encrypted: boolean;
  readonly attempts: number;
  readonly queuedAt: string;
  /** null: when the peer has answered. */
  readonly nextAt: string | null;
  readonly reason: string | null;
}

/** The first of them, oldest first; `total` counts all envelopes. */
export interface OutboxJson {
  readonly waiting: readonly WaitingJson[];
  readonly total: number;
}

/** What became of a message that was retried or cancelled. */
export interface FateJson {
  readonly messageId: string;
  readonly state: MessageState;
}

/** An envelope for us that our own fault keeps from its turn. */
export interface ParkedJson {
  readonly id: number;
  readonly conversation: string;
  readonly errorCode: string;
  readonly attempts: number;
  readonly bytes: number;
  readonly parkedAt: string;
  readonly nextAt: string;
}

/** The first of them, oldest first; `total` counts all. */
export interface ParkedListJson {
  readonly parked: readonly ParkedJson[];
  readonly total: number;
}

export function waitingJson(view: WaitingView): WaitingJson {
  const { messageId, conversation, purpose, isEncrypted, attempts, queuedAtMs, nextAtMs, reason } = view;
  return {
    messageId: messageId ?? null,
    conversation,
    purpose,
    encrypted: isEncrypted,
    attempts,
    queuedAt: rfc3339(queuedAtMs),
    nextAt: nextAtMs === undefined ? null : rfc3339(nextAtMs),
    reason: reason ?? null,
  };
}

export function parkedJson({ parkedAtMs, nextAtMs, ...same }: ParkedView): ParkedJson {
  return { ...same, parkedAt: rfc3339(parkedAtMs), nextAt: rfc3339(nextAtMs) };
}
