/**
 * Tags, varints and lengths of the protobuf wire format, over bytes that a stranger chose. Non-minimal varints are
 * accepted (profile 8.1). Every method answers false instead of throwing, and never moves past `end`.
 */

/** Wire types that occur in our messages. */
export const VARINT = 0;
/** Length-delimited: bytes, string, message. */
export const DELIMITED = 2;

const fixed64 = 1;
const groupStart = 3;
const groupEnd = 4;
const fixed32 = 5;

const uint32Max = 0xffffffff;
const fieldNumberMax = 2 ** 29 - 1;
/** As deep as protobufjs follows unknown groups; nothing of ours has any. */
const groupDepthMax = 100;

/** One pass over one message. */
export class WireCursor {
  readonly bytes: Uint8Array;
  offset: number;
  readonly end: number;
  /** Of the last tag read. */
  field = 0;
  /** Of the last tag read. */
  wireType = 0;
  /** Of the last varint or length read. Exact below 2^53; above, some number that is not below 2^53. */
  value = 0;

  constructor(bytes: Uint8Array, offset: number, end: number) {
    this.bytes = bytes;
    this.offset = offset;
    this.end = end;
  }

  get done(): boolean {
    return this.offset >= this.end;
  }

  /** Reads `field` and `wireType`. */
  readTag(): boolean {
    if (!this.readVarint() || this.value > uint32Max) return false;
    this.wireType = this.value & 7;
    this.field = this.value >>> 3;
    return this.field >= 1 && this.field <= fieldNumberMax;
  }

  /** Reads `value`; false for more than 64 bits. */
  readVarint(): boolean {
    let value = 0;
    let scale = 1;
    for (let count = 1; count <= 10 && this.offset < this.end; count++) {
      const byte = this.bytes[this.offset++]!;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        this.value = value;
        return count < 10 || byte <= 1;
      }
      scale *= 128;
    }
    return false;
  }

  /** Reads a length into `value` and makes sure that as many bytes follow. */
  readLength(): boolean {
    return this.readVarint() && this.value <= this.end - this.offset;
  }

  /** Passes over the value of an unknown field. */
  skip(): boolean {
    if (this.wireType === groupStart) return this.#skipGroup();
    return this.#skipValue();
  }

  #skipValue(): boolean {
    switch (this.wireType) {
      case VARINT:
        return this.readVarint();
      case fixed64:
        return this.#advance(8);
      case DELIMITED:
        return this.readLength() && this.#advance(this.value);
      case fixed32:
        return this.#advance(4);
      default:
        return false;
    }
  }

  /** With a list instead of recursion: depth is the sender's choice. */
  #skipGroup(): boolean {
    const open = [this.field];
    while (open.length > 0) {
      if (open.length > groupDepthMax || !this.readTag()) return false;
      if (this.wireType === groupStart) open.push(this.field);
      else if (this.wireType !== groupEnd) {
        if (!this.#skipValue()) return false;
      } else if (open.pop() !== this.field) return false;
    }
    return true;
  }

  #advance(length: number): boolean {
    if (length > this.end - this.offset) return false;
    this.offset += length;
    return true;
  }
}

const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The text of bytes `start` to `end`, or undefined when they are not UTF-8. */
export function textAt(bytes: Uint8Array, start: number, end: number): string | undefined {
  try {
    return strictUtf8.decode(bytes.subarray(start, end));
  } catch {
    return undefined;
  }
}

/** A plain copy of bytes `start` to `end`: a view would pin the receive buffer and change with it. */
export function copyAt(bytes: Uint8Array, start: number, end: number): Uint8Array {
  const copy = new Uint8Array(end - start);
  copy.set(bytes.subarray(start, end));
  return copy;
}
