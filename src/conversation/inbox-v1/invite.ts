/** Making invite links, and using the link of somebody else (profile 8.7, the inviter's side). */
import { readU32be, utf8 } from "../../crypto/bytes.ts";
import { bytesEqual } from "../../crypto/equal.ts";
import { exportConversationKeys, keyRef } from "../../protocol/noise/conversation-keys.ts";
import { beginInvite } from "../../protocol/noise/kxfallback.ts";
import { bundleFromText, bundleToText, type ContactBundle } from "../../wire/contact-bundle.ts";
import { textContent } from "../../wire/content-frame.ts";
import { hintHex } from "../../wire/conversation-hint.ts";
import { encodeEnvelope } from "../../wire/envelope.ts";
import { type ClientAddress, clientAddressOf, inboxAddressOf, inboxConversationId } from "../../wire/ids.ts";
import { encodeInboxFrame } from "../../wire/inbox-frame.ts";
import { accept, reject, type Transition, type TurnContext } from "../contract.ts";
import type { InviterOpening } from "../pairwise-opening.ts";
import { tell } from "../pairwise-words.ts";
import {
  beforeNext,
  type Contact,
  conversationOf,
  meet,
  putContact,
  readContact,
  withConversation,
} from "./contact.ts";
import { acceptedRequest } from "./decide.ts";
import { dayRecord, expireLater, forgetLater } from "./forget.ts";
import { indexLink, inviteId, putLink, RECORD_LINKS } from "./links.ts";
import {
  endOf,
  givePublicBundle,
  makePrekey,
  type PrekeyChange,
  signedBundle,
  tidyLater,
  withoutExpired,
} from "./prekeys.ts";
import {
  contactRecord,
  DISCRIMINATOR,
  type InboxState,
  identityOf,
  PREKEYS_MAX,
  PRIVATE_TYPE,
  PRIVATE_TYPE_PATH,
  SPENT_MAX_MS,
  spentRecord,
  TEXT_BYTES_MAX,
} from "./state.ts";

type Step = Transition<InboxState>;

/** A link is a bundle with a prekey of its own: one-time for one use, else multi-use and counted. */
export function createInvite(
  state: InboxState,
  request: { readonly uses: number; readonly expiresAtMs: number },
  context: TurnContext,
): Step {
  const { now } = context;
  const { uses, expiresAtMs } = request;
  if (expiresAtMs <= now) return reject("invite/expired", "the link would be expired at once");
  if (!context.records.has(RECORD_LINKS)) return { kind: "lacks", keys: [RECORD_LINKS] };
  const valid = withoutExpired(state.prekeys, now);
  if (valid.prekeys.length >= PREKEYS_MAX)
    return reject(
      "invite/too-many",
      `there are ${valid.prekeys.length} open invite links, the limit is ${PREKEYS_MAX}`,
    );
  const { prekey, stored } = makePrekey(context.random(32), {
    multiUse: uses > 1,
    createdAtMs: now,
    notAfterMs: expiresAtMs,
    usesLeft: uses,
    isPublic: false,
  });
  const link = bundleToText(signedBundle(state, prekey));
  const id = inviteId(prekey);
  const made = { ...state, prekeys: [...valid.prekeys, prekey] };
  const { publicKey } = prekey;
  const remembered = { id, publicKey, uses, createdAtMs: now, expiresAtMs, isRevoked: false, isExpired: false };
  return accept(
    made,
    [
      ...valid.effects,
      stored,
      putLink({ ...remembered, redemptions: [] }),
      ...indexLink(made, context.records.get(RECORD_LINKS), id),
      expireLater(id, expiresAtMs),
      tidyLater(endOf(prekey)),
      { kind: "deliver", event: { type: "invite.created", id, uses, expiresAtMs } },
    ],
    { id, link, uses, expiresAtMs },
  );
}

