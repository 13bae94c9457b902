/** Receiving: decrypt, then acknowledgements, dependencies and content (profile 8.8 and 8.9). */
import { fromHex } from "../../crypto/bytes.ts";
import { decrypt, type ReadMessage } from "../../protocol/double-ratchet/decrypt.ts";
import { memoOf } from "../../protocol/double-ratchet/message-key-memo.ts";
import { decodeSds, messageIdOf, type SdsMessage, segmentedIdOf } from "../../protocol/reliability/sds-message.ts";
import { decodeSegment } from "../../protocol/segmentation/segment.ts";
import type { Envelope } from "../../wire/envelope.ts";
import { type MessageId, parseMessageId } from "../../wire/ids.ts";
import { ignore, messageRecordKey, type RecordKey, reject, type Transition, type TurnContext } from "../contract.ts";
import { answerMark } from "./acknowledge.ts";
import { scheduleAcknowledgement, scheduleResend } from "./alarms.ts";
import { carryOut, type Plan, planArrival, planReads, planRelease } from "./deliver.ts";
import { Draft } from "./draft.ts";
import { reportHeard, tellFates } from "./relations/report.ts";
import { askToBeginAnew } from "./relations/rollback.ts";
import { segmentOf } from "./segments/incoming.ts";
import { acknowledgeSegments } from "./segments/outgoing.ts";
import { conversationIdOf, transmitAgain } from "./send.ts";
import {
  BUNDLE_AFTER_MS,
  CLOSE_AFTER_MS,
  type Held,
  hasNumberForResend,
  isContentWaiting,
  isMuted,
  knownRecord,
  LAMPORT_AHEAD_MAX_MS,
  outRecord,
  type PrivateState,
  RECORD_OPEN_SETS,
  REPAIR_AFTER_MS,
  skippedRecord,
  TIMER_BUNDLE,
  TIMER_CLOSE,
  TIMER_FLUSH,
  TIMER_RESEND,
  UNDECIDED_NUMBER_MAX,
  type Unacknowledged,
} from "./state.ts";

type Step = Transition<PrivateState>;

export function receiveEnvelope(state: PrivateState, envelope: Envelope, ref: number, context: TurnContext): Step {
  if (envelope.encryptedBytes.member !== "encrypted_bytes") return reject("member");
  if (state.isBlocked) return ignore("blocked");
  if (state.isUndecided && (state.ratchet.receive?.next ?? 0) > UNDECIDED_NUMBER_MAX) return ignore("undecided");
  const hint = fromHex(envelope.hint);
  if (hint === undefined) return reject("hint");
  const sealed = { ref, hint, salt: envelope.salt, blob: envelope.encryptedBytes.bytes };
  return receiveSealed(state, sealed, context);
}

export interface Sealed {
  readonly ref: number;
  readonly hint: Uint8Array;
  readonly salt: number;
  readonly blob: Uint8Array;
}

/** Also the way of an invite's first message, whose hint never travels. */
export function receiveSealed(state: PrivateState, sealed: Sealed, context: TurnContext): Step {
  const random = (length: number) => context.random(length);
  const message = { ...sealed, ident: state.ident, random, messageKeyMemo: memoOf(state.ratchet) };
  let result = decrypt(state.ratchet, message);
  if (result.kind === "lacks") {
    const key = skippedRecord(result.serial, result.n);
    if (!context.records.has(key)) return { kind: "lacks", keys: [key] };
    const skippedKey = context.records.get(key);
    if (skippedKey === undefined) return reject("skipped-key-gone");
    result = decrypt(state.ratchet, { ...message, skippedKey });
  }
  switch (result.kind) {
    case "read":
      return readMessage(new Draft(state, context), result);
    case "mark":
      if (isMuted(state)) return ignore("sends nothing");
      return answerMark(new Draft(state, context));
    case "stale":
      return ignore("stale");
    case "lacks":
      return reject("skipped-key-gone");
    case "badly-formed":
      return reject(result.reason);
  }
}

