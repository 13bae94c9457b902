/** What is not acknowledged goes again: sender rule 2 of profile 8.5, and the resend timer of 8.9-4. */
import type { MessageId } from "../../wire/ids.ts";
import { ignore, type Transition } from "../contract.ts";
import { awaitedSinceMs, jittered, scheduleResend } from "./alarms.ts";
import type { Draft } from "./draft.ts";
import { reportStuck, tellFates } from "./relations/report.ts";
import { failSets } from "./segments/outgoing.ts";
import { repeat, transmitAgain } from "./send.ts";
import {
  AWAY_MS,
  GIVE_UP_MAX_MS,
  GIVE_UP_MS,
  hasNumberForResend,
  isContentWaiting,
  isUnheardInvite,
  type OutgoingSet,
  outRecord,
  type PrivateState,
  RECORD_FIRST,
  RESEND_BATCH,
  RESEND_FIRST_MS,
  RESEND_MAX_MS,
  TIMER_FLUSH,
  TIMER_RESEND,
  type Unacknowledged,
} from "./state.ts";

/** Fires the timer. `tokens`: how many messages may go. */
export function resend(draft: Draft, tokens: number): Transition<PrivateState> {
  const overdue = takeOverdue(draft);
  giveUp(draft, overdue, "not acknowledged for 30 days");
  const { state, now } = draft;
  if (awaitedSinceMs(state, now) === undefined) {
    return overdue.length > 0 ? draft.accept() : ignore("nothing to resend");
  }
  const batch = resendBatch(state, now).slice(0, tokens);
  const lacking = (batch.length > 0 ? batch.map(({ messageId }) => outRecord(messageId)) : [RECORD_FIRST]).filter(
    (key) => !draft.isLoaded(key),
  );
  if (lacking.length > 0) return { kind: "lacks", keys: lacking };
  if (batch.length === 0) repeat(draft, RECORD_FIRST);
  for (const { messageId } of batch) {
    const sds = draft.record(outRecord(messageId));
    if (sds !== undefined && hasNumberForResend(draft.state)) transmitAgain(draft, messageId, sds);
  }
  reportStuck(draft);
  const pauseMs = Math.min(RESEND_MAX_MS, RESEND_FIRST_MS * 2 ** Math.min(state.resends, 16));
  draft.set({ resends: state.resends + 1 });
  draft.add({ kind: "schedule", name: TIMER_RESEND, atMs: now + jittered(draft, pauseMs), needs: "resend" });
  return draft.accept();
}

/** After a long absence they have a day more, in which they go again and what came meanwhile is read. */
function takeOverdue(draft: Draft): readonly Unacknowledged[] {
  const { state, now } = draft;
  const wasAway = now - state.lastPublishedMs >= AWAY_MS;
  const resendingSinceMs = wasAway ? now : state.resendingSinceMs;
  draft.set({ resendingSinceMs });
  const waitMs = now - resendingSinceMs >= AWAY_MS ? GIVE_UP_MS : GIVE_UP_MAX_MS;
  return state.unacknowledged.filter(({ firstSentAtMs }) => now - firstSentAtMs >= waitMs);
}

/** What takes new numbers; empty when the first content of the chain is to be repeated. */
export function resendBatch(state: PrivateState, now: number): readonly Unacknowledged[] {
  const { unacknowledged, ratchet } = state;
  const isOlder = (sent: Unacknowledged) => sent.sendSerial !== ratchet.sendSerial;
  const [oldest, ...others] = unacknowledged;
  if (oldest === undefined || !isOlder(oldest) || isUnheardInvite(state) || !hasNumberForResend(state)) return [];
  const due = others.filter((sent) => isOlder(sent) && now - sent.sentAtMs >= RESEND_FIRST_MS);
  return [oldest, ...due.slice(0, RESEND_BATCH - 1)];
}

/** Forgets messages that will not arrive, with all segments of their wholes, and tells the application. */
export function giveUp(draft: Draft, messages: readonly Unacknowledged[], reason: string): void {
  if (messages.length === 0) return;
  const { state, now } = draft;
  const sets = new Set(messages.map(({ set }) => set).filter((set) => set !== 0));
  const gone = state.unacknowledged.filter((sent) => messages.includes(sent) || sets.has(sent.set));
  draft.set({ unacknowledged: state.unacknowledged.filter((sent) => !gone.includes(sent)) });
  if (gone.some(({ messageId }) => messageId === state.newestOurs?.messageId)) forgetNewest(draft);
  failSets(draft, sets, reason);
  for (const { messageId, isSilent, set } of gone) {
    draft.add({ kind: "drop", key: outRecord(messageId) });
    if (isSilent || set !== 0) continue;
    draft.add({ kind: "deliver", event: { type: "message.failed", messageId: messageId as MessageId, reason } });
  }
  tellFates(draft, gone, reason);
  if (isContentWaiting(state)) draft.add({ kind: "schedule", name: TIMER_FLUSH, atMs: now });
  scheduleResend(draft);
}

/** Wholes, of which perhaps nothing has left. */
export function giveUpWholes(draft: Draft, wholes: readonly OutgoingSet[], reason: string): void {
  const serials = new Set(wholes.map(({ serial }) => serial));
  const sent = draft.state.unacknowledged.filter(({ set }) => serials.has(set));
  giveUp(draft, sent, reason);
  failSets(draft, serials, reason);
}

/** What the peer may never get is not referred to: it would wait for it. The next message refers to the one before. */
function forgetNewest(draft: Draft): void {
  const { unacknowledged, newestAcknowledged, newestOurs } = draft.state;
  const messageId = unacknowledged.at(-1)?.messageId ?? newestAcknowledged;
  const lamportMs = newestOurs?.lamportMs ?? 0;
  draft.set({ newestOurs: messageId === undefined ? undefined : { messageId, lamportMs } });
}
