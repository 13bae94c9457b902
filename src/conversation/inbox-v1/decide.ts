/** What an operator decides about an identity: accept or refuse its request, block it or not (profile 8.7 "Consent"). */
import { accept, reject, type Transition, type TurnContext } from "../contract.ts";
import { tell } from "../pairwise-words.ts";
import {
  type Contact,
  conversationOf,
  isSamePair,
  putContact,
  readContact,
  supersededBy,
  withConversation,
} from "./contact.ts";
import { contactRecord, type InboxState } from "./state.ts";

type Step = Transition<InboxState>;

/** Runs `decide` with what is known of the identity. */
function about(peer: string, context: TurnContext, decide: (contact: Contact) => Step): Step {
  const key = contactRecord(peer);
  if (!context.records.has(key)) return { kind: "lacks", keys: [key] };
  return decide(readContact(context.records.get(key)));
}

export function decideRequest(
  state: InboxState,
  { peer, isAccepted }: { readonly peer: string; readonly isAccepted: boolean },
  context: TurnContext,
): Step {
  return about(peer, context, (contact) => {
    const { request } = contact;
    if (request === undefined) return reject("contact/no-request", "nobody of this address waits for a decision");
    const decided = isAccepted ? acceptedRequest(contact) : { ...contact, request: undefined };
    return accept({ ...state, undecided: state.undecided - 1 }, [
      putContact(peer, decided),
      tell(conversationOf(request), { kind: isAccepted ? "accept" : "close" }),
    ]);
  });
}

/** The identity is accepted, and its request with it. */
export function acceptedRequest(contact: Contact): Contact {
  const { request } = contact;
  const accepted = { ...contact, isAccepted: true, request: undefined };
  return request === undefined ? accepted : withConversation(accepted, request);
}

/** A blocked identity learns nothing: its invites are refused, its conversations neither read nor answer. */
export function decideBlock(
  state: InboxState,
  { peer, isBlocked }: { readonly peer: string; readonly isBlocked: boolean },
  context: TurnContext,
): Step {
  return about(peer, context, (contact) => {
    const { request, conversations } = contact;
    const kind = isBlocked ? "block" : "unblock";
    const told = conversations.map((pair, index) => tell(conversationOf(pair), { kind }, `${kind}-${index}`));
    if (!isBlocked || request === undefined)
      return accept(state, [putContact(peer, { ...contact, isBlocked }), ...told]);
    // Nobody will decide on it any more.
    return accept({ ...state, undecided: state.undecided - 1 }, [
      putContact(peer, { ...contact, isBlocked, request: undefined }),
      ...told,
      tell(conversationOf(request), { kind: "close" }),
    ]);
  });
}

/**
 * A conversation of the identity was closed. If it was the one that superseded the others, they are closed too: they give
 * what is sent in them to it, and the peer does so with its side, so nothing would get anywhere any more.
 */
export function forgetConversation(
  state: InboxState,
  { peer, ident }: { readonly peer: string; readonly ident: string },
  context: TurnContext,
): Step {
  return about(peer, context, (contact) => {
    const wasRequest = isSamePair(contact.request, ident);
    const superseded = supersededBy(contact, ident);
    const conversations = contact.conversations.filter(
      (pair) => !isSamePair(pair, ident) && !superseded.includes(pair),
    );
    const left = { ...contact, conversations, ...(wasRequest ? { request: undefined } : {}) };
    return accept({ ...state, undecided: state.undecided - (wasRequest ? 1 : 0) }, [
      putContact(peer, left),
      ...superseded.map((pair, index) => tell(conversationOf(pair), { kind: "close" }, `close-${index}`)),
    ]);
  });
}