/** From here on the key is used up, whatever is inside (profile 8.11 "BadlyFormed inside"). */
function readMessage(draft: Draft, read: ReadMessage): Step {
  reportHeard(draft);
  if (draft.state.isRolledBack) askToBeginAnew(draft);
  draft.set({ ratchet: read.state, hasHeard: true, answers: 0 });
  for (const { serial, n, messageKey } of read.stored)
    draft.add({ kind: "put", key: skippedRecord(serial, n), bytes: messageKey });
  const gone = read.used === undefined ? read.dropped : [read.used, ...read.dropped];
  for (const { serial, n } of gone) draft.add({ kind: "drop", key: skippedRecord(serial, n) });
  if (draft.state.successor !== undefined)
    draft.add({ kind: "schedule", name: TIMER_CLOSE, atMs: draft.now + CLOSE_AFTER_MS });
  if (read.stepped) beginChain(draft);
  if (read.plaintext === undefined) return draft.accept({ refusedInside: "padding" });

  const { state } = draft;
  const decoded = decodeSds(read.plaintext);
  if (decoded.kind !== "readable") return draft.accept({ refusedInside: "sds" });
  const sds = decoded.value;
  const refusedInside = refusalOf(sds, state);
  return refusedInside === undefined ? readSds(draft, sds) : draft.accept({ refusedInside });
}

/** In a pairwise ratchet the key proves the sender; the role must say the same (profile 8.8). */
function refusalOf(sds: SdsMessage, state: PrivateState): string | undefined {
  if (sds.senderId !== (state.isInviter ? "R" : "I")) return "sender-role";
  if (sds.channelId !== conversationIdOf(state)) return "channel-id";
  const named = [...sds.causalHistory, ...sds.repairRequest, sds.messageId];
  if (named.some((id) => parseMessageId(id) === undefined)) return "message-id";
  if (sds.content === undefined) return undefined;
  const segment = decodeSegment(sds.content);
  if (segment.kind !== "readable") return "segment";
  return messageIdOf(segment.value, sds.content) === sds.messageId ? undefined : "message-id";
}

/** The peer has heard our chain: a new one begins, so content that waited for a number may go, and resends start anew. */
function beginChain(draft: Draft): void {
  const { now } = draft;
  draft.set({ resends: 0 });
  scheduleResend(draft);
  if (draft.state.owesAcknowledgement) scheduleAcknowledgement(draft);
  scheduleFlush(draft);
  // The inviter's bundle was in the invite. Ours is content, so it is resent until the inviter has heard us: an
  // acknowledgement alone would be lost for ever with its envelope, because the inbox ignores repeated invites.
  if (!draft.state.isInviter && draft.state.ratchet.sendSerial === 0)
    draft.add({ kind: "schedule", name: TIMER_BUNDLE, atMs: now + BUNDLE_AFTER_MS });
}

function scheduleFlush(draft: Draft): void {
  if (isContentWaiting(draft.state)) draft.add({ kind: "schedule", name: TIMER_FLUSH, atMs: draft.now });
}

function readSds(draft: Draft, sds: SdsMessage): Step {
  const { state, now } = draft;
  const lacking = [...namedRecords(state, sds), ...requestedRecords(state, sds), ...arrivingRecords(sds)].filter(
    (key) => !draft.isLoaded(key),
  );
  if (lacking.length > 0) return { kind: "lacks", keys: lacking };
  // Before acknowledgements are taken: they make the state forget messages that are known.
  const missing = [...new Set(sds.causalHistory)].filter((id) => id !== sds.messageId && isMissing(draft, id));
  const lamportMs = Math.min(sds.lamport, Math.max(now + LAMPORT_AHEAD_MAX_MS, afterNewest(state)));
  const arrived = { messageId: sds.messageId, lamportMs, sinceMs: now, missing };
  const plan: Plan | undefined = sds.content === undefined ? undefined : planContent(state, arrived);
  const arriving = sds.content === undefined ? undefined : { messageId: sds.messageId, content: sds.content };
  const unread = plan === undefined ? [] : planReads(draft, plan, arriving);
  if (unread.length > 0) return { kind: "lacks", keys: unread };

  takeAcknowledgements(draft, sds);
  repairFor(draft, sds);
  draft.set({ lamportMs: Math.max(state.lamportMs, lamportMs) });
  if (plan === undefined) return draft.accept();
  return draft.accept({ refusedInside: carryOut(draft, plan, arriving) });
}

/** Once a clock was far ahead, or ours is far behind, their times are too far ahead for long: what is new is newer all the same. */
function afterNewest({ newestTheirs }: PrivateState): number {
  return (newestTheirs?.lamportMs ?? 0) + 1;
}

function planContent({ held, hasMoved }: PrivateState, arrived: Held): Plan {
  return hasMoved ? planRelease([...held, arrived]) : planArrival(held, arrived);
}

