/** Sending: content, sync messages, and the numbers they may take. Sender rules 1 and 3 of profile 8.5. */
import { toHex } from "../../crypto/bytes.ts";
import { encrypt } from "../../protocol/double-ratchet/encrypt.ts";
import { encodeSds, messageIdOf, segmentedIdOf } from "../../protocol/reliability/sds-message.ts";
import { decodeSegment, encodeSegments, encodeSingleSegment } from "../../protocol/segmentation/segment.ts";
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
import { give, ownOrigin } from "./relations/give.ts";
import { askForBundle } from "./relations/report.ts";
import { ownRowOf } from "./segments/incoming.ts";
import { outgoingSet, queueSegments, queueWaiting } from "./segments/outgoing.ts";
import {
  GIVE_UP_MS,
  hasRoomForContent,
  isMuted,
  knownRecord,
  type Origin,
  outRecord,
  type PrivateState,
  RECORD_FIRST,
  RECORD_ZERO,
  REPAIR_AFTER_MS,
  REPAIR_REQUEST_MAX,
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

/** Sends content of the application, or keeps it unencrypted until there is a number for it (rule 3). Sealed, it must fit one segment. */
export function sendContent(draft: Draft, content: ContentFrame, seal?: Sealer): MessageId {
  const conversationId = conversationIdOf(draft.state);
  const timestampMs = takeFrameTime(draft);
  const frame = encodePrivateFrame({ conversationId, timestampMs, kind: "content", content });
  const segments = encodeSegments(frame);
  const messageId = wholeIdOf(frame, segments);
  const row = ownRowOf(content, { messageId, frame, count: segments.encoded.length });
  draft.add({ kind: "deliver", event: { type: "message.queued", messageId, timestampMs, ...row } });
  const isLarge = row.attachment?.parts !== undefined;
  place(draft, { messageId, encoded: segments.encoded, isLarge }, seal);
  askForBundle(draft);
  return messageId;
}

/** What the application knows content by. */
export function wholeIdOf(frame: Uint8Array, { wholeHash, encoded }: ReturnType<typeof encodeSegments>): MessageId {
  const [segment] = encoded;
  const isWhole = encoded.length === 1 && segment !== undefined;
  return isWhole ? messageIdOf({ count: 1, payload: frame }, segment) : segmentedIdOf(wholeHash);
}

/** Content with all its segments. */
export interface Whole {
  readonly messageId: MessageId;
  readonly encoded: readonly Uint8Array[];
  /** As in OutgoingSet. */
  readonly isLarge: boolean;
  /** As in Unacknowledged: then it is silent. */
  readonly origin?: Origin;
}

/** Into the chain, or among those that wait for a number of it. */
export function place(draft: Draft, whole: Whole, seal?: Sealer): void {
  const { messageId, encoded, origin } = whole;
  const [segment] = encoded;
  if (encoded.length > 1 || segment === undefined) return placeSegments(draft, whole);
  if (seal !== undefined || hasRoomForContent(draft.state))
    return transmit(draft, segment, { messageId, isSilent: origin !== undefined, set: 0, origin, seal });
  waitOrGive(draft, segment, messageId, origin);
}

function placeSegments(draft: Draft, { messageId, encoded, isLarge, origin }: Whole): void {
  queueSegments(draft, { messageId, isLarge, ...(origin && { origin }) }, encoded);
  if (draft.state.unacknowledged.length === 0) scheduleResend(draft);
}

/** Content that has no number: it waits for one, or goes to the successor at once. What the old conversation has sent keeps its hour. */
function waitOrGive(draft: Draft, segment: Uint8Array, messageId: string, origin?: Origin): void {
  const { state } = draft;
  const { successor } = state;
  const decoded = decodeSegment(segment);
  if (successor !== undefined && !isMuted(state) && decoded.kind === "readable") {
    give(draft, successor, decoded.value.payload, origin ?? ownOrigin(state, messageId));
    return;
  }
  queueWaiting(draft, { set: 0, origin, segment });
  if (state.unacknowledged.length === 0) scheduleResend(draft);
}

/** Sends our contact bundle, which is acknowledged and resent like content and concerns no application. */
export function sendBundle(draft: Draft, bundle: Uint8Array): void {
  const conversationId = conversationIdOf(draft.state);
  const timestampMs = takeFrameTime(draft);
  const frame = encodePrivateFrame({ conversationId, timestampMs, kind: "contact-bundle", bundle });
  const messageId = messageIdOf({ count: 1, payload: frame }, frame);
  // The peer will name it, and the message table does not know it.
  draft.add({ kind: "put", key: knownRecord(messageId), bytes: Uint8Array.of(1) });
  transmit(draft, encodeSingleSegment(frame), { messageId, isSilent: true, set: 0 });
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
  /** As in Unacknowledged. */
  readonly set: number;
  readonly isLast?: boolean;
  readonly origin?: Origin | undefined;
  readonly seal?: Sealer | undefined;
}

export function transmit(draft: Draft, segment: Uint8Array, content: Content): void {
  const { messageId, isSilent, set, origin, seal } = content;
  const { state, now } = draft;
  const lamportMs = Math.max(now, state.lamportMs + 1);
  const sds = encodeSds({
    senderId: roleOf(state),
    messageId,
    channelId: conversationIdOf(state),
    lamport: lamportMs,
    causalHistory: causalHistory(state),
    repairRequest: repairRequest(state, now),
    content: segment,
  });
  const { sendSerial } = state.ratchet;
  const sent = {
    messageId,
    sendSerial,
    sentAtMs: now,
    firstSentAtMs: now,
    isSilent,
    set,
    isPassed: false,
    ...(origin && { origin }),
  };
  if (set !== 0) draft.add({ kind: "put", key: knownRecord(messageId), bytes: Uint8Array.of(1) });
  draft.add({ kind: "put", key: outRecord(messageId), bytes: sds });
  draft.set({
    lamportMs,
    newestOurs: { messageId, lamportMs },
    unacknowledged: [...state.unacknowledged, sent],
  });
  const purpose = seal === undefined ? "content" : "invite";
  emit(draft, { sds, purpose, messageId: publishedId(state, content), isContent: true }, seal);
  acknowledged(draft);
  if (state.unacknowledged.length === 0) scheduleResend(draft);
}

/**
 * What the network's answer is about. Content leaves the outbox in order, so a whole is published when its last segment
 * is; the others go by their own ids, which only a refusal speaks of again.
 */
function publishedId(state: PrivateState, { messageId, isSilent, set, isLast }: Content): MessageId | undefined {
  if (isSilent) return undefined;
  return isLast === true && set !== 0 ? (outgoingSet(state, set)?.messageId as MessageId | undefined) : messageId;
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

/** An acknowledgement without content. It is itself never acknowledged. Returns its envelope. */
export function sendSync(draft: Draft, seal?: Sealer): Uint8Array {
  const { state, now } = draft;
  // Each of our messages has a later time than the one before: the peer must know which of two knows more.
  const lamportMs = Math.max(now, state.lamportMs + 1);
  draft.set({ lamportMs });
  const sds = encodeSds({
    senderId: roleOf(state),
    messageId: draft.randomMessageId(),
    channelId: conversationIdOf(state),
    lamport: lamportMs,
    causalHistory: causalHistory(state),
    repairRequest: repairRequest(state, now),
  });
  const purpose = seal === undefined ? "acknowledgement" : "invite";
  const envelope = emit(draft, { sds, purpose, isContent: false }, seal);
  acknowledged(draft);
  return envelope;
}

/** The same bytes again; the transport gives them a new Waku timestamp. */
export function repeat(draft: Draft, record: typeof RECORD_ZERO | typeof RECORD_FIRST): void {
  const envelope = draft.record(record);
  const [topic] = draft.state.peerTopics;
  if (envelope === undefined || topic === undefined) return;
  draft.add({ kind: "publish", topic, envelope, purpose: "repeat" });
  draft.set({ lastPublishedMs: draft.now });
}

function emit(draft: Draft, emission: Emission, seal?: Sealer): Uint8Array {
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
  return envelope.envelope;
}

/** The newest content of each side, in log order: each of our messages then descends from all our earlier ones (ADR 0002). */
function causalHistory({ newestOurs, newestTheirs }: PrivateState): string[] {
  return [newestOurs, newestTheirs]
    .filter((entry) => entry !== undefined)
    .sort((a, b) => a.lamportMs - b.lamportMs || (a.messageId < b.messageId ? -1 : 1))
    .map((entry) => entry.messageId);
}

/**
 * Naming the newest acknowledges everything before it but for what is asked for and what came before that. So every lost
 * message is asked for until it is delivered, also while it is held; what the peer has failed by now no longer. Besides,
 * what is missing for long.
 */
function repairRequest({ lost, held }: PrivateState, now: number): string[] {
  const arrived = new Set(held.map(({ messageId }) => messageId));
  const missing = held
    .filter(({ sinceMs }) => now - sinceMs >= REPAIR_AFTER_MS)
    .sort((a, b) => a.lamportMs - b.lamportMs)
    .flatMap((entry) => entry.missing)
    .filter((id) => !arrived.has(id));
  const asked = lost.filter(({ sinceMs }) => now - sinceMs < GIVE_UP_MS).map(({ messageId }) => messageId);
  return [...new Set([...asked, ...missing.slice(0, REPAIR_REQUEST_MAX)])];
}

function roleOf(state: PrivateState): "I" | "R" {
  return state.isInviter ? "I" : "R";
}

export function conversationIdOf(state: PrivateState): ConversationId {
  return privateConversationId(state.ident);
}
