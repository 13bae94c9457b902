/** What the inbox learns from its conversations, and the new invite for one that nobody answers (profile 8.7 "Re-invite"). */
import { fromHex, toHex } from "../../crypto/bytes.ts";
import { decodeBundle } from "../../wire/contact-bundle.ts";
import { accept, type Effect, ignore, type Transition, type TurnContext } from "../contract.ts";
import { tell } from "../pairwise-words.ts";
import {
  beforeNext,
  type Contact,
  conversationOf,
  isSamePair,
  newestHeard,
  olderThan,
  putContact,
  readContact,
  withConversation,
} from "./contact.ts";
import { beginConversation } from "./invite.ts";
import { givePublicBundle } from "./prekeys.ts";
import { contactRecord, DAY_MS, type InboxState, PRIVATE_TYPE } from "./state.ts";

type Step = Transition<InboxState>;

/** A new invite goes at most this often; the first does not wait for it. */
const REINVITE_PAUSE_MS = 7 * DAY_MS;

interface Report {
  readonly peer: string;
  readonly ident: string;
}

function contactOf(peer: string, context: TurnContext): Contact | { readonly lacks: Step } {
  const key = contactRecord(peer);
  if (!context.records.has(key)) return { lacks: { kind: "lacks", keys: [key] } };
  return readContact(context.records.get(key));
}

/** The conversation was read in: from now on it is one that new content may go to. */
export function noteHeard(state: InboxState, { peer, ident }: Report, context: TurnContext): Step {
  const contact = contactOf(peer, context);
  if ("lacks" in contact) return contact.lacks;
  const conversations = contact.conversations.map((pair) =>
    isSamePair(pair, ident) ? { ...pair, isHeard: true } : pair,
  );
  const request = contact.request;
  const heard = request !== undefined && isSamePair(request, ident) ? { ...request, isHeard: true } : request;
  const known = { ...contact, conversations, request: heard };
  return accept(state, [putContact(peer, known), ...supersede(known, ident)]);
}

/** Both sides leave what is older than the newest heard conversation, and so agree on crossed ones (ties: smaller ident). */
function supersede(contact: Contact, reporter: string): Effect[] {
  const newest = newestHeard(contact);
  if (newest === undefined) return [];
  const older = olderThan(contact, newest);
  // Who reports is either the newest, so that all others hear of it, or comes late and hears of the newest.
  const told = isSamePair(newest, reporter) ? older : older.filter((pair) => isSamePair(pair, reporter));
  return told.map((pair, index) =>
    tell(conversationOf(pair), { kind: "superseded", ident: toHex(newest.ident) }, `superseded-${index}`),
  );
}

/** The peer sent its bundle: the newest is kept, unless it serves one invite only. */
export function noteBundle(
  state: InboxState,
  { peer, bundle: text }: { readonly peer: string; readonly bundle: string },
  context: TurnContext,
): Step {
  const contact = contactOf(peer, context);
  if ("lacks" in contact) return contact.lacks;
  const bytes = fromHex(text);
  const decoded = bytes === undefined ? undefined : decodeBundle(bytes);
  if (decoded?.kind !== "readable" || !decoded.value.bundle.multiUse) return ignore("no bundle to keep");
  return accept(state, [putContact(peer, { ...contact, bundle: decoded.value.bytes })]);
}

/** A week has passed since the peer of this conversation got a bundle of ours: it gets one of a prekey that is younger. */
export function giveFreshBundle(state: InboxState, { peer, ident }: Report, context: TurnContext): Step {
  const contact = contactOf(peer, context);
  if ("lacks" in contact) return contact.lacks;
  const pair = contact.conversations.find((each) => isSamePair(each, ident));
  if (pair === undefined || contact.isBlocked || !contact.isAccepted) return ignore("not a contact");
  const { prekeys, effects, bundle } = givePublicBundle(state, context);
  const word = { kind: "our-bundle", bundle: toHex(bundle) } as const;
  return accept({ ...state, prekeys }, [...effects, tell(conversationOf(pair), word)]);
}

/**
 * Nothing of the conversation is acknowledged. The peer gets a new invite, with a new e_A, if we have a bundle of it that
 * is valid and serves several; else the application is told that it takes a new link. The old conversation goes on.
 */
export function reinvite(
  state: InboxState,
  { peer, ident }: Report,
  context: TurnContext,
  pauseMs: number = REINVITE_PAUSE_MS,
): Step {
  const contact = contactOf(peer, context);
  if ("lacks" in contact) return contact.lacks;
  const { now } = context;
  if (contact.isBlocked || !contact.isAccepted) return ignore("not a contact");
  const newest = contact.conversations.toSorted((a, b) => b.createdAtMs - a.createdAtMs)[0];
  // A newer one has its own patience.
  if (!isSamePair(newest, ident)) return ignore("a newer conversation exists");
  // Dated later than now by a clock that was set back since, it says nothing.
  if (contact.reinvitedAtMs <= now && now - contact.reinvitedAtMs < pauseMs)
    return ignore("invited anew a short while ago");
  const tried = { ...contact, reinvitedAtMs: now };
  const needed: Effect = { kind: "deliver", event: { type: "contact.link-needed", peer } };
  return inviteAgain(state, peer, tried, context) ?? accept(state, [putContact(peer, tried), needed]);
}

/** A new conversation with the peer; undefined: what we have of it allows none. */
export function inviteAgain(
  state: InboxState,
  peer: string,
  known: Contact,
  context: TurnContext,
): Extract<Step, { kind: "accept" }> | undefined {
  const { now } = context;
  const decoded = known.bundle === undefined ? undefined : decodeBundle(known.bundle);
  const bundle = decoded?.kind === "readable" ? decoded.value.bundle : undefined;
  if (bundle === undefined || bundle.notAfterMs <= now) return undefined;
  const { contact, createdAtMs } = beforeNext(known, now);
  const begun = beginConversation(state, bundle, { contact, createdAtMs, text: undefined }, context);
  if (begun === undefined) return undefined;
  const pair = { ident: begun.opening.keys.ident, createdAtMs, isHeard: false };
  const opened = { ...state, prekeys: begun.prekeys };
  const effects: readonly Effect[] = [
    ...begun.effects,
    putContact(peer, withConversation(contact, pair)),
    { kind: "open", type: PRIVATE_TYPE, opening: begun.opening },
  ];
  return { kind: "accept", state: opened, effects };
}
