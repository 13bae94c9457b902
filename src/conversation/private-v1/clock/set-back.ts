/**
 * This machine's clock was set back: what the state dates later than now was dated by another clock than that of now. The
 * intervals that begin there would wait until the clock has caught up; they begin anew instead.
 */
import { type Held, LAMPORT_AHEAD_MAX_MS, type Lost, type PrivateState, type Unacknowledged } from "../state.ts";

const INVITE_AHEAD_MAX_MS = 24 * 3_600_000;

/** What a state is taken for in a turn. The same object, nearly always. Peers are told of no time that is further off than a day. */
export function withoutFutureTimes(state: PrivateState, now: number): PrivateState {
  if (!isOfFuture(state, now)) return state;
  const { unacknowledged, held, lost, lastPublishedMs, toldStuckMs, bundleAskedMs, answeredAtMs, lastFrameMs } = state;
  const since = <Entry extends Held | Lost>(entry: Entry): Entry =>
    entry.sinceMs > now ? { ...entry, sinceMs: now } : entry;
  const sent = (entry: Unacknowledged): Unacknowledged => ({
    ...entry,
    sentAtMs: Math.min(entry.sentAtMs, now),
    firstSentAtMs: Math.min(entry.firstSentAtMs, now),
  });
  return {
    ...state,
    unacknowledged: unacknowledged.map(sent),
    held: held.map(since),
    lost: lost.map(since),
    lastPublishedMs: Math.min(lastPublishedMs, now),
    repairedAtMs: Math.min(state.repairedAtMs, now),
    askingSinceMs: Math.min(state.askingSinceMs, now),
    resendingSinceMs: Math.min(state.resendingSinceMs, now),
    toldStuckMs: Math.min(toldStuckMs, now),
    bundleAskedMs: Math.min(bundleAskedMs, now),
    // Whoever looks at it changes nothing when it is too early, so it would begin anew with each look.
    answeredAtMs: answeredAtMs > now ? 0 : answeredAtMs,
    // No two frames may have one time. After a step of hours the next ones follow the last by milliseconds each.
    lastFrameMs: lastFrameMs > now + LAMPORT_AHEAD_MAX_MS ? now - 1 : lastFrameMs,
  };
}

function isOfFuture(state: PrivateState, now: number): boolean {
  const { lastPublishedMs, toldStuckMs, bundleAskedMs, answeredAtMs, lastFrameMs } = state;
  return (
    Math.max(lastPublishedMs, state.repairedAtMs, toldStuckMs, bundleAskedMs, answeredAtMs) > now ||
    lastFrameMs > now + LAMPORT_AHEAD_MAX_MS ||
    state.unacknowledged.some(({ sentAtMs, firstSentAtMs }) => Math.max(sentAtMs, firstSentAtMs) > now) ||
    [...state.held, ...state.lost].some(({ sinceMs }) => sinceMs > now)
  );
}

/** When an invite was made, for what waits for its answer. */
export function invitedAtMs({ createdAtMs }: PrivateState, now: number): number {
  return Math.min(createdAtMs, now);
}

/** Made while the clock was more than a day ahead: every inbox refuses it (profile 8.7). */
export function isRefusedInvite({ createdAtMs }: PrivateState, now: number): boolean {
  return createdAtMs > now + INVITE_AHEAD_MAX_MS;
}
