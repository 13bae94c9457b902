/**
 * Several conversations with one identity (profile 8.7): one that was superseded gives what is not acknowledged to its
 * successor, which tells it the fate of each message. To the application a message stays where it was sent.
 */
import { fromHex } from "../../../crypto/bytes.ts";
import { decodeSds } from "../../../protocol/reliability/sds-message.ts";
import { decodeSegment, encodeSegments } from "../../../protocol/segmentation/segment.ts";
import type { ContentFrame } from "../../../wire/content-frame.ts";
import type { MessageId } from "../../../wire/ids.ts";
import { encodePrivateFrame } from "../../../wire/private-frame.ts";
import { ignore, type Transition, type TurnContext } from "../../contract.ts";
import type { Word } from "../../pairwise-words.ts";
import { scheduleResend } from "../alarms.ts";
import { carryOut, planReads, planRelease } from "../deliver.ts";
import { Draft } from "../draft.ts";
import { giveUp, giveUpWholes } from "../resend.ts";
import { BYTES_GONE, forgetPayloads, keptFrame, setAside, takeBack, wholeRecords } from "../segments/kept.ts";
import { readWaiting } from "../segments/waiting.ts";
import { conversationIdOf, place, wholeIdOf } from "../send.ts";
import {
  CLOSE_AFTER_MS,
  isContentWaiting,
  knownRecord,
  MOVE_AFTER_MS,
  type Origin,
  OUTGOING_SETS_MAX,
  type OutgoingSet,
  outRecord,
  type PrivateState,
  TAKEN_SETS_MAX,
  TIMER_CLOSE,
  TIMER_MOVE,
  type Unacknowledged,
  waitRecord,
} from "../state.ts";
import { give, ownOrigin } from "./give.ts";
import { tellFates } from "./report.ts";

type Step = Transition<PrivateState>;

/** Content given to the successor in one turn: a word each. */
const MOVE_BATCH = 16;
const TOO_MANY = "too many files and long texts wait for the peer to answer: send it again later";

/** The peer was heard in a newer conversation. What is on its way here may still be acknowledged: it has an hour. */
export function beSuperseded(state: PrivateState, ident: string, context: TurnContext): Step {
  const successor = fromHex(ident);
  if (successor === undefined) return ignore("no successor");
  const draft = new Draft(state, context);
  draft.set({ successor });
  draft.add(
    { kind: "schedule", name: TIMER_MOVE, atMs: draft.now + MOVE_AFTER_MS },
    { kind: "schedule", name: TIMER_CLOSE, atMs: draft.now + CLOSE_AFTER_MS },
  );
  return draft.accept();
}

/** What the timer gives away next: messages on their way, oldest first, then those that wait, then files and long texts. */
export function moveReads(state: PrivateState): string[] {
  const sent = movable(state);
  if (sent.length > 0) return sent.map(({ messageId }) => outRecord(messageId));
  const whole = movableWhole(state);
  if (!isContentWaiting(state) && whole !== undefined) return wholeRecords(whole);
  const count = Math.min(MOVE_BATCH, state.waitingEnd - state.waitingFirst);
  return Array.from({ length: count }, (_, index) => waitRecord(state.waitingFirst + index));
}

function isMoreToMove(state: PrivateState): boolean {
  return movable(state).length > 0 || isContentWaiting(state) || movableWhole(state) !== undefined;
}

/** One of ours at a time: it is large, and the successor keeps it a second time. */
function movableWhole({ outgoing, givenWhole }: PrivateState): OutgoingSet | undefined {
  return outgoing.find(({ origin }) => origin !== undefined || givenWhole === undefined);
}

function movable({ unacknowledged }: PrivateState): readonly Unacknowledged[] {
  const isMovable = ({ isSilent, set, origin }: Unacknowledged) => set === 0 && (!isSilent || origin !== undefined);
  return unacknowledged.filter(isMovable).slice(0, MOVE_BATCH);
}

export function move(draft: Draft): Step {
  const { successor } = draft.state;
  if (successor === undefined) return ignore("no successor");
  const isFirst = !draft.state.hasMoved;
  const release = planRelease(draft.state.held);
  const unread = planReads(draft, release);
  if (unread.length > 0) return { kind: "lacks", keys: unread };
  carryOut(draft, release);
  // Who asks for nothing must acknowledge nothing: a name acknowledges what came before it.
  draft.set({ hasMoved: true, lost: [] });
  dropSilent(draft);
  if (!isFirst && !isMoreToMove(draft.state)) return ignore("nothing to move");
  const sent = movable(draft.state);
  const whole = movableWhole(draft.state);
  if (sent.length > 0) moveSent(draft, successor, sent);
  else if (isContentWaiting(draft.state)) moveWaiting(draft, successor);
  else if (whole !== undefined) {
    const gone = wholeRecords(whole).filter((key) => !draft.isLoaded(key));
    if (gone.length > 0) return { kind: "lacks", keys: gone };
    moveWhole(draft, successor, whole);
  }
  if (isMoreToMove(draft.state)) draft.add({ kind: "schedule", name: TIMER_MOVE, atMs: draft.now });
  scheduleResend(draft);
  return draft.accept();
}

