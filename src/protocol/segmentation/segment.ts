/**
 * Segments (profile 8.8): every frame travels in one or more of them. Owns the codec of one segment; collecting a set
 * of several is the conversation's business.
 */
import { concat } from "../../crypto/bytes.ts";
import { bytesEqual } from "../../crypto/equal.ts";
import { keccak256 } from "../../crypto/hash.ts";
import { badlyFormed, type Decoded, readable } from "../../wire/decoded.ts";
import { umbra } from "../../wire/gen/umbra.js";
import { fieldTable, scan } from "../../wire/proto-scan.ts";

/** Payload bytes of one segment; with all layers around it an envelope stays far below 150 KiB. */
export const SEGMENT_SIZE = 16_384;

/** Segments of one set; bounds what a set can hold to 4 MiB. */
export const MAX_SEGMENTS = 255;

/** One segment of a set whose members share `wholeHash` and `count`. */
export interface Segment {
  /** Keccak-256 of the whole payload. Verified here when `count` is 1, else when the set is complete. */
  readonly wholeHash: Uint8Array;
  readonly index: number;
  readonly count: number;
  readonly payload: Uint8Array;
}

const segmentMessage = fieldTable({
  wholeHash: { number: 1, kind: "bytes", size: 32 },
  index: { number: 2, kind: "uint32" },
  count: { number: 3, kind: "uint32" },
  payload: { number: 4, kind: "bytes" },
});

/** A payload that fits in one segment. Throws for a longer one: whoever composes it checks first. */
export function encodeSingleSegment(payload: Uint8Array): Uint8Array {
  if (payload.length > SEGMENT_SIZE) throw new RangeError(`A segment holds ${SEGMENT_SIZE} bytes`);
  const fields = { entireMessageHash: keccak256(payload), dataSegmentIndex: 0, dataSegmentCount: 1, payload };
  return concat(umbra.v1.SegmentMessageProto.encode(fields).finish());
}

/** Total on strangers' bytes. */
export function decodeSegment(bytes: Uint8Array): Decoded<Segment> {
  const scanned = scan(bytes, segmentMessage);
  if (scanned.kind !== "readable") return scanned;
  const { wholeHash, index, count, payload } = scanned.value;
  if (count < 1 || count > MAX_SEGMENTS) return badlyFormed("segment count");
  if (index >= count) return badlyFormed("segment index");
  if (count === 1 && !bytesEqual(keccak256(payload), wholeHash)) return badlyFormed("segment hash");
  return readable({ wholeHash, index, count, payload });
}
