/** Protobuf by hand, to make bytes that no encoder makes. */
import { concat, utf8 } from "../../src/crypto/bytes.ts";

/** A varint; `extra` adds bytes that carry nothing, so that it is not minimal. */
export function varint(value: number | bigint, extra = 0): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt(value);
  do {
    bytes.push(Number(rest & 0x7fn));
    rest >>= 7n;
  } while (rest > 0n);
  for (let index = 0; index < extra; index++) bytes.push(0);
  return Uint8Array.from(bytes, (byte, index) => (index < bytes.length - 1 ? byte | 0x80 : byte));
}

/** A tag of any field number and wire type. */
export function tag(field: number, wireType: number): Uint8Array {
  return varint(field * 8 + wireType);
}

/** A varint field. */
export function number(field: number, value: number | bigint): Uint8Array {
  return concat(tag(field, 0), varint(value));
}

/** A length-delimited field. */
export function delimited(field: number, content: Uint8Array | string): Uint8Array {
  const bytes = typeof content === "string" ? utf8(content) : content;
  return concat(tag(field, 2), varint(bytes.length), bytes);
}
