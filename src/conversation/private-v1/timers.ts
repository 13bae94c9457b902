/** What a private conversation does when a timer fires: acknowledge, resend, flush waiting content, ask for repairs. */
import {
  type Input,
  ignore,
  RECORD_QUEUED,
  type RecordKey,
  TIMER_SPILL,
  TIMER_SPILL_KEYS,
  type Transition,
  type TurnContext,
} from "../contract.ts";
import { acknowledgeNow, answerNow } from "./acknowledge.ts";
import { oweAcknowledgement } from "./alarms.ts";
import { carryOut, planLoss, planReads } from "./deliver.ts";
import { Draft } from "./draft.ts";
import { spillKeys } from "./forgetting/spill-keys.ts";
import { forgetOld, trailReads } from "./forgetting/trail.ts";
import { forgetReads, forgetWaiting } from "./relations/rollback.ts";
import { close } from "./relations/standing.ts";
import { move, moveReads } from "./relations/succession.ts";
import { resend } from "./resend.ts";
import { failGone, isGapDue } from "./segments/gap.ts";
import { expireSets, spillSet } from "./segments/incoming.ts";
import { decodeWaiting } from "./segments/record-codec.ts";
import { flushWaiting, payloadReads } from "./segments/waiting.ts";
import { sendBundle } from "./send.ts";
import {
  GIVE_UP_MS,
  hasNumberForContent,
  isContentWaiting,
  isMuted,
  LOST_AFTER_MS,
  LOST_GRACE_MS,
  LOST_MAX_MS,
  type PrivateState,
  RECORD_FIRST,
  RECORD_OPEN_SETS,
  RECORD_OUR_BUNDLE,
  RECORD_ZERO,
  REPAIR_AFTER_MS,
  RESEND_BATCH,
  RESEND_FIRST_MS,
  RESEND_MAX_MS,
  TIMER_ACKNOWLEDGE,
  TIMER_ANSWER,
  TIMER_BUNDLE,
  TIMER_CLOSE,
  TIMER_FLUSH,
  TIMER_FORGET,
  TIMER_MOVE,
  TIMER_PARTS,
  TIMER_REPAIR,
  TIMER_RESEND,
  waitRecord,
} from "./state.ts";

type Fired = Extract<Input<never>, { kind: "timer" }>;
type Step = Transition<PrivateState>;

/** Waiting content taken into one turn: bounded, so that its commit is short. */
const FLUSH_BATCH = 16;

/** What there is left to do when a successor has the content. */
const TIMERS_OF_MOVED: readonly string[] = [TIMER_MOVE, TIMER_CLOSE, TIMER_PARTS, TIMER_SPILL, TIMER_FORGET];

/** What the timer surely needs; the rest it asks for, knowing the time. */
export function timerReads(state: PrivateState, name: string): readonly RecordKey[] {
  switch (name) {
    case TIMER_ACKNOWLEDGE:
    case TIMER_ANSWER:
      return [RECORD_ZERO];
    case TIMER_RESEND:
      return [RECORD_FIRST];
    case TIMER_FLUSH: {
      const count = Math.min(FLUSH_BATCH, state.waitingEnd - state.waitingFirst);
      return Array.from({ length: count }, (_, index) => waitRecord(state.waitingFirst + index));
    }
    case TIMER_BUNDLE:
      return [RECORD_OUR_BUNDLE];
    case TIMER_PARTS:
    case TIMER_SPILL:
      return [RECORD_OPEN_SETS];
    case TIMER_MOVE:
      return moveReads(state);
    case TIMER_FORGET:
      return forgetReads(state);
    default:
      return trailReads(state, name) ?? [];
  }
}

export function fireTimer(state: PrivateState, { name, tokens }: Fired, context: TurnContext): Step {
  if (trailReads(state, name) !== undefined) return forgetOld(new Draft(state, context), name);
  if (name === TIMER_SPILL_KEYS) return spill(new Draft(state, context));
  if (isMuted(state) && !firesInSilence(state, name)) return ignore("sends nothing");
  if (state.hasMoved && !TIMERS_OF_MOVED.includes(name)) return ignore("sends nothing any more");
  const draft = new Draft(state, context);
  switch (name) {
    case TIMER_ACKNOWLEDGE:
      return acknowledgeNow(draft);
    case TIMER_RESEND:
      return resend(draft, tokens ?? RESEND_BATCH);
    case TIMER_ANSWER:
      return answerNow(draft);
    case TIMER_FLUSH:
      return flush(draft);
    case TIMER_REPAIR:
      return askForRepair(draft);
    case TIMER_BUNDLE:
      return giveBundle(draft);
    case TIMER_PARTS:
      return expireSets(draft) ? draft.accept({ refusedInside: "segments-incomplete" }) : draft.accept();
    case TIMER_SPILL:
      return spillSet(draft) ? draft.accept({ refusedInside: "segments-spilled" }) : ignore("no set is open");
    case TIMER_MOVE:
      return move(draft);
    case TIMER_FORGET:
      return forgetWaiting(draft);
    case TIMER_CLOSE:
      return state.successor === undefined ? ignore("not superseded") : close(state);
    default:
      return ignore("unknown timer");
  }
}

