/** Other conversations with the same peer: what was said in one may be said again in another, and is delivered once (ADR 0031). */
import { fromHex } from "../../../crypto/bytes.ts";
import { keccak256 } from "../../../crypto/hash.ts";
import { messageIdOf, segmentedIdOf } from "../../../protocol/reliability/sds-message.ts";
import { encodeSingleSegment, SEGMENT_SIZE } from "../../../protocol/segmentation/segment.ts";
import type { ContentFrame } from "../../../wire/content-frame.ts";
import { type MessageId, privateConversationId } from "../../../wire/ids.ts";
import { encodePrivateFrame } from "../../../wire/private-frame.ts";
import { accept, ignore, type Transition } from "../../contract.ts";
import { SIBLINGS_MAX } from "../../pairwise-opening.ts";
import type { PrivateState } from "../state.ts";

export function meetSibling(state: PrivateState, ident: string): Transition<PrivateState> {
  const sibling = fromHex(ident);
  if (sibling === undefined) return ignore("no sibling");
  return accept({ ...state, siblings: [...state.siblings, sibling].slice(-SIBLINGS_MAX) });
}

/** The ids that content has in the other conversations: what is taken over keeps its time and its words. */
export function idsElsewhere({ siblings }: PrivateState, content: ContentFrame, timestampMs: number): MessageId[] {
  return siblings.map((ident) => {
    const conversationId = privateConversationId(ident);
    const frame = encodePrivateFrame({ conversationId, timestampMs, kind: "content", content });
    return frame.length > SEGMENT_SIZE
      ? segmentedIdOf(keccak256(frame))
      : messageIdOf({ count: 1, payload: frame }, encodeSingleSegment(frame));
  });
}
