/** The conversation type inbox/v1: the default inbox where invites arrive, one owner, inbound only (profile 8.2, 8.5 static hints, 8.7). */
import { z } from "zod";
import { utf8 } from "../../crypto/bytes.ts";
import { DEFAULT_BUCKET_BITS } from "../../wire/content-topic.ts";
import { decodeInboxFrame } from "../../wire/inbox-frame.ts";
import { accept, type ConversationType, ignore, type Transition, type TurnContext } from "../contract.ts";
import { acceptInvite, createInvite } from "./invite.ts";
import { makePublicPrekey } from "./prekeys.ts";
import { inviteReads, receiveInvite } from "./receive.ts";
import { type InboxState, identityOf } from "./state.ts";
import { inboxStateCodec } from "./state-codec.ts";

const command = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("create-invite"),
    uses: z.int().min(1).max(1_000),
    expiresAtMs: z.int().positive(),
  }),
  z.strictObject({ kind: z.literal("accept-invite"), link: z.string(), text: z.string().min(1).optional() }),
]);
type InboxCommand = z.infer<typeof command>;

export const inboxV1: ConversationType<InboxState, InboxCommand, undefined> = {
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

  step(state, input, context): Transition<InboxState> {
    switch (input.kind) {
      case "envelope":
        return receiveInvite(state, input.envelope, context);
      case "command":
        return input.command.kind === "create-invite"
          ? createInvite(state, input.command, context)
          : acceptInvite(state, input.command, context);
      case "timer":
      case "undeliverable":
        return ignore("an inbox sets no timers and publishes nothing");
    }
  },
};

/** A new identity with its public prekey. */
function openInbox(_opening: undefined, context: TurnContext): Transition<InboxState> {
  const identitySeed = context.random(32);
  const staticSecret = context.random(32);
  const { prekey, stored } = makePublicPrekey(context);
  const prekeys = [prekey];
  const state = { identitySeed, staticSecret, createdAtMs: context.now, bucketBits: DEFAULT_BUCKET_BITS, prekeys };
  return accept(state, [stored]);
}
