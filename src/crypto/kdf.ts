/** Key derivation: HMAC and HKDF over BLAKE2, and the two derivations of the Double Ratchet (profile 8.6). */

import { concat, utf8 } from "./bytes.ts";
import { type Blake2bOptions, blake2b, blake2b512, blake2s } from "./hash.ts";

/** Input of HKDF (RFC 5869); `length` in bytes. */
export interface HkdfInput {
  readonly salt: Uint8Array;
  readonly ikm: Uint8Array;
  readonly info: Uint8Array;
  readonly length: number;
}

/** A root step: the new root, and the first chain key and next header key of the chain that it starts. */
export interface RootStep {
  readonly rootKey: Uint8Array;
  readonly chainKey: Uint8Array;
  readonly nextHeaderKey: Uint8Array;
}

/** A chain step: the key of one message, and what derives the following ones. */
export interface ChainStep {
  readonly chainKey: Uint8Array;
  readonly messageKey: Uint8Array;
}

interface HmacHash {
  readonly digest: (...parts: readonly Uint8Array[]) => Uint8Array;
  readonly blockBytes: number;
  readonly digestBytes: number;
}

const overBlake2s: HmacHash = { digest: blake2s, blockBytes: 64, digestBytes: 32 };
const overBlake2b: HmacHash = { digest: blake2b512, blockBytes: 128, digestBytes: 64 };

const rootInfo = utf8("PrivateV1RootKey");
const nothing = new Uint8Array(0);
const chainLabel = personalization("ck");
const messageLabel = personalization("mk");

/** HMAC-BLAKE2s-256 over the parts joined. */
export function hmacBlake2s(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  return hmac(overBlake2s, key, parts);
}

/** HKDF over HMAC-BLAKE2s-256. */
export function hkdfBlake2s(input: HkdfInput): Uint8Array {
  return hkdf(overBlake2s, input);
}

/** HKDF over HMAC-BLAKE2b-512. */
export function hkdfBlake2b(input: HkdfInput): Uint8Array {
  return hkdf(overBlake2b, input);
}

/** KDF_RK. Its first 64 bytes equal the PRIVATE1 draft's; the header key follows. */
export function kdfRoot(rootKey: Uint8Array, dh: Uint8Array): RootStep {
  const okm = hkdfBlake2b({ salt: rootKey, ikm: dh, info: rootInfo, length: 96 });
  return { rootKey: okm.slice(0, 32), chainKey: okm.slice(32, 64), nextHeaderKey: okm.slice(64, 96) };
}

/** KDF_CK: two keyed hashes of nothing, told apart by their personalization. */
export function kdfChain(chainKey: Uint8Array): ChainStep {
  return {
    chainKey: blake2b(nothing, chainOptions(chainKey, chainLabel)),
    messageKey: blake2b(nothing, chainOptions(chainKey, messageLabel)),
  };
}

function chainOptions(key: Uint8Array, label: Uint8Array): Blake2bOptions {
  return { length: 32, key, personalization: label };
}

function personalization(label: string): Uint8Array {
  const padded = new Uint8Array(16);
  padded.set(utf8(label));
  return padded;
}

/** From one-shot hashes, because createHmac costs seven times as much with raw keys on Node 24.18 to 24.21. */
function hmac({ digest, blockBytes }: HmacHash, key: Uint8Array, parts: readonly Uint8Array[]): Uint8Array {
  const shortKey = key.length > blockBytes ? digest(key) : key;
  const inner = new Uint8Array(blockBytes).fill(0x36);
  const outer = new Uint8Array(blockBytes).fill(0x5c);
  for (let index = 0; index < shortKey.length; index++) {
    inner[index]! ^= shortKey[index]!;
    outer[index]! ^= shortKey[index]!;
  }
  return digest(outer, digest(inner, ...parts));
}

function hkdf(over: HmacHash, { salt, ikm, info, length }: HkdfInput): Uint8Array {
  const blocks = Math.ceil(length / over.digestBytes);
  if (!Number.isInteger(length) || length < 1 || blocks > 255) throw new RangeError("HKDF length out of range");
  const pseudoRandomKey = hmac(over, salt, [ikm]);
  const okm: Uint8Array[] = [];
  let block: Uint8Array = nothing;
  for (let index = 1; index <= blocks; index++) {
    block = hmac(over, pseudoRandomKey, [block, info, Uint8Array.of(index)]);
    okm.push(block);
  }
  return concat(...okm).slice(0, length);
}