/** A segment is not in the message table: whether it has come before say its own record and what is known of its whole. */
function arrivingRecords({ messageId, content }: SdsMessage): RecordKey[] {
  const segment = content === undefined ? undefined : segmentOf(content);
  if (segment === undefined) return [];
  const whole = segmentedIdOf(segment.wholeHash);
  return [knownRecord(messageId), RECORD_OPEN_SETS, knownRecord(whole), messageRecordKey(whole)];
}

/** Whether the named messages are known. */
function namedRecords(state: PrivateState, sds: SdsMessage): RecordKey[] {
  return sds.causalHistory
    .filter((id) => !isKnownFromState(state, id))
    .flatMap((id) => [messageRecordKey(id), knownRecord(id)]);
}

function requestedRecords(state: PrivateState, sds: SdsMessage): RecordKey[] {
  return sds.repairRequest
    .filter((id) => state.unacknowledged.some((sent) => sent.messageId === id))
    .map((id) => outRecord(id));
}

function isKnownFromState(state: PrivateState, id: string): boolean {
  return (
    state.newestOurs?.messageId === id ||
    state.newestTheirs?.messageId === id ||
    state.newestAcknowledged === id ||
    state.unacknowledged.some((sent) => sent.messageId === id)
  );
}

function isMissing(draft: Draft, id: string): boolean {
  if (isKnownFromState(draft.state, id)) return false;
  return draft.record(messageRecordKey(id)) === undefined && draft.record(knownRecord(id)) === undefined;
}

/**
 * A named message and everything before it has arrived (profile 8.9-2), but for what the peer asks for in the same breath
 * (8.9-5) and what came before that: the peer knows of it only by what it asks for (ADR 0011).
 */
function takeAcknowledgements(draft: Draft, { causalHistory, repairRequest, lamport }: SdsMessage): void {
  const { unacknowledged, newestAcknowledged, newestStatementMs } = draft.state;
  if (lamport < newestStatementMs) return;
  draft.set({ newestStatementMs: lamport });
  const last = unacknowledged.findLastIndex((sent) => causalHistory.includes(sent.messageId));
  const isNewestNamed = newestAcknowledged !== undefined && causalHistory.includes(newestAcknowledged);
  const named = unacknowledged.filter((sent, index) => index <= last || (isNewestNamed && sent.isPassed));
  if (named.length === 0) return;
  const gap = named.findLastIndex((sent) => repairRequest.includes(sent.messageId));
  const arrived = named.slice(gap + 1);
  const newest = unacknowledged[last];
  draft.set({
    unacknowledged: unacknowledged
      .filter((sent) => !arrived.includes(sent))
      .map((sent) => (named.includes(sent) ? { ...sent, isPassed: true } : sent)),
    // A passed one is older than the newest that was named before.
    ...(newest === undefined || newest.isPassed ? {} : { newestAcknowledged: newest.messageId }),
  });
  if (arrived.length > 0) acknowledgeArrived(draft, arrived);
}

function acknowledgeArrived(draft: Draft, arrived: readonly Unacknowledged[]): void {
  for (const { messageId, isSilent, set } of arrived) {
    draft.add({ kind: "drop", key: outRecord(messageId) });
    if (isSilent || set !== 0) continue;
    draft.add({ kind: "deliver", event: { type: "message.delivered", messageId: messageId as MessageId } });
  }
  acknowledgeSegments(draft, arrived);
  draft.set({ resends: 0 });
  tellFates(draft, arrived);
  scheduleResend(draft);
  scheduleFlush(draft);
}

/** What the peer asks for goes again at once under a new number, at most once per 30 s and message (profile 8.9-5). */
function repairFor(draft: Draft, sds: SdsMessage): void {
  if (draft.state.hasMoved) return;
  for (const id of new Set(sds.repairRequest)) {
    const { state, now } = draft;
    const sent = state.unacknowledged.find((candidate) => candidate.messageId === id);
    const bytes = draft.record(outRecord(id));
    const isDue =
      sent !== undefined && sent.sendSerial !== state.ratchet.sendSerial && now - sent.sentAtMs >= REPAIR_AFTER_MS;
    if (!isDue || bytes === undefined || !hasNumberForResend(state)) continue;
    // With a token in hand only; the timer takes the oldest first, which are what a peer misses.
    if (draft.context.isMetered === true)
      draft.add({ kind: "schedule", name: TIMER_RESEND, atMs: now, needs: "resend" });
    else transmitAgain(draft, id, bytes);
  }
}
