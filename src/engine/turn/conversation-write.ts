/** Effects become rows: what one accepted transition writes of its conversation. */
import type { AnyConversationType, ConversationEvent, Effect, Transition } from "../../conversation/contract.ts";
import type { MessageId } from "../../wire/ids.ts";
import { UmbradError } from "../errors.ts";
import { STATE_BYTES_MAX } from "../limits.ts";
import type { ConversationNumber, ConversationWrite, MessageState } from "../ports.ts";

/** The conversation a transition is of, at the revision it was computed from. */
export interface Target {
  readonly number: ConversationNumber;
  readonly type: AnyConversationType;
  readonly revision: number;
  readonly before: unknown;
}

/** The rows of one accepted transition. */
export function conversationWrite(
  target: Target,
  transition: Extract<Transition<unknown>, { kind: "accept" }>,
  now: number,
): ConversationWrite {
  const { type } = target;
  const state = type.state.encode(transition.state);
  if (state.length > STATE_BYTES_MAX) {
    throw new UmbradError(
      "conversation/state-too-large",
      `a state of ${type.name} has ${state.length} bytes, the limit is ${STATE_BYTES_MAX}`,
    );
  }
  const rows = new EffectRows(now, type.summary(transition.state).peer ?? "");
  for (const effect of transition.effects) rows.add(effect);
  const written = rows.written();
  return {
    number: target.number,
    type: type.name,
    expectedRevision: target.revision,
    // A closed conversation is never loaded again: its keys must not outlive it.
    state: written.closed ? new Uint8Array() : state,
    conversationId: type.conversationId(transition.state),
    createdAtMs: type.summary(transition.state).createdAtMs,
    ...written,
  };
}

type WrittenEffects = Omit<
  ConversationWrite,
  "number" | "type" | "expectedRevision" | "state" | "conversationId" | "createdAtMs"
>;
type Mutable<List> = List extends readonly (infer Item)[] ? Item[] : never;

function timerOf({ kind, ...timer }: Extract<Effect, { kind: "schedule" }>): WrittenEffects["setTimers"][number] {
  return timer;
}

class EffectRows {
  readonly #now: number;
  readonly #peer: string;
  #closed = false;
  readonly #putRecords: Mutable<WrittenEffects["putRecords"]> = [];
  readonly #dropRecords: Mutable<WrittenEffects["dropRecords"]> = [];
  readonly #setTimers: Mutable<WrittenEffects["setTimers"]> = [];
  readonly #cancelTimers: Mutable<WrittenEffects["cancelTimers"]> = [];
  readonly #newMessages: Mutable<WrittenEffects["newMessages"]> = [];
  readonly #messageStates: Mutable<WrittenEffects["messageStates"]> = [];
  readonly #revived: Mutable<WrittenEffects["revived"]> = [];
  readonly #events: Mutable<WrittenEffects["events"]> = [];
  readonly #outbox: Mutable<WrittenEffects["outbox"]> = [];

  constructor(now: number, peer: string) {
    this.#now = now;
    this.#peer = peer;
  }

  add(effect: Effect): void {
    switch (effect.kind) {
      case "publish":
        this.#outbox.push({
          topic: effect.topic,
          envelope: effect.envelope,
          purpose: effect.purpose,
          messageId: effect.messageId,
          dueAtMs: this.#now,
          queuedAtMs: this.#now,
        });
        return;
      case "deliver":
        return this.#deliver(effect.event);
      case "schedule":
        this.#setTimers.push(timerOf(effect));
        return;
      case "cancel":
        this.#cancelTimers.push(effect.name);
        return;
      case "put":
        this.#putRecords.push({ key: effect.key, bytes: effect.bytes });
        return;
      case "drop":
        this.#dropRecords.push(effect.key);
        return;
      case "open":
      case "tell":
        return;
      case "close":
        this.#closed = true;
        return;
    }
  }

  written(): WrittenEffects {
    return {
      closed: this.#closed,
      putRecords: this.#putRecords,
      dropRecords: this.#dropRecords,
      setTimers: this.#setTimers,
      cancelTimers: this.#cancelTimers,
      newMessages: this.#newMessages,
      messageStates: this.#messageStates,
      revived: this.#revived,
      events: this.#events,
      outbox: this.#outbox,
    };
  }

  #deliver(event: ConversationEvent): void {
    switch (event.type) {
      case "message.received":
      case "message.queued":
        this.#addMessage(event);
        return;
      case "message.progress":
        return this.#progress(event);
      case "message.delivered":
        return this.#move(event, "delivered");
      case "message.failed":
        return this.#move(event, "failed", { reason: event.reason });
      case "message.retried":
        this.#revived.push(event.messageId);
        this.#events.push({ type: event.type, messageId: event.messageId });
        return;
      case "conversation.opened":
        this.#events.push({ type: event.type, data: { peer: event.peer, role: event.role } });
        return;
      case "message.lost":
        this.#events.push({ type: event.type, data: { messageIds: event.messageIds } });
        return;
      case "contact.requested":
      case "contact.link-needed":
        this.#events.push({ type: event.type, data: { peer: event.peer } });
        return;
      case "invite.created": {
        const expires = new Date(event.expiresAtMs).toISOString();
        this.#events.push({ type: event.type, data: { invite: event.id, uses: event.uses, expires } });
        return;
      }
      case "invite.redeemed": {
        const { id: invite, peer, usesLeft } = event;
        this.#events.push({ type: event.type, data: { invite, peer, usesLeft } });
        return;
      }
      case "invite.revoked":
      case "invite.expired":
        this.#events.push({ type: event.type, data: { invite: event.id } });
        return;
      case "conversation.unsupported":
        this.#events.push({ type: event.type, data: { peer: this.#peer, what: event.what } });
        return;
    }
  }

  #addMessage(event: Extract<ConversationEvent, { type: "message.received" | "message.queued" }>): void {
    const isIncoming = event.type === "message.received";
    this.#newMessages.push({
      messageId: event.messageId,
      direction: isIncoming ? "in" : "out",
      state: isIncoming ? "received" : "queued",
      timestampMs: event.timestampMs,
      body: {
        sender: isIncoming ? event.sender : "",
        ...event.content,
        ...(event.attachment === undefined ? {} : { attachment: event.attachment }),
      },
      ...(event.type === "message.queued" || event.otherIds === undefined ? {} : { otherIds: event.otherIds }),
    });
    this.#events.push({ type: event.type, messageId: event.messageId });
  }

  #progress({ type, messageId, arrived, parts }: Extract<ConversationEvent, { type: "message.progress" }>): void {
    this.#events.push({ type, messageId, data: { arrived, parts } });
  }

  #move(
    { type, messageId }: { readonly type: string; readonly messageId: MessageId },
    state: MessageState,
    data?: { readonly reason: string },
  ): void {
    this.#messageStates.push({ messageId, state });
    this.#events.push(data === undefined ? { type, messageId } : { type, messageId, data });
  }
}
