/** Which of several conversations with one identity new content goes to (profile 8.7). */
import type { ConversationState, ConversationView } from "../api.ts";

/** The newest of those in which the peer was heard, else the newest; of equal age the one with the smaller ident. */
export function currentOf(conversations: readonly ConversationView[]): ConversationView | undefined {
  const open = conversations.filter(({ standing }) => standing !== "undecided" && standing !== "rolled-back");
  const heard = open.filter(({ isHeard }) => isHeard === true);
  const [current] = (heard.length > 0 ? heard : open).toSorted(newestFirst);
  return current;
}

/**
 * What has taken the place of a conversation: newer ones in which the peer was heard, and the newer one that its content
 * goes to. Never an older one, nor one that nobody has agreed to. `conversations`: all with the same peer, of the same type.
 */
export function successorsOf(view: ConversationView, conversations: readonly ConversationView[]): ConversationView[] {
  if (view.isHeard === null) return [];
  const current = currentOf(conversations);
  const hasTakenOver = (each: ConversationView): boolean =>
    each.standing !== "undecided" && (each.isHeard === true || each === current);
  return conversations.filter((each) => each !== view && newestFirst(each, view) < 0 && hasTakenOver(each));
}

function newestFirst(a: ConversationView, b: ConversationView): number {
  return b.createdAtMs - a.createdAtMs || (a.id < b.id ? -1 : 1);
}

/** `conversations`: all with the same peer, of the same type. Types that tell nothing of hearing have open ones only. */
export function stateAmong(view: ConversationView, conversations: readonly ConversationView[]): ConversationState {
  if (view.isHeard === null) return "open";
  const current = currentOf(conversations);
  const isOlder = current?.isHeard === true && current.createdAtMs > view.createdAtMs;
  if (isOlder) return "superseded";
  return view.isHeard ? "open" : "unanswered";
}
