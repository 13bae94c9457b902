/** What an inbox does when the state was put back from an older copy: all prekeys go, and people are invited anew (ADR 0034). */
import { accept, type Effect, reject, type Transition, type TurnContext } from "../contract.ts";
import { readContact } from "./contact.ts";
import { indexedLinks, inviteId, linkRecord, putLink, RECORD_LINKS, readLink } from "./links.ts";
import { makePublicPrekey } from "./prekeys.ts";
import { inviteAgain } from "./reinvite.ts";
import { contactRecord, type InboxState, prekeyRecord } from "./state.ts";

type Step = Transition<InboxState>;

/** Used one-time prekeys have come back with the copy, and would open recorded invites again. All links are void with them. */
export function replacePrekeys(state: InboxState, context: TurnContext): Step {
  if (!context.records.has(RECORD_LINKS)) return { kind: "lacks", keys: [RECORD_LINKS] };
  const open = new Set(state.prekeys.map(inviteId));
  const ids = indexedLinks(context.records.get(RECORD_LINKS)).filter((id) => open.has(id));
  const lacking = ids.map(linkRecord).filter((key) => !context.records.has(key));
  if (lacking.length > 0) return { kind: "lacks", keys: lacking };
  const revoked = ids.flatMap((id): Effect[] => {
    const link = readLink(context.records.get(linkRecord(id)));
    if (link === undefined) return [];
    return [putLink({ ...link, isRevoked: true }), { kind: "deliver", event: { type: "invite.revoked", id } }];
  });
  const dropped = state.prekeys.map(({ publicKey }): Effect => ({ kind: "drop", key: prekeyRecord(publicKey) }));
  const { prekey, stored } = makePublicPrekey(context);
  return accept({ ...state, prekeys: [prekey] }, [...dropped, ...revoked, ...stored]);
}

/** Somebody wants to write to a peer with whom no conversation may send any more. */
export function beginAnew(state: InboxState, peer: string, context: TurnContext): Step {
  const key = contactRecord(peer);
  if (!context.records.has(key)) return { kind: "lacks", keys: [key] };
  const contact = readContact(context.records.get(key));
  if (contact.isBlocked) return reject("contact/blocked", "you blocked this contact: unblock it first");
  if (!contact.isAccepted) return reject("contact/undecided", "this is a contact request: accept it first");
  const begun = inviteAgain(state, peer, contact, context);
  if (begun !== undefined) return begun;
  return reject(
    "contact/link-needed",
    "the state was restored from an older copy, and what is known of this contact begins no new conversation: ask for a new link, or give one of yours",
  );
}
