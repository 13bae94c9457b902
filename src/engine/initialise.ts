/** The first commit of a new state: the default inbox, which every client MUST have (specification; profile 8.2). */
import type { AnyConversationType } from "../conversation/contract.ts";
import { invariant, UmbradError } from "./errors.ts";
import type { Clock, Store } from "./ports.ts";
import { conversationWrite } from "./turn/conversation-write.ts";

/** Opens `type` as conversation 0. Throws `store/exists` when there is one already. Returns our client address. */
export function initialiseState(ports: {
  readonly store: Store;
  readonly clock: Clock;
  readonly inbox: AnyConversationType;
  /** What the inbox is opened with; absent: it makes a new identity. */
  readonly opening?: unknown;
}): string {
  const { store, clock, inbox } = ports;
  if (store.conversation(0) !== undefined) throw new UmbradError("store/exists", "this state has an identity already");
  const now = clock.now();
  const opening = inbox.open(ports.opening, { now, random: (length) => clock.random(length), records: new Map() });
  invariant(opening.kind === "accept", "a default inbox can always be opened");
  const write = conversationWrite({ number: 0, type: inbox, revision: 0, before: undefined }, opening, now);
  store.commit({ atMs: now, conversations: [write] });
  return inbox.summary(opening.state).clientAddress ?? "";
}
