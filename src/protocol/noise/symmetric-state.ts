/**
 * Noise SymmetricState (Noise specification, 5.2) for 25519_ChaChaPoly_BLAKE2s. The one mutable object of the
 * protocol folder: it lives inside a single handshake function and never leaves it.
 */
import { AEAD_NONCE_BYTES, aeadOpen, aeadSeal } from "../../crypto/aead.ts";
import { utf8 } from "../../crypto/bytes.ts";
import { blake2s } from "../../crypto/hash.ts";
import { hkdfBlake2s } from "../../crypto/kdf.ts";
import type { HandshakeExport } from "./conversation-keys.ts";

/** Hashed into the first `h`, because it is longer than 32 bytes. */
export const PROTOCOL_NAME = "Noise_KXfallback_25519_ChaChaPoly_BLAKE2s";

const HASH_BYTES = 32;
const NO_INFO = new Uint8Array(0);

/** Chaining key, transcript hash and the cipher of the moment. */
export class SymmetricState {
  #chainingKey: Uint8Array;
  #hash: Uint8Array;
  #key: Uint8Array | undefined;
  #counter = 0n;

  constructor() {
    this.#hash = blake2s(utf8(PROTOCOL_NAME));
    this.#chainingKey = this.#hash;
  }

  /** Binds public bytes into the transcript. */
  mixHash(bytes: Uint8Array): void {
    this.#hash = blake2s(this.#hash, bytes);
  }

  /** Mixes a shared secret in; the cipher starts again at nonce 0 under the new key. */
  mixKey(sharedSecret: Uint8Array): void {
    // Noise's HKDF is RFC 5869 with the chaining key as salt and an empty info.
    const okm = hkdfBlake2s({ salt: this.#chainingKey, ikm: sharedSecret, info: NO_INFO, length: 2 * HASH_BYTES });
    this.#chainingKey = okm.slice(0, HASH_BYTES);
    this.#key = okm.slice(HASH_BYTES);
    this.#counter = 0n;
  }

  /** Encrypts with the transcript as associated data. */
  encryptAndHash(plaintext: Uint8Array): Uint8Array {
    const sealed = aeadSeal(this.#cipherKey(), this.#takeNonce(), plaintext, this.#hash);
    this.mixHash(sealed);
    return sealed;
  }

  /** The inverse; undefined if the tag does not verify, after which the state must be thrown away. */
  decryptAndHash(sealed: Uint8Array): Uint8Array | undefined {
    const plaintext = aeadOpen(this.#cipherKey(), this.#takeNonce(), sealed, this.#hash);
    if (plaintext !== undefined) this.mixHash(sealed);
    return plaintext;
  }

  /** What the keys of the private conversation are derived from. */
  export(): HandshakeExport {
    return { ck: this.#chainingKey, h: this.#hash };
  }

  /** An independent state at the same point. */
  copy(): SymmetricState {
    const twin = new SymmetricState();
    twin.#chainingKey = this.#chainingKey;
    twin.#hash = this.#hash;
    twin.#key = this.#key;
    twin.#counter = this.#counter;
    return twin;
  }

  #cipherKey(): Uint8Array {
    // KXfallback encrypts nothing before its first MixKey; reaching this is our bug, never a stranger's.
    if (this.#key === undefined) throw new Error("Noise cipher used before the first MixKey");
    return this.#key;
  }

  #takeNonce(): Uint8Array {
    const nonce = new DataView(new ArrayBuffer(AEAD_NONCE_BYTES));
    nonce.setBigUint64(4, this.#counter++, true);
    return new Uint8Array(nonce.buffer);
  }
}
