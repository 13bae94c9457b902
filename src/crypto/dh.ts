/** X25519 (RFC 7748) on raw 32-byte keys. */
import { createPrivateKey, createPublicKey, diffieHellman, type KeyObject } from "node:crypto";
import { concat, fromHex, plain } from "./bytes.ts";

/** Length of a secret, of a public key and of a shared secret. */
export const X25519_BYTES = 32;

// The constant DER heads of PKCS #8 and SubjectPublicKeyInfo for X25519 (RFC 8410); the raw key follows.
const privateHead = fromHex("302e020100300506032b656e04220420")!;
const publicHead = fromHex("302a300506032b656e032100")!;

/** The public key of a secret. */
export function x25519Public(secret: Uint8Array): Uint8Array {
  const spki = createPublicKey(privateKey(secret)).export({ type: "spki", format: "der" });
  return plain(spki).slice(-X25519_BYTES);
}

/**
 * The shared secret, or undefined when it is all zero: the peer's key has a small order and the result would not depend
 * on our secret (profile 8.1), or the key is not 32 bytes.
 */
export function x25519(secret: Uint8Array, publicKey: Uint8Array): Uint8Array | undefined {
  const ours = privateKey(secret);
  if (publicKey.length !== X25519_BYTES) return undefined;
  const theirs = createPublicKey({ key: derKey(publicHead, publicKey), type: "spki", format: "der" });
  let shared: Uint8Array;
  try {
    shared = plain(diffieHellman({ privateKey: ours, publicKey: theirs }));
  } catch {
    // The provider refuses exactly the all-zero result; both keys have been imported above.
    return undefined;
  }
  return shared.every((byte) => byte === 0) ? undefined : shared;
}

// Importing a secret costs more than multiplying with it, and a ratchet step uses each of its secrets twice. Secrets are
// values: nobody writes into their bytes.
const imported = new WeakMap<Uint8Array, KeyObject>();

function privateKey(secret: Uint8Array): KeyObject {
  const known = imported.get(secret);
  if (known !== undefined) return known;
  if (secret.length !== X25519_BYTES) throw new RangeError("an X25519 secret has 32 bytes");
  const key = createPrivateKey({ key: derKey(privateHead, secret), type: "pkcs8", format: "der" });
  imported.set(secret, key);
  return key;
}

function derKey(head: Uint8Array, raw: Uint8Array): Buffer {
  const der = concat(head, raw);
  return Buffer.from(der.buffer, der.byteOffset, der.byteLength);
}
