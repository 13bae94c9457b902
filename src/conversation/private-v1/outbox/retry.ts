/**
 * Content that has failed, once more (ADR 0037): the same frame, so the same message id, under a new number. A peer that has
 * it after all delivers it to nobody again and acknowledges it.
 */
import { encodeSegments } from "../../../protocol/segmentation/segment.ts";
import type { ContentFrame } from "../../../wire/content-frame.ts";
import type { MessageId } from "../../../wire/ids.ts";
import { encodePrivateFrame } from "../../../wire/private-frame.ts";
import { messageRecordKey, reject, type Transition, type TurnContext } from "../../contract.ts";
import { Draft } from "../draft.ts";
import { ownRowOf } from "../segments/incoming.ts";
import { conversationIdOf, place, wholeIdOf } from "../send.ts";
import type { PrivateState } from "../state.ts";

/** As the message table has it. */
export interface Failed {
  readonly messageId: string;
  readonly timestampMs: number;
  readonly content: ContentFrame;
}

export function retry(state: PrivateState, failed: Failed, context: TurnContext): Transition<PrivateState> {
  const draft = new Draft(state, context);
  const messageId = failed.messageId as MessageId;
  const key = messageRecordKey(messageId);
  if (!draft.isLoaded(key)) return { kind: "lacks", keys: [key] };
  const now = new TextDecoder().decode(draft.record(key));
  if (now !== "failed") return reject("message/not-failed", `the message is ${now}`);
  const { timestampMs, content } = failed;
  const frame = encodePrivateFrame({
    conversationId: conversationIdOf(state),
    timestampMs,
    kind: "content",
    content,
  });
  const segments = encodeSegments(frame);
  const { encoded } = segments;
  if (wholeIdOf(frame, segments) !== messageId)
    return reject("message/content-not-kept", "its content is not kept as it was: send it anew");
  draft.add({ kind: "deliver", event: { type: "message.retried", messageId } });
  const isLarge = ownRowOf(content, { messageId, frame, count: encoded.length }).attachment?.parts !== undefined;
  place(draft, { messageId, encoded, isLarge });
  return draft.accept({ reply: { messageId } });
}
