/** Content that waits for a number and gets one. */
import { messageIdOf } from "../../../protocol/reliability/sds-message.ts";
import { decodeSegment, type Segment } from "../../../protocol/segmentation/segment.ts";
import type { MessageId } from "../../../wire/ids.ts";
import type { Draft } from "../draft.ts";
import { transmit } from "../send.ts";
import { hasNumberForContent, type Origin, waitRecord } from "../state.ts";
import { outgoingSet } from "./outgoing.ts";
import { decodeWaiting } from "./record-codec.ts";

/** Gives waiting content to the chain while it has numbers; `records` are those from `waitingFirst` on. */
export function flushWaiting(draft: Draft, records: readonly Uint8Array[]): void {
  for (const record of records) {
    const { state } = draft;
    if (!hasNumberForContent(state)) return;
    draft.add({ kind: "drop", key: waitRecord(state.waitingFirst) });
    draft.set({ waitingFirst: state.waitingFirst + 1 });
    const { set, origin, segment, encoded, messageId } = readWaiting(record);
    // Of a whole that has failed, nothing more leaves.
    if (set !== 0 && outgoingSet(state, set) === undefined) continue;
    const isLast = segment.index === segment.count - 1;
    transmit(draft, encoded, { messageId, isSilent: origin !== undefined, set, origin, isLast });
  }
}

/** A record of content that waits for a number. */
export function readWaiting(record: Uint8Array): {
  readonly set: number;
  readonly origin: Origin | undefined;
  readonly segment: Segment;
  readonly encoded: Uint8Array;
  readonly messageId: MessageId;
} {
  const { set, origin, segment: encoded } = decodeWaiting(record);
  const segment = decodeSegment(encoded);
  if (segment.kind !== "readable") throw new RangeError("a stored segment does not decode");
  return { set, origin, segment: segment.value, encoded, messageId: messageIdOf(segment.value, encoded) };
}
