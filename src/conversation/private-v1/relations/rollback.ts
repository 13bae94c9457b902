/**
 * The state was put back from an older copy (profile 9 "restored backup", ADR 0034). Which numbers were used since nobody
 * knows, so nothing is sent here again: what was on its way has failed as far as we can tell, and a new conversation is
 * begun when this one is used. Reading goes on: it uses nothing up that is ours.
 */
import { fromHex, toHex } from "../../../crypto/bytes.ts";
import { type MessageId, privateConversationId } from "../../../wire/ids.ts";
import { accept, ignore, type RecordKey, type Transition, type TurnContext } from "../../contract.ts";
import { tell, type Word } from "../../pairwise-words.ts";
import { Draft } from "../draft.ts";
import { giveUp } from "../resend.ts";
import { failSets } from "../segments/outgoing.ts";
import { readWaiting } from "../segments/waiting.ts";
import {
  isContentWaiting,
  type PrivateState,
  RECORD_FIRST,
  RECORD_OUR_BUNDLE,
  RECORD_ZERO,
  REPAIR_AFTER_MS,
  TELL_STUCK_MS,
  TIMER_ACKNOWLEDGE,
  TIMER_BUNDLE,
  TIMER_FLUSH,
  TIMER_FORGET,
  TIMER_MOVE,
  TIMER_REPAIR,
  TIMER_RESEND,
  waitRecord,
} from "../state.ts";
import { tellInbox } from "./report.ts";

type Step = Transition<PrivateState>;

export const REFUSED_ROLLED_BACK =
  "the state was restored from an older copy, so nothing may be sent here: a new conversation has to be begun";
/** It may have been sent and read after the copy was made: sending it again by ourselves could deliver it twice. */
const FATE_UNKNOWN = "the state was restored from an older copy: it may have arrived; send it again if it has not";
/** Waiting content forgotten in one turn: its commit stays short. */
const FORGET_BATCH = 64;

/** Whatever could leave by itself is gone in the same commit. */
export function beRolledBack(state: PrivateState, context: TurnContext): Step {
  if (state.isRolledBack) return ignore("known");
  const draft = new Draft(state, context);
  giveUp(draft, state.unacknowledged, FATE_UNKNOWN);
  failSets(draft, new Set(draft.state.outgoing.map(({ serial }) => serial)), FATE_UNKNOWN);
  draft.set({ isRolledBack: true, owesAcknowledgement: false, lost: [], toldStuckMs: 0 });
  for (const key of [RECORD_ZERO, RECORD_FIRST, RECORD_OUR_BUNDLE]) draft.add({ kind: "drop", key });
  for (const name of [TIMER_ACKNOWLEDGE, TIMER_RESEND, TIMER_FLUSH, TIMER_BUNDLE, TIMER_MOVE])
    draft.add({ kind: "cancel", name });
  if (isContentWaiting(draft.state)) draft.add({ kind: "schedule", name: TIMER_FORGET, atMs: draft.now });
  if (state.held.length > 0) draft.add({ kind: "schedule", name: TIMER_REPAIR, atMs: draft.now + REPAIR_AFTER_MS });
  return draft.accept();
}

/** What the timer forgets next. */
export function forgetReads(state: PrivateState): RecordKey[] {
  const count = Math.min(FORGET_BATCH, state.waitingEnd - state.waitingFirst);
  return Array.from({ length: count }, (_, index) => waitRecord(state.waitingFirst + index));
}

/** Content that waited for a number may have got one since. Wholes in several segments have failed already. */
export function forgetWaiting(draft: Draft): Step {
  for (const key of forgetReads(draft.state)) {
    const record = draft.record(key);
    draft.add({ kind: "drop", key });
    draft.set({ waitingFirst: draft.state.waitingFirst + 1 });
    if (record === undefined) continue;
    const { set, origin, messageId } = readWaiting(record);
    if (origin !== undefined) draft.add(tellFailed(origin.ident, origin.messageId, key));
    else if (set === 0)
      draft.add({ kind: "deliver", event: { type: "message.failed", messageId, reason: FATE_UNKNOWN } });
  }
  if (isContentWaiting(draft.state)) draft.add({ kind: "schedule", name: TIMER_FORGET, atMs: draft.now });
  return draft.accept();
}

/** Of a conversation that gave its content to this one before it knew. */
export function refuseContent(state: PrivateState, { ident, messageId }: Extract<Word, { kind: "content" }>): Step {
  return accept(state, [tellFailed(ident, messageId, "content")]);
}

function tellFailed(ident: string, messageId: MessageId | string, about: string) {
  const word = { kind: "failed", messageId, reason: FATE_UNKNOWN } as const;
  return tell(privateConversationId(fromHex(ident) ?? new Uint8Array(16)), word, `failed-${about}`);
}

/** The peer writes here and hears nothing: our inbox invites it to a new conversation. */
export function askToBeginAnew(draft: Draft): void {
  const { state, now } = draft;
  if (state.isUndecided || state.successor !== undefined || now - state.toldStuckMs < TELL_STUCK_MS) return;
  draft.set({ toldStuckMs: now });
  draft.add(tellInbox(state, { kind: "rolled-back", peer: state.peerAddress, ident: toHex(state.ident) }));
}
