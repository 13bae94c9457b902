/** Sending: content, sync messages, and the numbers they may take. Sender rules 1 and 3 of profile 8.5. */
import { concat, fromHex, toHex } from "../../crypto/bytes.ts";
import { encrypt } from "../../protocol/double-ratchet/encrypt.ts";
import { encodeSds, messageIdOf } from "../../protocol/reliability/sds-message.ts";
import { encodeSingleSegment } from "../../protocol/segmentation/segment.ts";
import type { ContentFrame } from "../../wire/content-frame.ts";
import { encodeEnvelope } from "../../wire/envelope.ts";
import {
  type ContentTopic,
  type ConversationId,
  type Hint,
  type MessageId,
  privateConversationId,
} from "../../wire/ids.ts";
import { encodePrivateFrame } from "../../wire/private-frame.ts";
import type { Purpose } from "../contract.ts";
import { acknowledged, scheduleResend } from "./alarms.ts";
import type { Draft } from "./draft.ts";
import {
  hasNumberForContent,
  hasRoomForContent,
  knownRecord,
  type Origin,
  outRecord,
  type PrivateState,
  RECORD_FIRST,
  RECORD_ZERO,
  REPAIR_AFTER_MS,
  REPAIR_REQUEST_MAX,
  TIMER_MOVE,
  waitRecord,
} from "./state.ts";

/** What one number of our chain carries. */
interface Emission {
  readonly sds: Uint8Array;
  readonly purpose: Purpose;
  readonly messageId?: MessageId | undefined;
  readonly isContent: boolean;
}

/** Seals number 0 into an invite instead of an envelope of its own. */
export type Sealer = (blob: Uint8Array) => { readonly topic: ContentTopic; readonly envelope: Uint8Array };

/** Sends content of the application, or keeps it unencrypted until there is a number for it (rule 3). */
export function sendContent(draft: Draft, content: ContentFrame, seal?: Sealer): MessageId {
  const conversationId = conversationIdOf(draft.state);
  const timestampMs = takeFrameTime(draft);
  const frame = encodePrivateFrame({ conversationId, timestampMs, kind: "content", content });
  const messageId = messageIdOf({ count: 1, payload: frame }, frame);
  draft.add({ kind: "deliver", event: { type: "message.queued", messageId, timestampMs, content } });
  if (seal !== undefined || hasRoomForContent(draft.state)) {
    transmit(draft, frame, { messageId, isSilent: false, seal });
  } else {
    const { waitingEnd } = draft.state;
    draft.add({ kind: "put", key: waitRecord(waitingEnd), bytes: frame });
    draft.set({ waitingEnd: waitingEnd + 1 });
    if (draft.state.successor !== undefined) draft.add({ kind: "schedule", name: TIMER_MOVE, atMs: draft.now });
    if (draft.state.unacknowledged.length === 0) scheduleResend(draft);
  }
  return messageId;
}

/** Sends our contact bundle, which is acknowledged and resent like content and concerns no application. */
export function sendBundle(draft: Draft, bundle: Uint8Array): void {
  const conversationId = conversationIdOf(draft.state);
  const timestampMs = takeFrameTime(draft);
  const frame = encodePrivateFrame({ conversationId, timestampMs, kind: "contact-bundle", bundle });
  const messageId = messageIdOf({ count: 1, payload: frame }, frame);
  // The peer will name it, and the message table does not know it.
  draft.add({ kind: "put", key: knownRecord(messageId), bytes: Uint8Array.of(1) });
  transmit(draft, frame, { messageId, isSilent: true });
}

/** Gives waiting content to the chain while it has numbers; `frames` are the records from `waitingFirst` on. */
export function flushWaiting(draft: Draft, frames: readonly Uint8Array[]): void {
  for (const waiting of frames) {
    const { state } = draft;
    if (!hasNumberForContent(state)) return;
    draft.add({ kind: "drop", key: waitRecord(state.waitingFirst) });
    draft.set({ waitingFirst: state.waitingFirst + 1 });
    const { frame, messageId, origin } = readWaiting(waiting);
    transmit(draft, frame, { messageId, isSilent: origin !== undefined, origin });
  }
}

