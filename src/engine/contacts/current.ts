/** Which of several conversations with one identity new content goes to (profile 8.7). */
import type { ConversationView } from "../api.ts";

/** The newest of those in which the peer was heard, else the newest; of equal age the one with the smaller ident. */
export function currentOf(conversations: readonly ConversationView[]): ConversationView | undefined {
  const open = conversations.filter(({ standing }) => standing !== "undecided");
  const heard = open.filter(({ isHeard }) => isHeard === true);
  const [current] = (heard.length > 0 ? heard : open).toSorted(
    (a, b) => b.createdAtMs - a.createdAtMs || (a.id < b.id ? -1 : 1),
  );
  return current;
}
