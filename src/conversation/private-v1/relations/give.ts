/** Content goes over to the successor of a conversation, by words (profile 8.7, ADR 0031). */
import { toHex } from "../../../crypto/bytes.ts";
import { privateConversationId } from "../../../wire/ids.ts";
import { decodePrivateFrame } from "../../../wire/private-frame.ts";
import { tell } from "../../pairwise-words.ts";
import type { Draft } from "../draft.ts";
import type { Origin, PrivateState } from "../state.ts";

/** `index` tells the words of one turn apart. False: the frame has no content, and nobody was told. */
export function give(draft: Draft, successor: Uint8Array, frame: Uint8Array, origin: Origin, index = 0): boolean {
  const decoded = decodePrivateFrame(frame);
  if (decoded.kind !== "readable" || decoded.value.kind !== "content") return false;
  const { content, timestampMs } = decoded.value;
  const { domain, tag, bytes } = content;
  const word = { kind: "content", ...origin, timestampMs, domain, tag, bytes: toHex(bytes) } as const;
  draft.add(tell(privateConversationId(successor), word, `content-${index}`));
  return true;
}

/** Of what the application sent here. */
export function ownOrigin({ ident }: PrivateState, messageId: string): Origin {
  return { ident: toHex(ident), messageId };
}
