/** Byte strings: joining, numbers, text forms. Parsers return undefined for text or bytes that are not exactly right. */

const utf8Encoder = new TextEncoder();
const hexText = /^(?:[0-9a-f]{2})*$/;
const base64UrlText = /^[A-Za-z0-9_-]*$/;

/** UTF-8 bytes of a text. */
export function utf8(text: string): Uint8Array {
  return utf8Encoder.encode(text);
}

/** One new array with all parts in order. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const joined = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}

/** Four bytes, big-endian; throws for what is not a uint32, because a wrapped salt or counter would go unnoticed. */
export function u32be(value: number): Uint8Array {
  if (!Number.isInteger(value) || value < 0 || value > 0xffffffff) throw new RangeError("not a uint32");
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}

/** The uint32 at `offset`; throws when fewer than four bytes are left. */
export function readU32be(bytes: Uint8Array, offset: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(offset);
}

/** A view of the same memory as Buffer, for its fast text conversions. */
function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** A plain view of what may be a Buffer, whose slice, toString and toJSON differ from those of a Uint8Array. */
export function plain(buffer: Uint8Array): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}

/** Lowercase, no prefix. */
export function toHex(bytes: Uint8Array): string {
  return bufferOf(bytes).toString("hex");
}

/** Lowercase only: two spellings of one id would be two map keys. */
export function fromHex(hex: string): Uint8Array | undefined {
  return hexText.test(hex) ? new Uint8Array(Buffer.from(hex, "hex")) : undefined;
}

/** RFC 4648 section 5, no padding. */
export function toBase64Url(bytes: Uint8Array): string {
  return bufferOf(bytes).toString("base64url");
}

/** Refuses padding, foreign characters and non-zero trailing bits, so that bytes have one text form. */
export function fromBase64Url(text: string): Uint8Array | undefined {
  if (!base64UrlText.test(text)) return undefined;
  const bytes = new Uint8Array(Buffer.from(text, "base64url"));
  return toBase64Url(bytes) === text ? bytes : undefined;
}
