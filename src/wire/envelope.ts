/**
 * The outermost message (profile 8.10). Every envelope of our topics passes here, most of them for other people, so the
 * tags are scanned by hand and only what an envelope of ours has is copied.
 */
import { plain } from "../crypto/bytes.ts";
import { badlyFormed, type Decoded, readable, unsupported } from "./decoded.ts";
import { decodeEncryptedBytes, type EncryptedBytes, encryptedBytesProperties } from "./encrypted-bytes.ts";
import { umbra } from "./gen/umbra.js";
import { type Hint, parseHint } from "./ids.ts";
import { DELIMITED, textAt, VARINT, WireCursor } from "./protobuf/wire-cursor.ts";

/** Waku relays drop messages above 150 KiB; anything larger cannot be a real envelope. */
export const ENVELOPE_BYTES_MAX: number = 150 * 1024;

/** UmbraEnvelopeV1, decoded. */
export interface Envelope {
  readonly hint: Hint;
  readonly salt: number;
  readonly encryptedBytes: EncryptedBytes;
}

/** The bytes to publish. Throws for a salt that is not a uint32, which protobufjs would wrap silently. */
export function encodeEnvelope({ hint, salt, encryptedBytes }: Envelope): Uint8Array {
  if (!Number.isInteger(salt) || salt < 0 || salt > 0xffffffff) throw new RangeError("not a uint32 salt");
  const message = { conversationHint: hint, salt, encryptedBytes: encryptedBytesProperties(encryptedBytes) };
  return plain(umbra.v1.UmbraEnvelopeV1.encode(message).finish());
}

/** The dialects by the field that holds the payload; only the first is ours. */
const dialects: Readonly<Record<number, string>> = { 10: "d0", 5: "d1", 3: "d2", 100: "d-1" };

/** Where the parts of an envelope are; −1 while not seen. */
interface Layout {
  hintStart: number;
  hintEnd: number;
  salt: number;
  dialect: string;
  payloadStart: number;
  payloadEnd: number;
}

/** Total. `unsupported` is another dialect, a clear hint of one, or an unknown member of EncryptedBytes. */
export function decodeEnvelope(bytes: Uint8Array): Decoded<Envelope> {
  if (bytes.length > ENVELOPE_BYTES_MAX) return badlyFormed("too large");
  const layout: Layout = { hintStart: 0, hintEnd: -1, salt: -1, dialect: "", payloadStart: 0, payloadEnd: -1 };
  const cursor = new WireCursor(bytes, 0, bytes.length);
  while (!cursor.done) {
    if (!cursor.readTag()) return badlyFormed("tag");
    const refusal = takeField(cursor, layout);
    if (refusal !== undefined) return badlyFormed(refusal);
  }
  if (layout.payloadEnd < 0) return badlyFormed("no dialect");
  const hintText = textAt(bytes, layout.hintStart, Math.max(layout.hintEnd, 0));
  if (hintText === undefined) return badlyFormed("utf-8");
  if (layout.dialect !== "d0") return unsupported(`dialect ${layout.dialect}`);
  const hint = parseHint(hintText);
  if (hint === undefined) return unsupported("clear hint");
  const payload = decodeEncryptedBytes(bytes.subarray(layout.payloadStart, layout.payloadEnd));
  if (payload.kind !== "readable") return payload;
  return readable({ hint, salt: Math.max(layout.salt, 0), encryptedBytes: payload.value });
}

/** Notes where the field after a tag is. Returns why it is refused. */
function takeField(cursor: WireCursor, layout: Layout): string | undefined {
  switch (cursor.field) {
    case 1:
      // Field 1 as a varint is how the oldest dialect (D−2) looks; it is badly formed like any other wrong wire type.
      if (cursor.wireType !== DELIMITED) return "wire type";
      if (layout.hintEnd >= 0) return "field repeated";
      if (!cursor.readLength()) return "truncated";
      layout.hintStart = cursor.offset;
      cursor.offset += cursor.value;
      layout.hintEnd = cursor.offset;
      return undefined;
    case 2:
      if (cursor.wireType !== VARINT) return "wire type";
      if (layout.salt >= 0) return "field repeated";
      if (!cursor.readVarint()) return "truncated";
      if (cursor.value > 0xffffffff) return "uint32 range";
      layout.salt = cursor.value;
      return undefined;
    case 10:
    case 5:
    case 3:
    case 100:
      if (cursor.wireType !== DELIMITED) return "wire type";
      if (layout.payloadEnd >= 0) return "several dialects";
      if (!cursor.readLength()) return "truncated";
      layout.dialect = dialects[cursor.field] ?? "";
      layout.payloadStart = cursor.offset;
      cursor.offset += cursor.value;
      layout.payloadEnd = cursor.offset;
      return undefined;
    default:
      return cursor.skip() ? undefined : "truncated";
  }
}
