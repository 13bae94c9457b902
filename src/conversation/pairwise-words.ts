/**
 * What an inbox and its two-party conversations tell each other (effect `tell`, ADR 0030), as JSON. Beside the openings it
 * is all that the two share. Words arrive once, in any order, and perhaps after what they speak of is gone.
 */
import { z } from "zod";
import { utf8 } from "../crypto/bytes.ts";
import type { ConversationId } from "../wire/ids.ts";
import type { Effect } from "./contract.ts";

const word = z.discriminatedUnion("kind", [
  // From the inbox: what becomes of the conversation.
  z.strictObject({ kind: z.literal("accept") }),
  z.strictObject({ kind: z.literal("close") }),
  z.strictObject({ kind: z.literal("block") }),
  z.strictObject({ kind: z.literal("unblock") }),
  // Our bundle of now, for the peer.
  z.strictObject({ kind: z.literal("our-bundle"), bundle: z.string() }),
  z.strictObject({ kind: z.literal("superseded"), ident: z.string() }),
  // There is another conversation with the same peer.
  z.strictObject({ kind: z.literal("sibling"), ident: z.string() }),
  // Between conversations with one identity: `ident` and `messageId` say where the application sent it.
  z.strictObject({
    kind: z.literal("content"),
    ident: z.string(),
    messageId: z.string(),
    timestampMs: z.number(),
    domain: z.number(),
    tag: z.number(),
    bytes: z.string(),
  }),
  z.strictObject({ kind: z.literal("delivered"), messageId: z.string() }),
  z.strictObject({ kind: z.literal("failed"), messageId: z.string(), reason: z.string() }),
  // To the inbox.
  z.strictObject({ kind: z.literal("heard"), peer: z.string(), ident: z.string() }),
  z.strictObject({ kind: z.literal("stuck"), peer: z.string(), ident: z.string() }),
  z.strictObject({ kind: z.literal("rolled-back"), peer: z.string(), ident: z.string() }),
  z.strictObject({ kind: z.literal("bundle-wanted"), peer: z.string(), ident: z.string() }),
  z.strictObject({ kind: z.literal("bundle"), peer: z.string(), bundle: z.string() }),
  z.strictObject({ kind: z.literal("left"), peer: z.string(), ident: z.string() }),
]);
export type Word = z.infer<typeof word>;

export function tell(to: ConversationId, said: Word, name: string = said.kind): Effect {
  return { kind: "tell", to, name, data: utf8(JSON.stringify(said)) };
}

/** Words are rows of our own making: bytes that are none are our bug. */
export function readWord(data: Uint8Array): Word {
  return word.parse(JSON.parse(new TextDecoder().decode(data)));
}
