/**
 * What a private conversation tells others: its inbox that it was heard, that it is stuck, that the peer has a new bundle;
 * the one that it succeeds what became of the messages it took over.
 */
import { fromHex, toHex } from "../../../crypto/bytes.ts";
import { type ClientAddress, inboxAddressOf, inboxConversationId, privateConversationId } from "../../../wire/ids.ts";
import { type Effect, ignore, type Transition } from "../../contract.ts";
import { tell, type Word } from "../../pairwise-words.ts";
import { isRefusedInvite } from "../clock/set-back.ts";
import type { Draft } from "../draft.ts";
import {
  BUNDLE_EVERY_MS,
  isUnheardInvite,
  type PrivateState,
  RECORD_OUR_BUNDLE,
  STUCK_MS,
  TELL_STUCK_MS,
  TIMER_BUNDLE,
  UNANSWERED_MS,
  type Unacknowledged,
} from "../state.ts";

/** A word to the inbox that opened this conversation. */
export function tellInbox({ ourAddress }: PrivateState, word: Word): Effect {
  return tell(inboxConversationId(inboxAddressOf(ourAddress as ClientAddress)), word);
}

/** Before the state says that the peer was heard. */
export function reportHeard(draft: Draft): void {
  const { state } = draft;
  if (state.hasHeard) return;
  draft.add(tellInbox(state, { kind: "heard", peer: state.peerAddress, ident: toHex(state.ident) }));
}

export function reportBundle(draft: Draft, bundle: Uint8Array): void {
  const { state } = draft;
  draft.add(tellInbox(state, { kind: "bundle", peer: state.peerAddress, bundle: toHex(bundle) }));
}

/** With content of the application: once a week the peer gets our bundle of now after it (profile 8.7 "Fresh bundles"). */
export function askForBundle(draft: Draft): void {
  const { state, now } = draft;
  if (!state.hasHeard || state.successor !== undefined || now - state.bundleAskedMs < BUNDLE_EVERY_MS) return;
  draft.set({ bundleAskedMs: now });
  draft.add(tellInbox(state, { kind: "bundle-wanted", peer: state.peerAddress, ident: toHex(state.ident) }));
}

/** What the inbox gives for it. */
export function takeOurBundle(draft: Draft, text: string): Transition<PrivateState> {
  const bundle = fromHex(text);
  if (bundle === undefined || draft.state.successor !== undefined) return ignore("no bundle to give");
  draft.add({ kind: "put", key: RECORD_OUR_BUNDLE, bytes: bundle });
  draft.add({ kind: "schedule", name: TIMER_BUNDLE, atMs: draft.now });
  return draft.accept();
}

/** With each resend: has it gone on for so long that only a new invite can help? */
export function reportStuck(draft: Draft): void {
  const { state, now } = draft;
  const [oldest] = state.unacknowledged;
  const isStuck = isUnheardInvite(state)
    ? now - state.createdAtMs >= UNANSWERED_MS || isRefusedInvite(state, now)
    : oldest !== undefined && now - oldest.firstSentAtMs >= STUCK_MS;
  if (!isStuck || now - state.toldStuckMs < TELL_STUCK_MS) return;
  draft.set({ toldStuckMs: now });
  draft.add(tellInbox(state, { kind: "stuck", peer: state.peerAddress, ident: toHex(state.ident) }));
}

/** To the conversation that a message came from. */
export function tellFates(draft: Draft, messages: readonly Pick<Unacknowledged, "origin">[], failed?: string): void {
  for (const { origin } of messages) {
    if (origin === undefined) continue;
    const { ident, messageId } = origin;
    const to = fromHex(ident);
    if (to === undefined) continue;
    const word: Word =
      failed === undefined ? { kind: "delivered", messageId } : { kind: "failed", messageId, reason: failed };
    draft.add(tell(privateConversationId(to), word, `fate-${word.kind}-${messageId}`));
  }
}
