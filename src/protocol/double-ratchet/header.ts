/**
 * The encrypted part of a message that names its ratchet key and numbers, and the two AEAD layers of a blob
 * (profile 8.6). Knows keys and bytes, not chains.
 */
import { AEAD_NONCE_BYTES, AEAD_TAG_BYTES, aeadOpen, aeadSeal } from "../../crypto/aead.ts";
import { concat, readU32be, u32be, utf8 } from "../../crypto/bytes.ts";
import { X25519_BYTES } from "../../crypto/dh.ts";
import { blake2s } from "../../crypto/hash.ts";

const HEADER_BYTES = X25519_BYTES + 4 + 4;
/** nonce ‖ ciphertext ‖ tag of a header. */
const SEALED_HEADER_BYTES = AEAD_NONCE_BYTES + HEADER_BYTES + AEAD_TAG_BYTES;
const BLOB_BYTES_MIN = SEALED_HEADER_BYTES + AEAD_NONCE_BYTES + AEAD_TAG_BYTES;

const HEADER_KEY_LABEL = utf8("umbra/hk-aead/v1");
const HEADER_AD = utf8("umbra/hdr/v1");
const BODY_LABEL = utf8("umbra/private/v1");

export interface Header {
  /** The sender's ratchet public key. */
  readonly ratchetPublic: Uint8Array;
  /** N: number of the message in its chain. */
  readonly n: number;
  /** PN: how many messages the sender's chain before had. */
  readonly previousSent: number;
}

/** Source of nonces. */
export type Random = (length: number) => Uint8Array;

/** A blob cut in two; undefined when it is too short to hold both layers. */
export function splitBlob(blob: Uint8Array): { sealedHeader: Uint8Array; sealedBody: Uint8Array } | undefined {
  if (blob.length < BLOB_BYTES_MIN) return undefined;
  return { sealedHeader: blob.subarray(0, SEALED_HEADER_BYTES), sealedBody: blob.subarray(SEALED_HEADER_BYTES) };
}

/** `enc_header`, under a key of its own derived from the header key. */
export function sealHeader(headerKey: Uint8Array, header: Header, random: Random): Uint8Array {
  const plain = concat(header.ratchetPublic, u32be(header.n), u32be(header.previousSent));
  return sealWithNonce(headerAeadKey(headerKey), plain, HEADER_AD, random);
}

/** The header, or undefined if its tag does not verify. */
export function openHeader(headerKey: Uint8Array, sealedHeader: Uint8Array): Header | undefined {
  const plain = openWithNonce(headerAeadKey(headerKey), sealedHeader, HEADER_AD);
  if (plain === undefined || plain.length !== HEADER_BYTES) return undefined;
  return {
    ratchetPublic: plain.slice(0, X25519_BYTES),
    n: readU32be(plain, X25519_BYTES),
    previousSent: readU32be(plain, X25519_BYTES + 4),
  };
}

/** What the body is bound to: the conversation, the hint it travels under and its header. */
export function bodyAssociatedData(ident: Uint8Array, hint: Uint8Array, sealedHeader: Uint8Array): Uint8Array {
  return concat(BODY_LABEL, ident, hint, sealedHeader);
}

/** nonce ‖ ciphertext ‖ tag. */
export function sealWithNonce(key: Uint8Array, plaintext: Uint8Array, ad: Uint8Array, random: Random): Uint8Array {
  const nonce = random(AEAD_NONCE_BYTES);
  return concat(nonce, aeadSeal(key, nonce, plaintext, ad));
}

/** The inverse of `sealWithNonce`; undefined if the tag does not verify. */
export function openWithNonce(key: Uint8Array, sealed: Uint8Array, ad: Uint8Array): Uint8Array | undefined {
  return aeadOpen(key, sealed.subarray(0, AEAD_NONCE_BYTES), sealed.subarray(AEAD_NONCE_BYTES), ad);
}

function headerAeadKey(headerKey: Uint8Array): Uint8Array {
  return blake2s(HEADER_KEY_LABEL, headerKey);
}
