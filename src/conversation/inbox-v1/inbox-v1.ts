/** The conversation type inbox/v1: the default inbox where invites arrive, one owner, inbound only (profile 8.2, 8.5 static hints, 8.7). */
import { z } from "zod";
import { utf8 } from "../../crypto/bytes.ts";
import { DEFAULT_BUCKET_BITS } from "../../wire/content-topic.ts";
import { decodeInboxFrame } from "../../wire/inbox-frame.ts";
import { accept, type ConversationType, type Input, ignore, type Transition, type TurnContext } from "../contract.ts";
import { readWord, type Word } from "../pairwise-words.ts";
import { decideBlock, decideRequest, forgetConversation } from "./decide.ts";
import { fireTimer } from "./forget.ts";
import type { PortableIdentity } from "./identity/portable.ts";
import { acceptInvite, createInvite, publicLink } from "./invite.ts";
import { listLinks, revokeLink } from "./links.ts";
import { makePublicPrekey } from "./prekeys.ts";
import { inviteReads, receiveInvite, type UnknownSenders } from "./receive.ts";
import { giveFreshBundle, noteBundle, noteHeard, reinvite } from "./reinvite.ts";
import { beginAnew, replacePrekeys } from "./rollback.ts";
import { type InboxState, identityOf } from "./state.ts";
import { inboxStateCodec } from "./state-codec.ts";

const command = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("create-invite"),
    uses: z.int().min(1).max(1_000),
    expiresAtMs: z.int().positive(),
  }),
  z.strictObject({ kind: z.literal("public-link") }),
  z.strictObject({ kind: z.literal("accept-invite"), link: z.string(), text: z.string().min(1).optional() }),
  z.strictObject({ kind: z.literal("list-invites"), id: z.string().optional() }),
  z.strictObject({ kind: z.literal("revoke-invite"), id: z.string() }),
  z.strictObject({ kind: z.literal("decide-request"), peer: z.string(), isAccepted: z.boolean() }),
  z.strictObject({ kind: z.literal("begin-anew"), peer: z.string() }),
  z.strictObject({ kind: z.literal("block"), peer: z.string(), isBlocked: z.boolean() }),
]);
type InboxCommand = z.infer<typeof command>;

/** `unknownSenders`: what becomes of people whom nobody invited or accepted. */
export function inboxWith(policy: { readonly unknownSenders: UnknownSenders }): InboxType {
  return { ...inbox, step: (state, input, context) => step(state, input, context, policy.unknownSenders) };
}

type InboxType = ConversationType<InboxState, InboxCommand, PortableIdentity | undefined>;

const inbox: Omit<InboxType, "step"> = {
  name: "inbox/v1",
  encryption: { scheme: "Noise_KXfallback_25519_ChaChaPoly_BLAKE2s", member: "ecies" },
  frames: { decode: decodeInboxFrame },
  state: inboxStateCodec,
  command,
  conversationId: (state) => identityOf(state).conversationId,
  summary: (state) => ({ clientAddress: identityOf(state).clientAddress, createdAtMs: state.createdAtMs }),
  contentTopics: (state) => [identityOf(state).topic],
  expectedHints: (state) => [{ kind: "static", id: utf8(identityOf(state).conversationId) }],
  open: openInbox,
  reads: (state, input) => (input.kind === "envelope" ? inviteReads(state, input.envelope) : []),
};

/** The default inbox, whose operator decides on requests. */
export const inboxV1: InboxType = inboxWith({ unknownSenders: "ask" });

function step(
  state: InboxState,
  input: Input<InboxCommand>,
  context: TurnContext,
  unknownSenders: UnknownSenders,
): Transition<InboxState> {
  switch (input.kind) {
    case "envelope":
      return receiveInvite(state, input.envelope, context, unknownSenders);
    case "command":
      return obey(state, input.command, context);
    case "told":
      return hear(state, readWord(input.data), context);
    case "timer":
      return fireTimer(state, input.name, context);
    case "rolled-back":
      return replacePrekeys(state, context);
    case "undeliverable":
      return ignore("an inbox publishes nothing");
  }
}

function obey(state: InboxState, command: InboxCommand, context: TurnContext): Transition<InboxState> {
  switch (command.kind) {
    case "create-invite":
      return createInvite(state, command, context);
    case "public-link":
      return publicLink(state, context);
    case "accept-invite":
      return acceptInvite(state, command, context);
    case "list-invites":
      return listLinks(state, command.id, context);
    case "revoke-invite":
      return revokeLink(state, command.id, context);
    case "decide-request":
      return decideRequest(state, command, context);
    case "begin-anew":
      return beginAnew(state, command.peer, context);
    case "block":
      return decideBlock(state, command, context);
  }
}

function hear(state: InboxState, word: Word, context: TurnContext): Transition<InboxState> {
  switch (word.kind) {
    case "heard":
      return noteHeard(state, word, context);
    case "bundle":
      return noteBundle(state, word, context);
    case "bundle-wanted":
      return giveFreshBundle(state, word, context);
    case "stuck":
      return reinvite(state, word, context);
    case "rolled-back":
      return reinvite(state, word, context, 0);
    case "left":
      return forgetConversation(state, word, context);
    default:
      return ignore("no word for an inbox");
  }
}

/** A new identity with its public prekey. */
/** `opening`: an identity from elsewhere. */
function openInbox(opening: PortableIdentity | undefined, context: TurnContext): Transition<InboxState> {
  const identitySeed = opening?.identitySeed ?? context.random(32);
  const staticSecret = opening?.staticSecret ?? context.random(32);
  const { prekey, stored } = makePublicPrekey(context);
  const prekeys = [prekey];
  return accept(
    { identitySeed, staticSecret, createdAtMs: context.now, bucketBits: DEFAULT_BUCKET_BITS, prekeys, undecided: 0 },
    stored,
  );
}
