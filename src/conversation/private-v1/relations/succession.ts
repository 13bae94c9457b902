/**
 * Several conversations with one identity (profile 8.7): one that was superseded gives what is not acknowledged to its
 * successor, which tells it the fate of each message. To the application a message stays where it was sent.
 */
import { fromHex } from "../../../crypto/bytes.ts";
import { decodeSds, messageIdOf } from "../../../protocol/reliability/sds-message.ts";
import { decodeSegment, encodeSingleSegment } from "../../../protocol/segmentation/segment.ts";
import type { ContentFrame } from "../../../wire/content-frame.ts";
import type { MessageId } from "../../../wire/ids.ts";
import { encodePrivateFrame } from "../../../wire/private-frame.ts";
import { ignore, type Transition, type TurnContext } from "../../contract.ts";
import type { Word } from "../../pairwise-words.ts";
import { scheduleResend } from "../alarms.ts";
import { carryOut, planReads, planRelease } from "../deliver.ts";
import { Draft } from "../draft.ts";
import { giveUp } from "../resend.ts";
import { failSets } from "../segments/outgoing.ts";
import { readWaiting } from "../segments/waiting.ts";
import { conversationIdOf, transmit, waitOrGive } from "../send.ts";
import {
  CLOSE_AFTER_MS,
  hasRoomForContent,
  isContentWaiting,
  knownRecord,
  MOVE_AFTER_MS,
  type Origin,
  outRecord,
  type PrivateState,
  TIMER_CLOSE,
  TIMER_MOVE,
  type Unacknowledged,
  waitRecord,
} from "../state.ts";
import { give, ownOrigin } from "./give.ts";

type Step = Transition<PrivateState>;

/** Content given to the successor in one turn: a word each. */
const MOVE_BATCH = 16;

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

/** What the timer gives away next: messages on their way, oldest first, then those that wait. */
export function moveReads(state: PrivateState): string[] {
  const sent = movable(state);
  if (sent.length > 0) return sent.map(({ messageId }) => outRecord(messageId));
  const count = Math.min(MOVE_BATCH, state.waitingEnd - state.waitingFirst);
  return Array.from({ length: count }, (_, index) => waitRecord(state.waitingFirst + index));
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
  const hasFailed = failWholes(draft);
  dropSilent(draft);
  const sent = movable(draft.state);
  if (!isFirst && !hasFailed && sent.length === 0 && !isContentWaiting(draft.state)) return ignore("nothing to move");
  if (sent.length === 0) moveWaiting(draft, successor);
  else moveSent(draft, successor, sent);
  if (movable(draft.state).length > 0 || isContentWaiting(draft.state))
    draft.add({ kind: "schedule", name: TIMER_MOVE, atMs: draft.now });
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

/** Content in several segments does not move: the peer may have some, and we no longer have those. The application is told. */
function failWholes(draft: Draft): boolean {
  const { outgoing, unacknowledged } = draft.state;
  if (outgoing.length === 0) return false;
  const reason = "a newer conversation took over before all of it had arrived: send it again";
  giveUp(
    draft,
    unacknowledged.filter(({ set }) => set !== 0),
    reason,
  );
  failSets(draft, new Set(outgoing.map(({ serial }) => serial)), reason);
  return true;
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
  giveUp(draft, lost, "its bytes are not in the database any more: send it again");
}

function moveWaiting(draft: Draft, successor: Uint8Array): void {
  for (let index = 0; index < MOVE_BATCH && isContentWaiting(draft.state); index += 1) {
    const key = waitRecord(draft.state.waitingFirst);
    const waiting = draft.record(key);
    draft.add({ kind: "drop", key });
    draft.set({ waitingFirst: draft.state.waitingFirst + 1 });
    if (waiting === undefined) continue;
    const { set, segment, messageId, origin } = readWaiting(waiting);
    // Of a whole that has failed.
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
  const segment = encodeSingleSegment(frame);
  const messageId = messageIdOf({ count: 1, payload: frame }, segment);
  draft.add({ kind: "put", key: knownRecord(messageId), bytes: Uint8Array.of(1) });
  if (hasRoomForContent(draft.state)) return transmit(draft, segment, { messageId, isSilent: true, set: 0, origin });
  waitOrGive(draft, segment, messageId, origin);
}

/** What became of a message that the successor took over. */
export function hearFate(
  state: PrivateState,
  word: Extract<Word, { kind: "delivered" | "failed" }>,
  context: TurnContext,
): Step {
  const draft = new Draft(state, context);
  const messageId = word.messageId as MessageId;
  draft.add({
    kind: "deliver",
    event:
      word.kind === "delivered"
        ? { type: "message.delivered", messageId }
        : { type: "message.failed", messageId, reason: word.reason },
  });
  return draft.accept();
}
