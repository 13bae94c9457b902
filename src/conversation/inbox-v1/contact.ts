/** The record `contact/<client address>`: an identity that we accepted, blocked, invited, or that asks to be accepted. */
import { plain, toHex } from "../../crypto/bytes.ts";
import { umbra } from "../../wire/gen/umbra.js";
import { type ConversationId, privateConversationId } from "../../wire/ids.ts";
import type { Effect } from "../contract.ts";
import { SIBLINGS_MAX } from "../pairwise-opening.ts";
import { tell } from "../pairwise-words.ts";
import { fromUint64, ownBytes } from "../state-version.ts";
import { contactRecord, DAY_MS } from "./state.ts";

const { ContactV1 } = umbra.state.v1;

/** A conversation with the identity, as its inbox knows it. */
export interface Pair {
  /** 16 bytes. */
  readonly ident: Uint8Array;
  readonly createdAtMs: number;
  /** A message of the peer was read in it. */
  readonly isHeard: boolean;
}

export interface Contact {
  readonly isAccepted: boolean;
  readonly isBlocked: boolean;
  /** A new invite must be younger than this (profile 8.7 "Several conversations with one identity"). */
  readonly newestCreatedAtMs: number;
  /** Open and accepted ones. */
  readonly conversations: readonly Pair[];
  /** Its request that nobody has decided on. */
  readonly request: Pair | undefined;
  /** Its newest multi-use bundle, for a new invite. */
  readonly bundle: Uint8Array | undefined;
  readonly reinvitedAtMs: number;
}

const stranger: Contact = {
  isAccepted: false,
  isBlocked: false,
  newestCreatedAtMs: 0,
  conversations: [],
  request: undefined,
  bundle: undefined,
  reinvitedAtMs: 0,
};

/** Of a record that is not there: a stranger. */
export function readContact(record: Uint8Array | undefined): Contact {
  if (record === undefined) return stranger;
  const stored = ContactV1.decode(ownBytes(record));
  return {
    isAccepted: stored.isAccepted,
    isBlocked: stored.isBlocked,
    newestCreatedAtMs: fromUint64(stored.newestCreatedAtMs),
    conversations: stored.conversations.map(readPair),
    request: stored.request == null ? undefined : readPair(stored.request),
    bundle: stored.bundle.length === 0 ? undefined : stored.bundle,
    reinvitedAtMs: fromUint64(stored.reinvitedAtMs),
  };
}

export function putContact(address: string, contact: Contact): Effect {
  const { conversations, request, bundle, ...same } = contact;
  const bytes = ContactV1.encode({
    ...same,
    conversations: [...conversations],
    request: request ?? null,
    bundle: bundle ?? null,
  }).finish();
  return { kind: "put", key: contactRecord(address), bytes: plain(bytes) };
}

/** With one more conversation. */
export function withConversation(contact: Contact, pair: Pair): Contact {
  const newestCreatedAtMs = Math.max(contact.newestCreatedAtMs, pair.createdAtMs);
  return { ...contact, newestCreatedAtMs, conversations: [...contact.conversations, pair] };
}

/**
 * When the next conversation is made: above every other with this identity, so that both sides agree on the newest (profile
 * 8.7). Those that a wrong clock has dated later than a day from now were refused by the peer: they count as the oldest.
 */
export function beforeNext(contact: Contact, now: number): { readonly contact: Contact; readonly createdAtMs: number } {
  const isAhead = (ms: number): boolean => ms > now + DAY_MS;
  if (!isAhead(contact.newestCreatedAtMs))
    return { contact, createdAtMs: Math.max(now, contact.newestCreatedAtMs + 1) };
  const conversations = contact.conversations.map((pair) =>
    isAhead(pair.createdAtMs) && !pair.isHeard ? { ...pair, createdAtMs: 0 } : pair,
  );
  const times = conversations.map(({ createdAtMs }) => createdAtMs).filter((ms) => !isAhead(ms));
  const newestCreatedAtMs = Math.max(0, ...times);
  return {
    contact: { ...contact, conversations, newestCreatedAtMs },
    createdAtMs: Math.max(now, newestCreatedAtMs + 1),
  };
}

/** The newest of those in which the peer was heard; all older ones are superseded by it. */
export function newestHeard({ conversations }: Contact): Pair | undefined {
  return conversations.filter(({ isHeard }) => isHeard).toSorted(newestFirst)[0];
}

/** Older than the pair. */
export function olderThan({ conversations }: Contact, pair: Pair): readonly Pair[] {
  return conversations.filter((each) => newestFirst(pair, each) < 0);
}

/** What the conversation has superseded: nothing, unless it is the newest that was heard. */
export function supersededBy(contact: Contact, ident: string): readonly Pair[] {
  const newest = newestHeard(contact);
  return newest !== undefined && isSamePair(newest, ident) ? olderThan(contact, newest) : [];
}

/** Of equal age the smaller ident counts as the newer. */
function newestFirst(a: Pair, b: Pair): number {
  return b.createdAtMs - a.createdAtMs || (toHex(a.ident) < toHex(b.ident) ? -1 : 1);
}

/** A new conversation and those that there are learn of each other. */
export function meet(
  { conversations, request }: Contact,
  ident: Uint8Array,
): { readonly siblings: readonly Uint8Array[]; readonly effects: readonly Effect[] } {
  const others = (request === undefined ? conversations : [...conversations, request]).slice(-SIBLINGS_MAX);
  return {
    siblings: others.map((pair) => pair.ident),
    effects: others.map((pair, index) =>
      tell(conversationOf(pair), { kind: "sibling", ident: toHex(ident) }, `sibling-${index}`),
    ),
  };
}

export function conversationOf({ ident }: Pair): ConversationId {
  return privateConversationId(ident);
}

export function isSamePair(pair: Pair | undefined, ident: string): boolean {
  return pair !== undefined && toHex(pair.ident) === ident;
}

function readPair(pair: umbra.state.v1.PairV1.$Properties): Pair {
  return {
    ident: pair.ident ?? new Uint8Array(),
    createdAtMs: fromUint64(pair.createdAtMs ?? 0),
    isHeard: pair.isHeard ?? false,
  };
}
