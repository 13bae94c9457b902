/** When what we have read is acknowledged: sender rules 3 and 4 of profile 8.5, and 8.9-3. */
import { ignore, type Transition } from "../contract.ts";
import type { Draft } from "./draft.ts";
import { repeat, sendSync } from "./send.ts";
import {
  ANSWER_PAUSE_MAX_MS,
  ANSWER_PAUSE_MS,
  type PrivateState,
  QUIET_MS,
  RECORD_ZERO,
  SYNC_NUMBER_MAX,
  TIMER_ACKNOWLEDGE,
  TIMER_ANSWER,
} from "./state.ts";

/** The timer of `oweAcknowledgement`. */
export function acknowledgeNow(draft: Draft): Transition<PrivateState> {
  if (!draft.state.owesAcknowledgement) return ignore("nothing to acknowledge");
  if (!isReady(draft)) return { kind: "lacks", keys: [RECORD_ZERO] };
  acknowledge(draft, false);
  return draft.accept();
}

/** Rule 4: the peer repeats what we have read, so it has not heard our chain. The pause doubles until something new is read. */
export function answerMark(draft: Draft): Transition<PrivateState> {
  const { state, now } = draft;
  if (state.hasMoved) return ignore("superseded");
  const pauseMs = Math.min(ANSWER_PAUSE_MAX_MS, ANSWER_PAUSE_MS * 2 ** Math.min(state.answers, 16));
  if (state.ratchet.send === undefined || now - state.answeredAtMs < pauseMs) return ignore("mark");
  if (draft.context.isMetered === true) {
    // With a token in hand only.
    draft.set({ answers: state.answers + 1, answeredAtMs: now });
    draft.add({ kind: "schedule", name: TIMER_ANSWER, atMs: now, needs: "acknowledgement" });
    return draft.accept();
  }
  if (!isReady(draft)) return { kind: "lacks", keys: [RECORD_ZERO] };
  draft.set({ answers: state.answers + 1, answeredAtMs: now });
  acknowledge(draft, true);
  return draft.accept();
}

/** The timer of an answer that had to wait for a token. */
export function answerNow(draft: Draft): Transition<PrivateState> {
  if (!isReady(draft)) return { kind: "lacks", keys: [RECORD_ZERO] };
  acknowledge(draft, true);
  return draft.accept();
}

function isReady(draft: Draft): boolean {
  return (draft.state.ratchet.send?.n ?? 0) <= SYNC_NUMBER_MAX || draft.isLoaded(RECORD_ZERO);
}

/**
 * Rule 3: a sync message where one may go; else number 0 again, unless something went out just now. Number 0 names nothing
 * of what we read since: it only makes the peer answer, which ends our chain, and the next one begins with the debt.
 */
function acknowledge(draft: Draft, isAnswer: boolean): void {
  const { state, now } = draft;
  const { send } = state.ratchet;
  if (send === undefined) return;
  if (send.n <= SYNC_NUMBER_MAX) {
    sendSync(draft);
    return;
  }
  const quietAtMs = state.lastPublishedMs + QUIET_MS;
  if (isAnswer || now >= quietAtMs) repeat(draft, RECORD_ZERO);
  else draft.add({ kind: "schedule", name: TIMER_ACKNOWLEDGE, atMs: quietAtMs, needs: "acknowledgement" });
}
