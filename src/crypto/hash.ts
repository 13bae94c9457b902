/** Hash functions. BLAKE2s and SHA-256 are native; Keccak-256 and BLAKE2b with parameters exist only in noble. */
import { hash } from "node:crypto";
import { blake2b as nobleBlake2b } from "@noble/hashes/blake2.js";
import { keccak_256 } from "@noble/hashes/sha3.js";
import { concat } from "./bytes.ts";

/** Parameters of BLAKE2b (RFC 7693); `length` in bytes. */
export interface Blake2bOptions {
  readonly length: number;
  readonly key?: Uint8Array;
  readonly personalization?: Uint8Array;
}

/**
 * One-shot hashing is half the cost of createHash; joining short parts first is cheaper than several updates. The digest
 * comes as text of one character a byte, because a Buffer made outside the JavaScript heap costs more than the hash.
 */
function oneShot(algorithm: string, parts: readonly Uint8Array[]): Uint8Array {
  const [first] = parts;
  const message = parts.length === 1 && first !== undefined ? first : concat(...parts);
  const text = hash(algorithm, message, "binary");
  const digest = new Uint8Array(text.length);
  for (let index = 0; index < digest.length; index++) digest[index] = text.charCodeAt(index);
  return digest;
}

/** H of the profile: BLAKE2s-256, unkeyed, over the parts joined. */
export function blake2s(...parts: readonly Uint8Array[]): Uint8Array {
  return oneShot("blake2s256", parts);
}

/** The same as lowercase hex: four times faster than digest and conversion, which the hint probe of every inbox pays. */
export function blake2sHex(bytes: Uint8Array): string {
  return hash("blake2s256", bytes, "hex");
}

/** SHA-256 over the parts joined. */
export function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  return oneShot("sha256", parts);
}

/** BLAKE2b-512 over the parts joined: the hash inside HKDF-BLAKE2b-512. */
export function blake2b512(...parts: readonly Uint8Array[]): Uint8Array {
  return oneShot("blake2b512", parts);
}

/** Original Keccak padding, which is not SHA3-256. */
export function keccak256(bytes: Uint8Array): Uint8Array {
  return keccak_256(bytes);
}

/** BLAKE2b with a chosen length, key and personalization. */
export function blake2b(bytes: Uint8Array, options: Blake2bOptions): Uint8Array {
  const { length: dkLen, ...rest } = options;
  return nobleBlake2b(bytes, { dkLen, ...rest });
}
