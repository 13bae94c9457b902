/**
 * The SDS message (profile 8.8): ids, Lamport time and causal history around one segment. Owns bytes ⇄ value; when to
 * acknowledge or resend is the conversation's business.
 */
import { concat, toHex } from "../../crypto/bytes.ts";
import { blake2b } from "../../crypto/hash.ts";
import type { Decoded } from "../../wire/decoded.ts";
import { umbra } from "../../wire/gen/umbra.js";
import type { MessageId } from "../../wire/ids.ts";
import { fieldTable, scan } from "../../wire/proto-scan.ts";

/** Causal entries of a message; each costs the receiver a look-up, and we send two. */
export const CAUSAL_HISTORY_MAX = 256;

/** Repair entries of a message; we send three. */
export const REPAIR_REQUEST_MAX = 16;

const MESSAGE_ID_BYTES = 16;

/** Ids are the peer's words: compare them with ours, never trust their form. */
export interface SdsMessage {
  /** Role of the sender: "I" or "R". */
  readonly senderId: string;
  readonly messageId: string;
  readonly channelId: string;
  /** Milliseconds. A peer's value may be anything up to 2^53 − 1; larger ones read as that. */
  readonly lamport: number;
  readonly causalHistory: readonly string[];
  readonly repairRequest: readonly string[];
  /** One segment; absent in a sync message. */
  readonly content?: Uint8Array;
}

const historyEntry = fieldTable({
  messageId: { number: 1, kind: "string" },
  retrievalHint: { number: 2, kind: "bytes" },
  senderId: { number: 3, kind: "string" },
});

// The bloom filter, field 12, is not here: accepted and ignored (profile 8.9).
const sdsMessage = fieldTable({
  senderId: { number: 1, kind: "string" },
  messageId: { number: 2, kind: "string" },
  channelId: { number: 3, kind: "string" },
  lamport: { number: 10, kind: "uint64" },
  causalHistory: { number: 11, kind: "message", fields: historyEntry, repeated: CAUSAL_HISTORY_MAX },
  repairRequest: { number: 13, kind: "message", fields: historyEntry, repeated: REPAIR_REQUEST_MAX },
  content: { number: 20, kind: "bytes", optional: true },
});

/** The bytes that we emit: fields in ascending order, no bloom filter. */
export function encodeSds(message: SdsMessage): Uint8Array {
  const { senderId, messageId, channelId, lamport, content } = message;
  const written = umbra.v1.SdsMessage.encode({
    senderId,
    messageId,
    channelId,
    lamportTimestamp: lamport,
    causalHistory: message.causalHistory.map(entryOf),
    repairRequest: message.repairRequest.map(entryOf),
    ...(content === undefined ? {} : { content }),
  });
  return concat(written.finish());
}

/** Total on strangers' bytes. */
export function decodeSds(bytes: Uint8Array): Decoded<SdsMessage> {
  const scanned = scan(bytes, sdsMessage);
  if (scanned.kind !== "readable") return scanned;
  const { content, causalHistory, repairRequest, ...fields } = scanned.value;
  const value = { ...fields, causalHistory: causalHistory.map(idOf), repairRequest: repairRequest.map(idOf) };
  return { kind: "readable", value: content === undefined ? value : { ...value, content } };
}

/**
 * The message id of content: over the frame when one segment holds it whole, else over the encoded segment. The receiver
 * recomputes it and refuses another, so that a peer cannot claim a foreign id.
 */
export function messageIdOf(
  segment: { readonly count: number; readonly payload: Uint8Array },
  encodedSegment: Uint8Array,
): MessageId {
  const hashed = segment.count === 1 ? segment.payload : encodedSegment;
  return toHex(blake2b(hashed, { length: MESSAGE_ID_BYTES })) as MessageId;
}

/** What the application calls content of several segments, by the Keccak-256 of the whole; never on the wire (ADR 0028). */
export function segmentedIdOf(wholeHash: Uint8Array): MessageId {
  return toHex(blake2b(wholeHash, { length: MESSAGE_ID_BYTES })) as MessageId;
}

function entryOf(messageId: string): { messageId: string } {
  return { messageId };
}

function idOf({ messageId }: { readonly messageId: string }): string {
  return messageId;
}
