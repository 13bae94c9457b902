/** Ed25519 (RFC 8032) on raw keys, with the strict verification of profile 8.1. */
import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from "node:crypto";
import { concat, fromHex, plain } from "./bytes.ts";

/** Length of a seed and of a public key. */
const keyBytes = 32;
const signatureBytes = 64;

// The constant DER heads of PKCS #8 and SubjectPublicKeyInfo for Ed25519 (RFC 8410); the raw key follows.
const privateHead = fromHex("302e020100300506032b657004220420")!;
const publicHead = fromHex("302a300506032b6570032100")!;

const fieldPrime = 2n ** 255n - 19n;
/** y of two of the four points of order 8; the others have −y. It solves d·y⁴ + 2·y² = 1. */
const orderEightY = 0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826n;
/**
 * y of the eight points of small order: 1 (identity), −1 (order 2), 0 (order 4), ± (order 8). Compared modulo p, so the
 * non-canonical encodings p and p + 1 are caught, and without the sign bit, which no point of small order gains by.
 */
const smallOrderY = new Set([0n, 1n, fieldPrime - 1n, orderEightY, fieldPrime - orderEightY]);

/** The public key of a seed. */
export function ed25519Public(seed: Uint8Array): Uint8Array {
  const spki = createPublicKey(privateKey(seed)).export({ type: "spki", format: "der" });
  return plain(spki).slice(-keyBytes);
}

/** Deterministic signature, 64 bytes. */
export function ed25519Sign(seed: Uint8Array, message: Uint8Array): Uint8Array {
  return plain(sign(null, message, privateKey(seed)));
}

/**
 * Never throws. A key of small order "signs" every message. OpenSSL 3.0 accepts such keys and non-canonical encodings,
 * later versions do not: both are refused here first, whatever Node was built with. S < L is checked by all of them.
 */
export function ed25519Verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (signature.length !== signatureBytes || !isCanonicalKey(publicKey) || isSmallOrder(publicKey)) return false;
  try {
    const key = createPublicKey({ key: derKey(publicHead, publicKey), type: "spki", format: "der" });
    return verify(null, message, key, signature);
  } catch {
    return false;
  }
}

/** Whether the key encodes one of the eight points of small order, canonically or not. */
export function isSmallOrder(publicKey: Uint8Array): boolean {
  return publicKey.length === keyBytes && smallOrderY.has(coordinateY(publicKey) % fieldPrime);
}

function isCanonicalKey(publicKey: Uint8Array): boolean {
  return publicKey.length === keyBytes && coordinateY(publicKey) < fieldPrime;
}

/** y as encoded, without the sign bit of x. */
function coordinateY(publicKey: Uint8Array): bigint {
  return littleEndian(publicKey) & ((1n << 255n) - 1n);
}

function littleEndian(bytes: Uint8Array): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let value = 0n;
  for (let offset = bytes.length - 8; offset >= 0; offset -= 8)
    value = (value << 64n) | view.getBigUint64(offset, true);
  return value;
}

function privateKey(seed: Uint8Array): KeyObject {
  if (seed.length !== keyBytes) throw new RangeError("an Ed25519 seed has 32 bytes");
  return createPrivateKey({ key: derKey(privateHead, seed), type: "pkcs8", format: "der" });
}

function derKey(head: Uint8Array, raw: Uint8Array): Buffer {
  const der = concat(head, raw);
  return Buffer.from(der.buffer, der.byteOffset, der.byteLength);
}
