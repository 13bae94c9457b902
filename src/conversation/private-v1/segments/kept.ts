/**
 * The payloads of our content in several segments. They stay until every segment has arrived, because a successor must
 * send all of it anew, and beyond a failure if they are nowhere else, for another try (ADR 0093).
 */
import { concat } from "../../../crypto/bytes.ts";
import { decodeSegment } from "../../../protocol/segmentation/segment.ts";
import type { RecordKey } from "../../contract.ts";
import type { Draft } from "../draft.ts";
import { KEPT_WHOLES_MAX, type KeptWhole, type OutgoingSet, wholeRecord } from "../state.ts";

/** What the application hears when they are not there any more. */
export const BYTES_GONE = "its bytes are not in the database any more: send it again";

/** In the order of the segments. */
export function wholeRecords({ messageId, count }: KeptWhole): RecordKey[] {
  return Array.from({ length: count }, (_, index) => wholeRecord(messageId, index));
}

export function keepPayloads(draft: Draft, messageId: string, encoded: readonly Uint8Array[]): void {
  for (const [index, bytes] of encoded.entries()) {
    const segment = decodeSegment(bytes);
    if (segment.kind !== "readable") throw new RangeError("a segment of ours does not decode");
    draft.add({ kind: "put", key: wholeRecord(messageId, index), bytes: segment.value.payload });
  }
}

/** From its records, which have to be loaded. Undefined: some are gone. */
export function keptFrame(draft: Draft, whole: KeptWhole): Uint8Array | undefined {
  const payloads = wholeRecords(whole).map((key) => draft.record(key));
  return payloads.every((payload) => payload !== undefined) ? concat(...payloads) : undefined;
}

export function forgetPayloads(draft: Draft, whole: KeptWhole): void {
  for (const key of wholeRecords(whole)) draft.add({ kind: "drop", key });
}

/** It leaves the state's outgoing ones without having arrived. */
export function setAside(
  draft: Draft,
  { messageId, count, isLarge }: Pick<OutgoingSet, "messageId" | "count" | "isLarge">,
): void {
  if (!isLarge) return forgetPayloads(draft, { messageId, count });
  const kept = [...draft.state.kept, { messageId, count }];
  for (const whole of kept.slice(0, -KEPT_WHOLES_MAX)) forgetPayloads(draft, whole);
  draft.set({ kept: kept.slice(-KEPT_WHOLES_MAX) });
}

/** It is under way again, or has arrived by its successor. */
export function takeBack(draft: Draft, messageId: string): KeptWhole | undefined {
  const whole = draft.state.kept.find((kept) => kept.messageId === messageId);
  if (whole !== undefined) draft.set({ kept: draft.state.kept.filter((kept) => kept !== whole) });
  return whole;
}
