/** An invite that arrives (profile 8.7, "B checks, in this order"). A failure anywhere consumes nothing. */
import { toHex, utf8 } from "../../crypto/bytes.ts";
import { bytesEqual } from "../../crypto/equal.ts";
import { exportConversationKeys, keyRef } from "../../protocol/noise/conversation-keys.ts";
import { readInvite } from "../../protocol/noise/kxfallback.ts";
import { decodeBundle } from "../../wire/contact-bundle.ts";
import type { EciesBytes } from "../../wire/encrypted-bytes.ts";
import type { Envelope } from "../../wire/envelope.ts";
import { type ContentTopic, clientAddressOf } from "../../wire/ids.ts";
import { decodeInboxFrame, type InvitePrivate } from "../../wire/inbox-frame.ts";
import { accept, type Effect, ignore, type RecordKey, reject, type Transition, type TurnContext } from "../contract.ts";
import type { InviteeOpening } from "../pairwise-opening.ts";
import { tell } from "../pairwise-words.ts";
import { type Contact, conversationOf, meet, type Pair, putContact, readContact, withConversation } from "./contact.ts";
import { acceptedRequest } from "./decide.ts";
import { dayRecord, forgetLater } from "./forget.ts";
import { sortedParticipants } from "./invite.ts";
import { inviteId, linkRecord, redeem } from "./links.ts";
import { endOf, givePublicBundle, usePrekey } from "./prekeys.ts";
import {
  contactRecord,
  DAY_MS,
  DISCRIMINATOR,
  INVITE_BYTES_MAX,
  type InboxState,
  identityOf,
  PRIVATE_TYPE,
  PRIVATE_TYPE_PATH,
  type Prekey,
  prekeyRecord,
  REQUESTS_MAX,
  replayRecord,
} from "./state.ts";

type Step = Transition<InboxState>;

/** Without a key_ref the newest prekeys are tried, no more: each costs three scalar multiplications (profile 8.7). */
const PREKEYS_TRIED_MAX = 4;

export function inviteReads(state: InboxState, envelope: Envelope): readonly RecordKey[] {
  const ecies = envelope.encryptedBytes;
  if (ecies.member !== "ecies") return [];
  return [
    replayRecord(ecies.ephemeralPublic),
    ...candidates(state, envelope.salt, ecies).map((prekey) => prekeyRecord(prekey.publicKey)),
  ];
}

/** What becomes of invites through our public prekey from identities that nobody accepted. */
export type UnknownSenders = "ask" | "reject";

export function receiveInvite(
  state: InboxState,
  envelope: Envelope,
  context: TurnContext,
  unknownSenders: UnknownSenders,
): Step {
  const ecies = envelope.encryptedBytes;
  if (ecies.member !== "ecies") return reject("member");
  if (ecies.bytes.length > INVITE_BYTES_MAX) return reject("too-large");
  const replayKey = replayRecord(ecies.ephemeralPublic);
  if (context.records.get(replayKey) !== undefined) return ignore("replayed-invite");
  const opened = openInvite(state, envelope.salt, ecies, context);
  if ("refusal" in opened) return reject(opened.refusal);
  const { prekey, prekeySecret, read } = opened;
  const frame = decodeInboxFrame(read.payload);
  if (frame.kind !== "readable") return reject(`frame-${frame.kind}`);
  const { recipient, invite } = frame.value;
  if (recipient !== identityOf(state).clientAddress) return reject("recipient");
  const peer = checkInviter(state, invite, read.theirStatic);
  if ("refusal" in peer) return reject(peer.refusal);
  const { createdAtMs } = invite;
  if (!isTimely(createdAtMs, prekey, context.now)) return reject("created-at");
  const contactKey = contactRecord(peer.address);
  const linkKey = linkRecord(inviteId(prekey));
  // Its prekey may be gone the sooner, never the later: while it is there, a repeated invite must be known.
  const replayEndMs = endOf(prekey);
  const dayKey = dayRecord(replayEndMs);
  const lacking = [contactKey, linkKey, dayKey].filter((key) => !context.records.has(key));
  if (lacking.length > 0) return { kind: "lacks", keys: lacking };
  const keys = exportConversationKeys(read.export, DISCRIMINATOR);
  const pair = { ident: keys.ident, createdAtMs, isHeard: false };
  const known = readContact(context.records.get(contactKey));
  const admitted = admit(state, known, { pair, prekey, unknownSenders });
  if ("refusal" in admitted) return reject(admitted.refusal);
  const { isUndecided } = admitted;
  const { initialMessage } = invite;
  if (initialMessage !== undefined && initialMessage.member !== "encrypted_bytes")
    return reject("initial-message-member");
  const { siblings, effects: met } = meet(known, keys.ident);
  const used = usePrekey(state.prekeys, prekey);
  const given = givePublicBundle({ ...admitted.state, prekeys: used.prekeys }, context);
  const opening: InviteeOpening = {
    role: "invitee",
    keys,
    siblings,
    createdAtMs,
    ourPrekeySecret: prekeySecret,
    ourBundle: given.bundle,
    ...participantsOf(state, peer),
    isUndecided,
    ...(initialMessage === undefined ? {} : { initialMessage: initialMessage.bytes }),
  };
  const contact = { ...admitted.contact, ...(peer.isMultiUse ? { bundle: invite.contactBundle } : {}) };
  return accept({ ...admitted.state, prekeys: given.prekeys }, [
    ...used.effects,
    ...given.effects,
    { kind: "put", key: replayKey, bytes: utf8(String(context.now)) },
    ...forgetLater(replayKey, replayEndMs, context.records.get(dayKey)),
    putContact(peer.address, contact),
    ...admitted.effects,
    ...met,
    ...redeem(context.records.get(linkKey), peer.address, context.now),
    { kind: "open", type: PRIVATE_TYPE, opening },
  ]);
}

