/**
 * Segments (profile 8.8): every frame travels in one or more of them. Owns the codec; what becomes of a set of several
 * is in reassembly.ts.
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

/** The longest payload: 4,177,920 bytes. */
export const SEGMENTED_BYTES_MAX: number = MAX_SEGMENTS * SEGMENT_SIZE;

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
  return encodeSegment({ wholeHash: keccak256(payload), index: 0, count: 1, payload });
}

/** All segments of a payload, encoded, in their order. Throws for one that is too long: whoever composes it checks first. */
export function encodeSegments(payload: Uint8Array): {
  readonly wholeHash: Uint8Array;
  readonly encoded: Uint8Array[];
} {
  if (payload.length > SEGMENTED_BYTES_MAX)
    throw new RangeError(`${MAX_SEGMENTS} segments hold ${SEGMENTED_BYTES_MAX} bytes`);
  const wholeHash = keccak256(payload);
  const count = Math.max(1, Math.ceil(payload.length / SEGMENT_SIZE));
  const encoded = Array.from({ length: count }, (_, index) => {
    const part = payload.subarray(index * SEGMENT_SIZE, (index + 1) * SEGMENT_SIZE);
    return encodeSegment({ wholeHash, index, count, payload: part });
  });
  return { wholeHash, encoded };
}

/** One of several, or of its header alone with an empty payload. */
export function encodeSegment({ wholeHash, index, count, payload }: Segment): Uint8Array {
  const fields = { entireMessageHash: wholeHash, dataSegmentIndex: index, dataSegmentCount: count, payload };
  return concat(umbra.v1.SegmentMessageProto.encode(fields).finish());
}

/** Total on strangers' bytes. */
export function decodeSegment(bytes: Uint8Array): Decoded<Segment> {
  const scanned = scan(bytes, segmentMessage);
  if (scanned.kind !== "readable") return scanned;
  const { wholeHash, index, count, payload } = scanned.value;
  if (count < 1 || count > MAX_SEGMENTS) return badlyFormed("segment count");
  if (index >= count) return badlyFormed("segment index");
  // Bounds what a set of them holds; a single one is bounded by its envelope.
  if (count > 1 && payload.length > SEGMENT_SIZE) return badlyFormed("segment size");
  if (count === 1 && !bytesEqual(keccak256(payload), wholeHash)) return badlyFormed("segment hash");
  return readable({ wholeHash, index, count, payload });
}
