/** The one formula of conversation hints (profile 8.5). What `id` is, is the conversation type's business. */
import { concat, u32be } from "../crypto/bytes.ts";
import { blake2s, blake2sHex } from "../crypto/hash.ts";
import type { Hint } from "./ids.ts";

/** The 32 bytes of the hint. */
export function hintOf(salt: number, id: Uint8Array): Uint8Array {
  return blake2s(u32be(salt), id);
}

/** The hint as an envelope carries it. */
export function hintHex(salt: number, id: Uint8Array): Hint {
  return blake2sHex(concat(u32be(salt), id)) as Hint;
}
