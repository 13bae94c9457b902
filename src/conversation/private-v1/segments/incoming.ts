/**
 * The peer's content in several segments: payloads are records, and the frame is read when its set is whole. Those of
 * large content stay records for ever, so that no row of the message table is large (ADR 0028).
 */

import {
  collect,
  expire,
  indicesOf,
  nextExpiryMs,
  noOpenSets,
  notAfter,
  type OpenSet,
  type OpenSets,
  spill,
  wholeOf,
} from "../../../protocol/segmentation/reassembly.ts";
import { decodeSegment, SEGMENT_SIZE, type Segment } from "../../../protocol/segmentation/segment.ts";
import type { ContentFrame } from "../../../wire/content-frame.ts";
import { contentDigest, fileOf, tailOffset, withoutFileData } from "../../../wire/file-content.ts";
import type { Attachment, RecordKey } from "../../contract.ts";
import type { Draft } from "../draft.ts";
import { partPrefix, partRecord, RECORD_OPEN_SETS, TEXT_BYTES_MAX, TIMER_PARTS, wholePrefix } from "../state.ts";
import { decodeOpenSets, encodeOpenSets } from "./record-codec.ts";

/** Content above it does not go into a row: events and history read rows by the page. */
export const INLINE_BYTES_MAX: number = TEXT_BYTES_MAX + 1_024;

/** A frame, and the set that it came in. */
export interface Whole {
  readonly frame: Uint8Array;
  readonly set: OpenSet;
}

/** Records that taking these segments needs and that are not loaded. `contents` are SDS contents in their order. */
export function partReads(draft: Draft, contents: readonly Uint8Array[]): RecordKey[] {
  const segments = contents.map(segmentOf).filter((segment) => segment !== undefined);
  if (segments.length === 0) return [];
  if (!draft.isLoaded(RECORD_OPEN_SETS)) return [RECORD_OPEN_SETS];
  const arriving = new Set<RecordKey>();
  const needed: RecordKey[] = [];
  let open = openSetsOf(draft);
  for (const segment of segments) {
    const collected = collect(open, segment, draft.now);
    if (collected.kind === "repeated") continue;
    open = collected.open;
    if (collected.kind !== "kept") continue;
    arriving.add(partRecord(collected.into.serial, segment.index));
    if (collected.whole) needed.push(...partsOf(collected.into));
  }
  return needed.filter((key) => !arriving.has(key) && !draft.isLoaded(key));
}

/** Takes a segment: the whole if it was the last, else undefined; or why its set was dropped. */
export function takeSegment(draft: Draft, segment: Segment): Whole | string | undefined {
  const collected = collect(openSetsOf(draft), segment, draft.now);
  if (collected.kind === "repeated") return undefined;
  for (const set of collected.dropped) dropParts(draft, set);
  keepOpenSets(draft, collected.open);
  if (collected.kind === "refused") return "segment-count";
  const { into: set } = collected;
  draft.add({ kind: "put", key: partRecord(set.serial, segment.index), bytes: segment.payload });
  if (!collected.whole) return undefined;
  const frame = wholeOf(
    set,
    partsOf(set).map((key) => draft.record(key) ?? new Uint8Array()),
  );
  if (frame !== undefined) return { frame, set };
  dropParts(draft, set);
  return "segment-hash";
}

/** Forgets the payloads of a set. */
export function dropParts(draft: Draft, set: OpenSet): void {
  for (const index of indicesOf(set)) draft.add({ kind: "drop", key: partRecord(set.serial, index) });
}

/** Splits content into what goes into its row and what stays beside it. */
export function rowOf(
  draft: Draft,
  content: ContentFrame,
  whole: Whole | undefined,
): { readonly content: ContentFrame; readonly attachment?: Attachment } {
  const data = fileOf(content)?.data;
  const isLarge = whole !== undefined && content.bytes.length > INLINE_BYTES_MAX;
  if (whole !== undefined && !isLarge) dropParts(draft, whole.set);
  if (!isLarge) return data === undefined ? { content } : { content, attachment: describe(data) };
  const bytes = data ?? content.bytes;
  const offset = tailOffset(whole.frame, bytes) ?? rewriteParts(draft, whole.set, bytes);
  const { serial, count } = whole.set;
  const attachment = { ...describe(bytes), parts: { prefix: partPrefix(serial), count, offset } };
  return { content: withoutFileData(content), attachment };
}

/** The same for content of our own: a large file is where its segments are kept, as long as they are. */
export function ownRowOf(
  content: ContentFrame,
  { messageId, frame, count }: { readonly messageId: string; readonly frame: Uint8Array; readonly count: number },
): { readonly content: ContentFrame; readonly attachment?: Attachment } {
  const data = fileOf(content)?.data;
  if (data === undefined) return { content };
  const attachment = describe(data);
  if (content.bytes.length <= INLINE_BYTES_MAX) return { content, attachment };
  const offset = tailOffset(frame, data) ?? 0;
  return {
    content: withoutFileData(content),
    attachment: { ...attachment, parts: { prefix: wholePrefix(messageId), count, offset } },
  };
}

/** Drops sets that have rested too long. */
export function expireSets(draft: Draft): boolean {
  const { open, dropped } = expire(openSetsOf(draft), draft.now);
  for (const set of dropped) dropParts(draft, set);
  keepOpenSets(draft, open);
  return dropped.length > 0;
}

/** Drops the set that has rested longest, for there is too much of them in all conversations. */
export function spillSet(draft: Draft): boolean {
  const { open, dropped } = spill(openSetsOf(draft));
  for (const set of dropped) dropParts(draft, set);
  keepOpenSets(draft, open);
  return dropped.length > 0;
}

/** One of several segments; one that is whole concerns nobody here. */
export function segmentOf(content: Uint8Array): Segment | undefined {
  const decoded = decodeSegment(content);
  return decoded.kind === "readable" && decoded.value.count > 1 ? decoded.value : undefined;
}

function keepOpenSets(draft: Draft, open: OpenSets): void {
  draft.add({ kind: "put", key: RECORD_OPEN_SETS, bytes: encodeOpenSets(open) });
  draft.set({ openBytes: open.sets.reduce((sum, { bytes }) => sum + bytes, 0) });
  const atMs = nextExpiryMs(open);
  draft.add(atMs === undefined ? { kind: "cancel", name: TIMER_PARTS } : { kind: "schedule", name: TIMER_PARTS, atMs });
}

function openSetsOf(draft: Draft): OpenSets {
  const bytes = draft.record(RECORD_OPEN_SETS);
  return bytes === undefined ? noOpenSets : notAfter(decodeOpenSets(bytes), draft.now);
}

function partsOf({ serial, count }: OpenSet): RecordKey[] {
  return Array.from({ length: count }, (_, index) => partRecord(serial, index));
}

/** For an encoder that put something after the bytes: they are kept by themselves. Returns their offset. */
function rewriteParts(draft: Draft, set: OpenSet, bytes: Uint8Array): number {
  for (let index = 0; index < set.count; index += 1) {
    const part = bytes.slice(index * SEGMENT_SIZE, (index + 1) * SEGMENT_SIZE);
    draft.add({ kind: "put", key: partRecord(set.serial, index), bytes: part });
  }
  return 0;
}

function describe(data: Uint8Array): Attachment {
  return { size: data.length, sha256: contentDigest(data) };
}
