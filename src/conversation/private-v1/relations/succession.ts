/**
 * Several conversations with one identity (profile 8.7): one that was superseded gives what is not acknowledged to its
 * successor, which tells it the fate of each message. To the application a message stays where it was sent.
 */
import { fromHex, toHex } from "../../../crypto/bytes.ts";
import { decodeSds } from "../../../protocol/reliability/sds-message.ts";
import { decodeSegment } from "../../../protocol/segmentation/segment.ts";
import { type MessageId, privateConversationId } from "../../../wire/ids.ts";
import { decodePrivateFrame } from "../../../wire/private-frame.ts";
import { ignore, type Transition, type TurnContext } from "../../contract.ts";
import { tell, type Word } from "../../pairwise-words.ts";
import { scheduleResend } from "../alarms.ts";
import { Draft } from "../draft.ts";
import { readWaiting, sendMoved } from "../send.ts";
import {
  CLOSE_AFTER_MS,
  isContentWaiting,
  MOVE_AFTER_MS,
  type Origin,
  outRecord,
  type PrivateState,
  TIMER_CLOSE,
  TIMER_MOVE,
  type Unacknowledged,
  waitRecord,
} from "../state.ts";

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
  return unacknowledged.filter(({ isSilent, origin }) => !isSilent || origin !== undefined).slice(0, MOVE_BATCH);
}

export function move(draft: Draft): Step {
  const { successor } = draft.state;
  if (successor === undefined) return ignore("no successor");
  const sent = movable(draft.state);
  if (sent.length === 0 && !isContentWaiting(draft.state)) return ignore("nothing to move");
  for (const [index, { messageId, origin }] of sent.entries()) {
    const key = outRecord(messageId);
    const frame = frameOf(draft.record(key));
    if (frame !== undefined) give(draft, successor, frame, origin ?? ownOrigin(draft.state, messageId), index);
    draft.add({ kind: "drop", key });
  }
  if (sent.length === 0) moveWaiting(draft, successor);
  const { unacknowledged, lost } = draft.state;
  const gone = new Set<string | undefined>(sent.map(({ messageId }) => messageId));
  draft.set({
    unacknowledged: unacknowledged.filter((each) => !sent.includes(each)),
    lost: lost.map((entry) => (gone.has(entry.carrier) ? { ...entry, carrier: undefined } : entry)),
  });
  if (movable(draft.state).length > 0 || isContentWaiting(draft.state))
    draft.add({ kind: "schedule", name: TIMER_MOVE, atMs: draft.now });
  scheduleResend(draft);
  return draft.accept();
}

function moveWaiting(draft: Draft, successor: Uint8Array): void {
  for (let index = 0; index < MOVE_BATCH && isContentWaiting(draft.state); index += 1) {
    const key = waitRecord(draft.state.waitingFirst);
    const waiting = draft.record(key);
    if (waiting === undefined) return;
    const { frame, messageId, origin } = readWaiting(waiting);
    give(draft, successor, frame, origin ?? ownOrigin(draft.state, messageId), index);
    draft.add({ kind: "drop", key });
    draft.set({ waitingFirst: draft.state.waitingFirst + 1 });
  }
}

function give(draft: Draft, successor: Uint8Array, frame: Uint8Array, origin: Origin, index: number): void {
  const decoded = decodePrivateFrame(frame);
  if (decoded.kind !== "readable" || decoded.value.kind !== "content") return;
  const { content, timestampMs } = decoded.value;
  const { domain, tag, bytes } = content;
  const word = { kind: "content", ...origin, timestampMs, domain, tag, bytes: toHex(bytes) } as const;
  draft.add(tell(privateConversationId(successor), word, `content-${index}`));
}

function frameOf(sds: Uint8Array | undefined): Uint8Array | undefined {
  const message = sds === undefined ? undefined : decodeSds(sds);
  if (message?.kind !== "readable" || message.value.content === undefined) return undefined;
  const segment = decodeSegment(message.value.content);
  return segment.kind === "readable" ? segment.value.payload : undefined;
}

function ownOrigin({ ident }: PrivateState, messageId: string): Origin {
  return { ident: toHex(ident), messageId };
}

/** Content of a conversation that this one succeeds, as a new frame with the time it had. */
export function takeOver(state: PrivateState, word: Extract<Word, { kind: "content" }>, context: TurnContext): Step {
  const bytes = fromHex(word.bytes);
  if (bytes === undefined) return ignore("no content");
  const { timestampMs, domain, tag, ident, messageId } = word;
  const draft = new Draft(state, context);
  sendMoved(draft, { content: { domain, tag, bytes }, timestampMs, origin: { ident, messageId } });
  return draft.accept();
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

/** To the conversation that a message came from. */
export function tellFates(draft: Draft, messages: readonly Unacknowledged[], failed?: string): void {
  for (const [index, { origin }] of messages.entries()) {
    if (origin === undefined) continue;
    const { ident, messageId } = origin;
    const to = fromHex(ident);
    if (to === undefined) continue;
    const word: Word =
      failed === undefined ? { kind: "delivered", messageId } : { kind: "failed", messageId, reason: failed };
    draft.add(tell(privateConversationId(to), word, `fate-${word.kind}-${index}`));
  }
}
