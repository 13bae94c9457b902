/** How a private conversation begins, on either side of an invite (profile 8.6 initial state, 8.7). */
import { type RatchetState, startAsInvitee, startAsInviter } from "../../protocol/double-ratchet/ratchet-state.ts";
import { ratchetedIdentifier } from "../../protocol/private-identifier/ratcheted-identifier.ts";
import { type Effect, type RecordKey, reject, type Transition, type TurnContext } from "../contract.ts";
import type { InviteeOpening, InviterOpening, PairwiseOpening } from "../pairwise-opening.ts";
import { oweAcknowledgement, scheduleResend } from "./alarms.ts";
import { Draft } from "./draft.ts";
import { receiveSealed, type Sealed } from "./receive.ts";
import { sendContent, sendSync } from "./send.ts";
import { type PrivateState, RECORD_OUR_BUNDLE } from "./state.ts";

type Step = Transition<PrivateState>;

export function openPrivate(opening: PairwiseOpening, context: TurnContext): Step {
  return opening.role === "inviter" ? openAsInviter(opening, context) : openAsInvitee(opening, context);
}

function openAsInviter(opening: InviterOpening, context: TurnContext): Step {
  const { keys, peerPrekey, content, peerAddress } = opening;
  const ratchet = startAsInviter({ keys, ratchetSecret: context.random(32), peerPrekey });
  if (ratchet === undefined) return reject("invite/unusable", "the link's prekey is not a usable key");
  const draft = new Draft(initialState(opening, ratchet, context.now), context);
  draft.add({ kind: "deliver", event: { type: "conversation.opened", peer: peerAddress, role: "inviter" } });
  const seal = (blob: Uint8Array) => opening.seal(blob);
  if (content !== undefined) return draft.accept({ reply: { messageId: sendContent(draft, content, seal) } });
  sendSync(draft, seal);
  scheduleResend(draft);
  return draft.accept();
}

function openAsInvitee(opening: InviteeOpening, context: TurnContext): Step {
  const { keys, ourPrekeySecret, initialMessage, peerAddress, ourBundle, isUndecided } = opening;
  const state = initialState(opening, startAsInvitee({ keys, prekeySecret: ourPrekeySecret }), context.now);
  const opened: Effect[] = [
    { kind: "deliver", event: { type: "conversation.opened", peer: peerAddress, role: "invitee" } },
    ...(isUndecided ? [{ kind: "deliver", event: { type: "contact.requested", peer: peerAddress } } as const] : []),
    ...(ourBundle === undefined ? [] : [{ kind: "put", key: RECORD_OUR_BUNDLE, bytes: ourBundle } as const]),
  ];
  if (initialMessage === undefined) return { kind: "accept", state, effects: opened };
  // Its hint never travels: the message was inside the invite, as number 0 of the inviter's first chain.
  const { hint, salt } = ratchetedIdentifier(keys.inviterHeaderKey, 0);
  const read = readFirst(state, { ref: 0, hint, salt, blob: initialMessage }, context);
  if (read.kind === "ignore" || read.kind === "reject") return reject(`initial-message-${read.reason}`);
  const { refusedInside } = read;
  // A kind of content that we do not know may be the first of a newer peer; bytes that nobody could read refuse the invite.
  if (refusedInside !== undefined && !refusedInside.startsWith("unsupported"))
    return reject(`initial-message-${refusedInside}`);
  const draft = new Draft(read.state, context);
  draft.add(...opened, ...read.effects);
  // A first message without content is not acknowledged as such, but the inviter must hear that we are here.
  oweAcknowledgement(draft);
  return draft.accept({ refusedInside });
}

/** A new conversation has no records yet: whatever its first message asks for is not there. */
function readFirst(state: PrivateState, sealed: Sealed, context: TurnContext): Exclude<Step, { kind: "lacks" }> {
  const records = new Map<RecordKey, Uint8Array | undefined>();
  for (;;) {
    const { now, isMetered = false } = context;
    const random = (length: number) => context.random(length);
    const read = receiveSealed(state, sealed, { now, isMetered, random, records });
    if (read.kind !== "lacks") return read;
    for (const key of read.keys) records.set(key, undefined);
  }
}

function initialState(opening: PairwiseOpening, ratchet: RatchetState, now: number): PrivateState {
  return {
    ident: opening.keys.ident,
    isInviter: opening.role === "inviter",
    ourAddress: opening.ourAddress,
    peerAddress: opening.peerAddress,
    ourTopics: opening.ourTopics,
    peerTopics: opening.peerTopics,
    createdAtMs: opening.createdAtMs,
    ratchet,
    lamportMs: 0,
    newestOurs: undefined,
    newestTheirs: undefined,
    unacknowledged: [],
    newestAcknowledged: undefined,
    newestStatementMs: 0,
    held: [],
    lost: [],
    waitingFirst: 0,
    waitingEnd: 0,
    // No two invites to one peer have the same time, so neither have their first messages: equal words in both are two messages.
    hasWaitGap: false,
    repairedAtMs: 0,
    askingSinceMs: 0,
    resendingSinceMs: 0,
    lastFrameMs: opening.role === "inviter" ? opening.createdAtMs - 1 : 0,
    lastPublishedMs: 0,
    resends: 0,
    answers: 0,
    answeredAtMs: 0,
    hasHeard: false,
    owesAcknowledgement: false,
    unnamedReads: 0,
    hasToldUnsupported: false,
    firstContentChain: 0,
    outgoing: [],
    lastSet: 0,
    kept: [],
    givenWhole: undefined,
    isUndecided: opening.role === "invitee" && opening.isUndecided,
    isBlocked: false,
    toldStuckMs: 0,
    bundleAskedMs: now,
    successor: undefined,
    hasMoved: false,
    siblings: opening.siblings,
    isRolledBack: false,
    openBytes: 0,
    skippedTrail: { first: 0, end: 0 },
    knownTrail: { first: 0, end: 0 },
  };
}