/** Of a prekey that is dated later than now nobody knows when it was made: the clock was set back since. */
function isTimely(createdAtMs: number, prekey: Prekey, now: number): boolean {
  const isBefore = prekey.createdAtMs <= now && createdAtMs < prekey.createdAtMs - DAY_MS;
  return !isBefore && createdAtMs <= now + DAY_MS;
}

function participantsOf(
  state: InboxState,
  peer: { readonly address: string; readonly topics: readonly ContentTopic[] },
) {
  const { clientAddress, topic } = identityOf(state);
  return { ourAddress: clientAddress, peerAddress: peer.address, ourTopics: [topic], peerTopics: peer.topics };
}

type Admission = {
  readonly state: InboxState;
  readonly contact: Contact;
  readonly isUndecided: boolean;
  readonly effects: readonly Effect[];
};

/**
 * Consent (profile 8.7): a link is, and so is an earlier acceptance. Anybody else's invite waits for a decision, one for
 * each identity, and is refused when there are too many or the policy says so.
 */
function admit(
  state: InboxState,
  contact: Contact,
  invite: { readonly pair: Pair; readonly prekey: Prekey; readonly unknownSenders: UnknownSenders },
): Admission | { readonly refusal: string } {
  const { pair, prekey, unknownSenders } = invite;
  const { request } = contact;
  if (contact.isBlocked) return { refusal: "blocked" };
  if (!prekey.isPublic || contact.isAccepted) {
    const accepted = withConversation(acceptedRequest(contact), pair);
    if (request === undefined) return { state, contact: accepted, isUndecided: false, effects: [] };
    const effects = [tell(conversationOf(request), { kind: "accept" })];
    return { state: { ...state, undecided: state.undecided - 1 }, contact: accepted, isUndecided: false, effects };
  }
  if (unknownSenders === "reject") return { refusal: "policy-refused" };
  const newestCreatedAtMs = Math.max(contact.newestCreatedAtMs, pair.createdAtMs);
  const asking = { ...contact, newestCreatedAtMs, request: pair };
  if (request === undefined) {
    if (state.undecided >= REQUESTS_MAX) return { refusal: "too-many-requests" };
    return { state: { ...state, undecided: state.undecided + 1 }, contact: asking, isUndecided: true, effects: [] };
  }
  if (pair.createdAtMs <= request.createdAtMs) return { refusal: "older-request" };
  return { state, contact: asking, isUndecided: true, effects: [tell(conversationOf(request), { kind: "close" })] };
}

function candidates(state: InboxState, salt: number, ecies: EciesBytes): readonly Prekey[] {
  const { keyRef: wanted } = ecies;
  if (wanted === undefined) return state.prekeys.slice(-PREKEYS_TRIED_MAX).reverse();
  return state.prekeys
    .filter((prekey) => bytesEqual(keyRef(salt, prekey.publicKey), wanted))
    .slice(0, PREKEYS_TRIED_MAX);
}

type ReadInviteResult = Extract<ReturnType<typeof readInvite>, { kind: "read" }>;

function openInvite(
  state: InboxState,
  salt: number,
  ecies: EciesBytes,
  context: TurnContext,
):
  | { readonly prekey: Prekey; readonly prekeySecret: Uint8Array; readonly read: ReadInviteResult }
  | { readonly refusal: string } {
  let refusal = "unknown-prekey";
  for (const prekey of candidates(state, salt, ecies)) {
    const prekeySecret = context.records.get(prekeyRecord(prekey.publicKey));
    if (prekeySecret === undefined) continue;
    const { ephemeralPublic, bytes, tag } = ecies;
    const { conversationId } = identityOf(state);
    const read = readInvite({
      conversationId,
      ourStaticSecret: state.staticSecret,
      ourPrekeySecret: prekeySecret,
      ephemeralPublic,
      bytes,
      tag,
    });
    if (read.kind === "read") return { prekey, prekeySecret, read };
    refusal = read.reason;
  }
  return { refusal };
}

/** Who invites: the bundle's identity, tied to the handshake by its static key. */
function checkInviter(state: InboxState, invite: InvitePrivate, theirStatic: Uint8Array) {
  const decoded = decodeBundle(invite.contactBundle);
  if (decoded.kind !== "readable")
    return { refusal: decoded.reason === "bundle-signature" ? "bundle-signature" : "bundle" } as const;
  const { bundle } = decoded.value;
  if (!bundle.conversationTypes.includes(PRIVATE_TYPE_PATH)) return { refusal: "bundle" } as const;
  const { clientAddress, identityKey } = identityOf(state);
  if (toHex(bundle.identityKey) === toHex(identityKey)) return { refusal: "own-identity" } as const;
  if (!bytesEqual(bundle.staticKey, theirStatic)) return { refusal: "static-key-mismatch" } as const;
  const address = clientAddressOf(bundle.identityKey);
  const expected = sortedParticipants(address, clientAddress);
  if (invite.participants.length !== 2 || expected.some((name, index) => invite.participants[index] !== name))
    return { refusal: "participants" } as const;
  if (invite.discriminator !== DISCRIMINATOR) return { refusal: "discriminator" } as const;
  return { address, topics: bundle.contentTopics, isMultiUse: bundle.multiUse };
}
