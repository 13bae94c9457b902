/** What the operator decides about a conversation, and what its silence ends with (profile 8.7 "Consent"). */

import { toHex } from "../../../crypto/bytes.ts";
import { accept, ignore, type Transition, type TurnContext } from "../../contract.ts";
import type { Word } from "../../pairwise-words.ts";
import { scheduleAcknowledgement, scheduleResend } from "../alarms.ts";
import { Draft } from "../draft.ts";
import {
  BUNDLE_AFTER_MS,
  CLOSE_AFTER_MS,
  isContentWaiting,
  isMuted,
  MOVE_AFTER_MS,
  type PrivateState,
  REPAIR_AFTER_MS,
  TIMER_BUNDLE,
  TIMER_CLOSE,
  TIMER_FLUSH,
  TIMER_MOVE,
  TIMER_REPAIR,
} from "../state.ts";
import { takeOurBundle, tellInbox } from "./report.ts";
import { refuseContent } from "./rollback.ts";
import { meetSibling } from "./siblings.ts";
import { beSuperseded, hearFate, takeOver } from "./succession.ts";

type Step = Transition<PrivateState>;

/** A decision may arrive twice, from the API and from the inbox: the second changes nothing. */
export function decideStanding(
  state: PrivateState,
  decision: "accept" | "block" | "unblock",
  context: TurnContext,
): Step {
  const draft = new Draft(state, context);
  if (decision === "block") draft.set({ isBlocked: true });
  else if (decision === "unblock") draft.set({ isBlocked: false });
  else draft.set({ isUndecided: false });
  if (isMuted(state) && !isMuted(draft.state)) breakSilence(draft);
  return draft.accept();
}

/** For good: the inbox forgets it, the engine its topics, hints and records. */
export function close(state: PrivateState): Step {
  const { peerAddress: peer, ident } = state;
  return accept(state, [tellInbox(state, { kind: "left", peer, ident: toHex(ident) }), { kind: "close" }]);
}

export function hear(state: PrivateState, word: Word, context: TurnContext): Step {
  switch (word.kind) {
    case "accept":
    case "block":
    case "unblock":
      return decideStanding(state, word.kind, context);
    case "superseded":
      return beSuperseded(state, word.ident, context);
    case "sibling":
      return meetSibling(state, word.ident);
    case "our-bundle":
      return isMuted(state) ? ignore("sends nothing") : takeOurBundle(new Draft(state, context), word.bundle);
    case "content":
      return state.isRolledBack ? refuseContent(state, word) : takeOver(state, word, context);
    case "delivered":
    case "failed":
      return hearFate(state, word, context);
    case "close":
      return accept(state, [{ kind: "close" }]);
    default:
      return ignore("no word for a private conversation");
  }
}

/** The timers that fired into the silence are set again. */
function breakSilence(draft: Draft): void {
  const { state, now } = draft;
  if (state.owesAcknowledgement) scheduleAcknowledgement(draft);
  scheduleResend(draft);
  if (isContentWaiting(state)) draft.add({ kind: "schedule", name: TIMER_FLUSH, atMs: now });
  if (state.held.length > 0) draft.add({ kind: "schedule", name: TIMER_REPAIR, atMs: now + REPAIR_AFTER_MS });
  if (state.successor !== undefined) {
    draft.add({ kind: "schedule", name: TIMER_MOVE, atMs: state.hasMoved ? now : now + MOVE_AFTER_MS });
    draft.add({ kind: "schedule", name: TIMER_CLOSE, atMs: now + CLOSE_AFTER_MS });
  }
  draft.add({ kind: "schedule", name: TIMER_BUNDLE, atMs: now + BUNDLE_AFTER_MS });
}