function spill(draft: Draft): Step {
  return spillKeys(draft) ? draft.accept({ refusedInside: "skipped-keys-spilled" }) : ignore("no key is kept");
}

/** Nothing leaves; what does not arrive is still forgotten in time, and what will not be acknowledged still ends. */
function firesInSilence({ isRolledBack }: PrivateState, name: string): boolean {
  return (
    name === TIMER_PARTS ||
    name === TIMER_SPILL ||
    (isRolledBack && [TIMER_REPAIR, TIMER_FORGET, TIMER_CLOSE].includes(name))
  );
}

function flush(draft: Draft): Step {
  const { state, now } = draft;
  // What is whole goes to the successor; segments stay where their others are.
  const isOurs = (record: Uint8Array) => state.successor === undefined || decodeWaiting(record).set !== 0;
  const records: (Uint8Array | undefined)[] = [];
  for (let index = state.waitingFirst; index < state.waitingEnd; index += 1) {
    const record = draft.record(waitRecord(index));
    if (!draft.isLoaded(waitRecord(index)) || (record !== undefined && !isOurs(record))) break;
    records.push(record);
  }
  if (records.length === 0 || !hasNumberForContent(state)) return ignore("nothing to flush");
  const unread = payloadReads(draft, records);
  if (unread.length > 0) return { kind: "lacks", keys: unread };
  flushWaiting(draft, records);
  if (isGapDue(draft.state)) {
    if (!draft.isLoaded(RECORD_QUEUED)) return { kind: "lacks", keys: [RECORD_QUEUED] };
    failGone(draft);
  }
  if (isContentWaiting(draft.state) && hasNumberForContent(draft.state))
    draft.add({ kind: "schedule", name: TIMER_FLUSH, atMs: now });
  return draft.accept();
}

/** Whatever we send asks for what is missing; with nothing else to send, a sync message does. What is overdue is given up. */
function askForRepair(draft: Draft): Step {
  const { state, now } = draft;
  if (state.held.length === 0) return ignore("nothing is missing");
  const lost = state.lost.filter(({ sinceMs }) => now - sinceMs < GIVE_UP_MS);
  // Nobody asked while the machine slept, or the daemon was down.
  const wasAway = now - state.repairedAtMs > 2 * REPAIR_AFTER_MS;
  const askingSinceMs = wasAway ? now : state.askingSinceMs;
  draft.set({ repairedAtMs: now, askingSinceMs });
  const waitMs = now - askingSinceMs >= LOST_GRACE_MS ? LOST_AFTER_MS : LOST_MAX_MS;
  const plan = planLoss(state.held, ({ sinceMs }) => now - sinceMs >= waitMs, lost.length);
  const unread = planReads(draft, plan);
  if (unread.length > 0) return { kind: "lacks", keys: unread };
  draft.set({ lost });
  const refusedInside = carryOut(draft, plan);
  if (draft.state.held.length > 0) {
    oweAcknowledgement(draft);
    draft.add({ kind: "schedule", name: TIMER_REPAIR, atMs: now + REPAIR_AFTER_MS });
  }
  return draft.accept({ refusedInside });
}

/** Profile 8.7 "Fresh bundles": once, when there is a number for it. */
function giveBundle(draft: Draft): Step {
  const bundle = draft.record(RECORD_OUR_BUNDLE);
  if (bundle === undefined) return ignore("no bundle to give");
  // Also in a superseded conversation: its inviter may still wait for an answer.
  if (!hasNumberForContent(draft.state) || isContentWaiting(draft.state)) {
    const pauseMs = Math.min(RESEND_MAX_MS, RESEND_FIRST_MS * 2 ** Math.min(draft.state.resends, 16));
    draft.add({ kind: "schedule", name: TIMER_BUNDLE, atMs: draft.now + pauseMs });
    return draft.accept();
  }
  sendBundle(draft, bundle);
  draft.add({ kind: "drop", key: RECORD_OUR_BUNDLE });
  return draft.accept();
}