/** Checks a link as profile 8.7 says ("A checks before it invites") and opens the conversation that the invite carries. */
export function acceptInvite(
  state: InboxState,
  request: { readonly link: string; readonly text?: string | undefined },
  context: TurnContext,
): Step {
  if (/^[0-9a-f]{64}$/.test(request.link))
    return reject(
      "invite/malformed",
      "this is an address, not a link: ask for a link (umbrad invite public makes one)",
    );
  const decoded = bundleFromText(request.link);
  if (decoded.kind === "unsupported")
    return reject("invite/unsupported", `this is not a link that umbrad understands (${decoded.reason})`);
  if (decoded.kind === "badly-formed")
    return reject("invite/malformed", `the link is damaged or incomplete (${decoded.reason})`);
  const { bundle } = decoded.value;
  const { now } = context;
  if (bytesEqual(bundle.identityKey, identityOf(state).identityKey))
    return reject("invite/own", "this is your own link: give it to the person you want to talk to");
  if (bundle.notAfterMs <= now)
    return reject("invite/expired", `the link expired at ${new Date(bundle.notAfterMs).toISOString()}`);
  if (!bundle.conversationTypes.includes(PRIVATE_TYPE_PATH))
    return reject("invite/unsupported", "the link is for a kind of conversation that umbrad does not speak");

  const length = utf8(request.text ?? "").length;
  if (length > TEXT_BYTES_MAX)
    return reject("message/too-large", `the text has ${length} bytes, the limit is ${TEXT_BYTES_MAX}`);

  const contactKey = contactRecord(clientAddressOf(bundle.identityKey));
  const spentKey = spentRecord(bundle.prekey);
  // The peer chooses the time: one that is far off is no reason to remember for ever.
  const spentEndMs = Math.min(bundle.notAfterMs, now + SPENT_MAX_MS);
  const dayKey = dayRecord(spentEndMs);
  const lacking = [contactKey, spentKey, dayKey].filter((key) => !context.records.has(key));
  if (lacking.length > 0) return { kind: "lacks", keys: lacking };
  if (!bundle.multiUse && context.records.get(spentKey) !== undefined)
    return reject(
      "invite/used",
      "you have used this link already, and it opens one conversation: umbrad conversation list has it; for another, ask for a new link",
    );
  const known = readContact(context.records.get(contactKey));
  if (known.isBlocked) return reject("contact/blocked", "you blocked this contact: unblock it first");
  const { contact, createdAtMs } = beforeNext(known, now);
  const begun = beginConversation(state, bundle, { contact, createdAtMs, text: request.text }, context);
  if (begun === undefined) return reject("invite/unusable", "the link's keys are not usable");
  const { opening } = begun;
  // Whom we invite, we accept: his request waits for nothing any more.
  const pair = { ident: opening.keys.ident, createdAtMs, isHeard: false };
  const invited = withConversation(acceptedRequest(contact), pair);
  const asked = contact.request;
  return accept({ ...state, prekeys: begun.prekeys, undecided: state.undecided - (asked === undefined ? 0 : 1) }, [
    ...begun.effects,
    putContact(opening.peerAddress, bundle.multiUse ? { ...invited, bundle: decoded.value.bytes } : invited),
    ...(asked === undefined ? [] : [tell(conversationOf(asked), { kind: "accept" })]),
    ...(bundle.multiUse
      ? []
      : [
          { kind: "put", key: spentKey, bytes: utf8(String(now)) } as const,
          ...forgetLater(spentKey, spentEndMs, context.records.get(dayKey)),
        ]),
    { kind: "open", type: PRIVATE_TYPE, opening },
  ]);
}

/** A link for everybody: who uses it asks, and the operator decides. It is the bundle that our contacts have. */
export function publicLink(state: InboxState, context: TurnContext): Step {
  const { prekeys, effects, bundle, notAfterMs } = givePublicBundle(state, context);
  return accept({ ...state, prekeys }, effects, { link: bundleToText(bundle), expiresAtMs: notAfterMs });
}

interface Beginning {
  readonly contact: Contact;
  readonly createdAtMs: number;
  readonly text: string | undefined;
}

/** The handshake up to the payload, and what the new conversation needs to finish it. */
export function beginConversation(
  state: InboxState,
  bundle: ContactBundle,
  { contact, createdAtMs, text }: Beginning,
  context: TurnContext,
): (PrekeyChange & { readonly opening: InviterOpening }) | undefined {
  const { clientAddress, topic } = identityOf(state);
  const peerAddress = clientAddressOf(bundle.identityKey);
  const conversationId = inboxConversationId(bundle.inboxAddress ?? inboxAddressOf(peerAddress));
  const begun = beginInvite({
    prologueConversationId: conversationId,
    theirStatic: bundle.staticKey,
    theirPrekey: bundle.prekey,
    ourStaticSecret: state.staticSecret,
    ephemeralSecret: context.random(32),
  });
  const [peerTopic] = bundle.contentTopics;
  if ("failure" in begun || peerTopic === undefined) return undefined;
  const { bundle: contactBundle, prekeys, effects } = givePublicBundle(state, context);
  const salt = readU32be(context.random(4), 0);
  const seal = (initialMessage: Uint8Array) => {
    const payload = encodeInboxFrame({
      recipient: peerAddress,
      invite: {
        participants: sortedParticipants(clientAddress, peerAddress),
        discriminator: DISCRIMINATOR,
        initialMessage: { member: "encrypted_bytes", bytes: initialMessage },
        contactBundle,
        createdAtMs,
      },
    });
    const { bytes, tag } = begun.finish(payload);
    const encryptedBytes = {
      member: "ecies",
      bytes,
      ephemeralPublic: begun.ephemeralPublic,
      tag,
      keyRef: keyRef(salt, bundle.prekey),
    } as const;
    return {
      topic: peerTopic,
      envelope: encodeEnvelope({ hint: hintHex(salt, utf8(conversationId)), salt, encryptedBytes }),
    };
  };
  const keys = exportConversationKeys(begun.export, DISCRIMINATOR);
  const { siblings, effects: met } = meet(contact, keys.ident);
  const opening: InviterOpening = {
    role: "inviter",
    keys,
    ourAddress: clientAddress,
    peerAddress,
    ourTopics: [topic],
    peerTopics: bundle.contentTopics,
    createdAtMs,
    siblings,
    peerPrekey: bundle.prekey,
    ...(text === undefined ? {} : { content: textContent(text) }),
    seal,
  };
  return { opening, prekeys, effects: [...effects, ...met] };
}

/** Sorted bytewise; both are hexadecimal, so code units sort as bytes do. */
export function sortedParticipants(a: ClientAddress | string, b: ClientAddress | string): string[] {
  return a < b ? [a, b] : [b, a];
}
