/** What state codecs share: the version gate and the one conversion of 64-bit fields. */
import { plain } from "../crypto/bytes.ts";
import type { umbra } from "../wire/gen/umbra.js";

/** A state written by a newer umbrad must not be guessed at. */
export function requireVersion(found: number, known: number): void {
  if (found !== known) throw new RangeError(`state version ${found} is not ${known}`);
}

/** protobufjs gives Long at run time; our own states hold times, far below 2^53. */
export function fromUint64(value: umbra.state.v1.LogEntryV1["lamportMs"]): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw new RangeError("a time in a stored state is out of range");
  return number;
}

/** The fields of a decoded state are views of its bytes: of a copy, and never of a Buffer, whose methods share memory. */
export function ownBytes(bytes: Uint8Array): Uint8Array {
  return plain(bytes).slice();
}
