/** Content that waits for a number and gets one. */
import { messageIdOf } from "../../../protocol/reliability/sds-message.ts";
import { decodeSegment, encodeSegment, type Segment } from "../../../protocol/segmentation/segment.ts";
import type { MessageId } from "../../../wire/ids.ts";
import type { RecordKey } from "../../contract.ts";
import type { Draft } from "../draft.ts";
import { giveUpWholes } from "../resend.ts";
import { transmit } from "../send.ts";
import { hasNumberForContent, type Origin, type OutgoingSet, waitRecord, wholeRecord } from "../state.ts";
import { BYTES_GONE } from "./kept.ts";
import { outgoingSet } from "./outgoing.ts";
import { decodeWaiting } from "./record-codec.ts";

/** The payloads of waiting segments. */
export function payloadReads(draft: Draft, records: readonly (Uint8Array | undefined)[]): RecordKey[] {
  const there = records.filter((record) => record !== undefined);
  const keys = there.map(readWaiting).flatMap(({ set, segment }) => {
    const whole = outgoingSet(draft.state, set);
    return whole === undefined ? [] : [wholeRecord(whole.messageId, segment.index)];
  });
  return keys.filter((key) => !draft.isLoaded(key));
}

/** Gives waiting content to the chain while it has numbers; `records` are those from `waitingFirst` on, undefined if it is gone. */
export function flushWaiting(draft: Draft, records: readonly (Uint8Array | undefined)[]): void {
  for (const record of records) {
    const { state } = draft;
    if (!hasNumberForContent(state)) return;
    draft.add({ kind: "drop", key: waitRecord(state.waitingFirst) });
    draft.set({ waitingFirst: state.waitingFirst + 1 });
    if (record === undefined) {
      draft.set({ hasWaitGap: true });
      continue;
    }
    const { set, origin, segment, encoded, messageId } = readWaiting(record);
    if (set === 0) {
      transmit(draft, encoded, { messageId, isSilent: origin !== undefined, set, origin });
      continue;
    }
    const whole = outgoingSet(state, set);
    // Of a whole that has failed, nothing more leaves.
    if (whole !== undefined) transmitSegment(draft, whole, segment);
  }
}

function transmitSegment(draft: Draft, whole: OutgoingSet, header: Segment): void {
  const payload = draft.record(wholeRecord(whole.messageId, header.index));
  if (payload === undefined) return giveUpWholes(draft, [whole], BYTES_GONE);
  const segment = { ...header, payload };
  const encoded = encodeSegment(segment);
  const messageId = messageIdOf(segment, encoded);
  const isLast = header.index === header.count - 1;
  transmit(draft, encoded, { messageId, isSilent: whole.origin !== undefined, set: whole.serial, isLast });
}

/** A record of content that waits for a number. Of one of several segments it has no payload, and the id is nobody's. */
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