/** Our bundle, which the successor sends itself. */
function dropSilent(draft: Draft): void {
  const isSilent = ({ isSilent, set, origin }: Unacknowledged) => isSilent && set === 0 && origin === undefined;
  const { unacknowledged } = draft.state;
  for (const { messageId } of unacknowledged.filter(isSilent)) draft.add({ kind: "drop", key: outRecord(messageId) });
  draft.set({ unacknowledged: unacknowledged.filter((sent) => !isSilent(sent)) });
}

/** All of it, whatever the peer has: segments are of one frame, and a frame is of one conversation. One a turn. */
function moveWhole(draft: Draft, successor: Uint8Array, whole: OutgoingSet): void {
  const { state } = draft;
  const frame = keptFrame(draft, whole);
  if (frame === undefined || !give(draft, successor, frame, whole.origin ?? ownOrigin(state, whole.messageId)))
    return giveUpWholes(draft, [whole], BYTES_GONE);
  const isOfIt = ({ set }: Unacknowledged) => set === whole.serial;
  for (const { messageId } of state.unacknowledged.filter(isOfIt))
    draft.add({ kind: "drop", key: outRecord(messageId) });
  draft.set({
    unacknowledged: state.unacknowledged.filter((sent) => !isOfIt(sent)),
    outgoing: state.outgoing.filter((other) => other !== whole),
    ...(whole.origin === undefined && { givenWhole: whole.messageId }),
  });
  setAside(draft, whole);
}

function moveSent(draft: Draft, successor: Uint8Array, sent: readonly Unacknowledged[]): void {
  const isLost = ({ messageId, origin }: Unacknowledged, index: number): boolean => {
    const frame = frameOf(draft.record(outRecord(messageId)));
    return frame === undefined || !give(draft, successor, frame, origin ?? ownOrigin(draft.state, messageId), index);
  };
  const lost = sent.filter(isLost);
  const given = sent.filter((each) => !lost.includes(each));
  for (const { messageId } of given) draft.add({ kind: "drop", key: outRecord(messageId) });
  draft.set({ unacknowledged: draft.state.unacknowledged.filter((each) => !given.includes(each)) });
  giveUp(draft, lost, BYTES_GONE);
}

function moveWaiting(draft: Draft, successor: Uint8Array): void {
  for (let index = 0; index < MOVE_BATCH && isContentWaiting(draft.state); index += 1) {
    const key = waitRecord(draft.state.waitingFirst);
    const waiting = draft.record(key);
    draft.add({ kind: "drop", key });
    draft.set({ waitingFirst: draft.state.waitingFirst + 1 });
    if (waiting === undefined) continue;
    const { set, segment, messageId, origin } = readWaiting(waiting);
    // A segment: its whole goes by itself.
    if (set === 0) give(draft, successor, segment.payload, origin ?? ownOrigin(draft.state, messageId), index);
  }
}

function frameOf(sds: Uint8Array | undefined): Uint8Array | undefined {
  const message = sds === undefined ? undefined : decodeSds(sds);
  if (message?.kind !== "readable" || message.value.content === undefined) return undefined;
  const segment = decodeSegment(message.value.content);
  return segment.kind === "readable" ? segment.value.payload : undefined;
}

/** Content of a conversation that this one succeeds, as a new frame with the time it had. */
export function takeOver(state: PrivateState, word: Extract<Word, { kind: "content" }>, context: TurnContext): Step {
  const bytes = fromHex(word.bytes);
  if (bytes === undefined) return ignore("no content");
  const { timestampMs, domain, tag, ident, messageId } = word;
  const draft = new Draft(state, context);
  sendMoved(draft, { domain, tag, bytes }, timestampMs, { ident, messageId });
  return draft.accept();
}

/** The application knows it under the id it had there, so it is silent here. */
function sendMoved(draft: Draft, content: ContentFrame, timestampMs: number, origin: Origin): void {
  const conversationId = conversationIdOf(draft.state);
  const frame = encodePrivateFrame({ conversationId, timestampMs, kind: "content", content });
  const segments = encodeSegments(frame);
  const { encoded } = segments;
  if (encoded.length > 1 && !hasRoomForTaken(draft.state)) return tellFates(draft, [{ origin }], TOO_MANY);
  const messageId = wholeIdOf(frame, segments);
  draft.add({ kind: "put", key: knownRecord(messageId), bytes: Uint8Array.of(1) });
  place(draft, { messageId, encoded, isLarge: false, origin });
}

function hasRoomForTaken({ outgoing }: PrivateState): boolean {
  const taken = outgoing.filter(({ origin }) => origin !== undefined).length;
  return taken < TAKEN_SETS_MAX && outgoing.length < OUTGOING_SETS_MAX;
}

/** What became of a message that the successor took over. */
export function hearFate(
  state: PrivateState,
  word: Extract<Word, { kind: "delivered" | "failed" }>,
  context: TurnContext,
): Step {
  const draft = new Draft(state, context);
  const messageId = word.messageId as MessageId;
  const kept = word.kind === "delivered" ? takeBack(draft, messageId) : undefined;
  if (kept !== undefined) forgetPayloads(draft, kept);
  if (state.givenWhole === messageId) {
    draft.set({ givenWhole: undefined });
    if (state.outgoing.length > 0) draft.add({ kind: "schedule", name: TIMER_MOVE, atMs: draft.now });
  }
  draft.add({
    kind: "deliver",
    event:
      word.kind === "delivered"
        ? { type: "message.delivered", messageId }
        : { type: "message.failed", messageId, reason: word.reason },
  });
  return draft.accept();
}