/** Content of a superseded conversation. The application knows it under the id it had there, so it is silent here. */
export function sendMoved(
  draft: Draft,
  moved: { readonly content: ContentFrame; readonly timestampMs: number; readonly origin: Origin },
): void {
  const conversationId = conversationIdOf(draft.state);
  const { content, timestampMs, origin } = moved;
  const frame = encodePrivateFrame({ conversationId, timestampMs, kind: "content", content });
  const messageId = messageIdOf({ count: 1, payload: frame }, frame);
  draft.add({ kind: "put", key: knownRecord(messageId), bytes: Uint8Array.of(1) });
  if (hasRoomForContent(draft.state)) return transmit(draft, frame, { messageId, isSilent: true, origin });
  const { waitingEnd, successor, unacknowledged } = draft.state;
  const mark = concat(MOVED_MARK, idBytes(origin.ident), idBytes(origin.messageId), frame);
  draft.add({ kind: "put", key: waitRecord(waitingEnd), bytes: mark });
  draft.set({ waitingEnd: waitingEnd + 1 });
  if (successor !== undefined) draft.add({ kind: "schedule", name: TIMER_MOVE, atMs: draft.now });
  if (unacknowledged.length === 0) scheduleResend(draft);
}

function idBytes(id: string): Uint8Array {
  const bytes = fromHex(id);
  if (bytes?.length !== 16) throw new RangeError("an id of ours has 16 bytes");
  return bytes;
}

/** No frame begins with it: a protobuf field has no number 0. Then 16 bytes of ident, 16 of message id, and the frame. */
const MOVED_MARK = Uint8Array.of(0);

/** A record of content that waits for a number. */
export function readWaiting(waiting: Uint8Array): {
  readonly frame: Uint8Array;
  readonly messageId: MessageId;
  readonly origin: Origin | undefined;
} {
  const isMoved = waiting[0] === MOVED_MARK[0];
  const frame = isMoved ? waiting.subarray(33) : waiting;
  const messageId = messageIdOf({ count: 1, payload: frame }, frame);
  if (!isMoved) return { frame, messageId, origin: undefined };
  const origin = { ident: toHex(waiting.subarray(1, 17)), messageId: toHex(waiting.subarray(17, 33)) };
  return { frame, messageId, origin };
}

/** Equal frames would be one message: a millisecond tells them apart (profile 8.8). */
function takeFrameTime(draft: Draft): number {
  const timestampMs = Math.max(draft.now, draft.state.lastFrameMs + 1);
  draft.set({ lastFrameMs: timestampMs });
  return timestampMs;
}

interface Content {
  readonly messageId: MessageId;
  readonly isSilent: boolean;
  readonly origin?: Origin | undefined;
  readonly seal?: Sealer | undefined;
}

function transmit(draft: Draft, frame: Uint8Array, { messageId, isSilent, origin, seal }: Content): void {
  const { state, now } = draft;
  const lamportMs = Math.max(now, state.lamportMs + 1);
  const wanted = repairRequest(state, now);
  const sds = encodeSds({
    senderId: roleOf(state),
    messageId,
    channelId: conversationIdOf(state),
    lamport: lamportMs,
    causalHistory: causalHistory(state),
    repairRequest: wanted,
    content: encodeSingleSegment(frame),
  });
  const { sendSerial } = state.ratchet;
  const sent = { messageId, sendSerial, sentAtMs: now, firstSentAtMs: now, isSilent, ...(origin && { origin }) };
  draft.add({ kind: "put", key: outRecord(messageId), bytes: sds });
  draft.set({
    lamportMs,
    newestOurs: { messageId, lamportMs },
    unacknowledged: [...state.unacknowledged, sent],
    lost: state.lost.map((lost) =>
      lost.carrier === undefined && wanted.includes(lost.messageId) ? { ...lost, carrier: messageId } : lost,
    ),
  });
  const purpose = seal === undefined ? "content" : "invite";
  emit(draft, { sds, purpose, messageId: isSilent ? undefined : messageId, isContent: true }, seal);
  acknowledged(draft);
  if (state.unacknowledged.length === 0) scheduleResend(draft);
}

