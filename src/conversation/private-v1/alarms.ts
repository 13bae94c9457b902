/** The timers that a private conversation sets for itself: when to acknowledge, when to resend (profile 8.9-3, -4). */
import { invitedAtMs } from "./clock/set-back.ts";
import type { Draft } from "./draft.ts";
import {
  ACKNOWLEDGE_AFTER_MAX_MS,
  ACKNOWLEDGE_AFTER_MS,
  GIVE_UP_MS,
  hasNumberForResend,
  isContentWaiting,
  isUnheardInvite,
  METERED_ACKNOWLEDGE_AFTER_MS,
  METERED_READS_MAX,
  type PrivateState,
  RESEND_FIRST_MS,
  TIMER_ACKNOWLEDGE,
  TIMER_RESEND,
} from "./state.ts";

/** Whatever we send next names what we have read; without content a sync message goes soon. */
export function oweAcknowledgement(draft: Draft): void {
  const { owesAcknowledgement, unnamedReads } = draft.state;
  draft.set({ owesAcknowledgement: true, unnamedReads: unnamedReads + 1 });
  const isMany = draft.context.isMetered === true && unnamedReads + 1 === METERED_READS_MAX;
  if (!owesAcknowledgement || isMany) scheduleAcknowledgement(draft);
}

/** The first acknowledgement of a chain goes almost at once, each further one waits twice as long. */
export function scheduleAcknowledgement(draft: Draft): void {
  draft.add({
    kind: "schedule",
    name: TIMER_ACKNOWLEDGE,
    atMs: draft.now + acknowledgeDelayMs(draft),
    needs: "acknowledgement",
  });
}

function acknowledgeDelayMs({ state, context }: Draft): number {
  if (context.isMetered === true) return state.unnamedReads >= METERED_READS_MAX ? 0 : METERED_ACKNOWLEDGE_AFTER_MS;
  const n = state.ratchet.send?.n ?? 0;
  return Math.min(ACKNOWLEDGE_AFTER_MAX_MS, ACKNOWLEDGE_AFTER_MS * 2 ** Math.min(n, 16));
}

/** A message that names what we have read has gone. */
export function acknowledged(draft: Draft): void {
  if (!draft.state.owesAcknowledgement) return;
  draft.set({ owesAcknowledgement: false, unnamedReads: 0 });
  draft.add({ kind: "cancel", name: TIMER_ACKNOWLEDGE });
}

/** The timer looks at the oldest unacknowledged message only. An unanswered invite counts as one. */
export function scheduleResend(draft: Draft): void {
  const { state, now } = draft;
  const sentAtMs = awaitedSinceMs(state, now);
  if (sentAtMs === undefined) draft.add({ kind: "cancel", name: TIMER_RESEND });
  else {
    const atMs = Math.max(now, sentAtMs + jittered(draft, RESEND_FIRST_MS));
    draft.add({ kind: "schedule", name: TIMER_RESEND, atMs, needs: "resend" });
  }
}

/** When what we wait for an answer to was last sent. */
export function awaitedSinceMs(state: PrivateState, now: number): number | undefined {
  const [oldest] = state.unacknowledged;
  if (oldest !== undefined) return oldest.sentAtMs;
  const invitedMs = invitedAtMs(state, now);
  if (isUnheardInvite(state) && now - invitedMs < GIVE_UP_MS) return invitedMs;
  // Only an answer ends a chain that has no number left for what waits.
  return isContentWaiting(state) && !hasNumberForResend(state) ? state.lastPublishedMs : undefined;
}

/** ± 20 %, so that two sides do not resend in step for ever. */
export function jittered(draft: Draft, delayMs: number): number {
  const [byte = 0] = draft.context.random(1);
  return Math.round(delayMs * (0.8 + (0.4 * byte) / 255));
}