/** Unacknowledged content under a new number of the present chain. Needs a number, see `hasNumberForResend`. */
export function transmitAgain(draft: Draft, messageId: string, sds: Uint8Array): void {
  const { state, now } = draft;
  const { sendSerial } = state.ratchet;
  const again = state.unacknowledged.find((sent) => sent.messageId === messageId);
  if (again === undefined) return;
  draft.set({
    unacknowledged: state.unacknowledged.map((sent) =>
      sent === again ? { ...sent, sendSerial, sentAtMs: now } : sent,
    ),
  });
  const named = again.isSilent ? undefined : (messageId as MessageId);
  emit(draft, { sds, purpose: "repeat", messageId: named, isContent: true });
}

/** An acknowledgement without content. It is itself never acknowledged. */
export function sendSync(draft: Draft, seal?: Sealer): void {
  const { state, now } = draft;
  const sds = encodeSds({
    senderId: roleOf(state),
    messageId: draft.randomMessageId(),
    channelId: conversationIdOf(state),
    lamport: Math.max(now, state.lamportMs),
    causalHistory: causalHistory(state),
    repairRequest: repairRequest(state, now),
  });
  emit(draft, { sds, purpose: seal === undefined ? "acknowledgement" : "invite", isContent: false }, seal);
  acknowledged(draft);
}

/** The same bytes again; the transport gives them a new Waku timestamp. */
export function repeat(draft: Draft, record: typeof RECORD_ZERO | typeof RECORD_FIRST): void {
  const envelope = draft.record(record);
  const [topic] = draft.state.peerTopics;
  if (envelope === undefined || topic === undefined) return;
  draft.add({ kind: "publish", topic, envelope, purpose: "repeat" });
  draft.set({ lastPublishedMs: draft.now });
}

function emit(draft: Draft, emission: Emission, seal?: Sealer): void {
  const { state, now, context } = draft;
  const [topic] = state.peerTopics;
  if (topic === undefined) throw new Error("A bundle has at least one topic");
  const sealed = encrypt(state.ratchet, {
    ident: state.ident,
    plaintext: emission.sds,
    random: (length) => context.random(length),
  });
  const envelope = seal?.(sealed.blob) ?? {
    topic,
    envelope: encodeEnvelope({
      hint: toHex(sealed.hint) as Hint,
      salt: sealed.salt,
      encryptedBytes: { member: "encrypted_bytes", bytes: sealed.blob },
    }),
  };
  const { purpose, messageId, isContent } = emission;
  draft.set({ ratchet: sealed.state, lastPublishedMs: now });
  draft.add({ kind: "publish", ...envelope, purpose, ...(messageId === undefined ? {} : { messageId }) });
  if (sealed.n === 0) draft.add({ kind: "put", key: RECORD_ZERO, bytes: envelope.envelope });
  const chain = sealed.sendSerial + 1;
  // In an unanswered conversation the first content is the invite itself, whatever it carries (rule 1).
  if ((isContent || seal !== undefined) && draft.state.firstContentChain !== chain) {
    draft.set({ firstContentChain: chain });
    draft.add({ kind: "put", key: RECORD_FIRST, bytes: envelope.envelope });
  }
}

/** The newest content of each side, in log order: each of our messages then descends from all our earlier ones (ADR 0002). */
function causalHistory({ newestOurs, newestTheirs }: PrivateState): string[] {
  return [newestOurs, newestTheirs]
    .filter((entry) => entry !== undefined)
    .sort((a, b) => a.lamportMs - b.lamportMs || (a.messageId < b.messageId ? -1 : 1))
    .map((entry) => entry.messageId);
}

/** Lost messages first: a message that did not ask for them would acknowledge them. What is held has arrived. */
function repairRequest({ lost, held }: PrivateState, now: number): string[] {
  const arrived = new Set(held.map(({ messageId }) => messageId));
  const missing = held
    .filter(({ sinceMs }) => now - sinceMs >= REPAIR_AFTER_MS)
    .sort((a, b) => a.lamportMs - b.lamportMs)
    .flatMap((entry) => entry.missing)
    .filter((id) => !arrived.has(id));
  return [...new Set([...lost.map(({ messageId }) => messageId), ...missing])].slice(0, REPAIR_REQUEST_MAX);
}

function roleOf(state: PrivateState): "I" | "R" {
  return state.isInviter ? "I" : "R";
}

export function conversationIdOf(state: PrivateState): ConversationId {
  return privateConversationId(state.ident);
}
