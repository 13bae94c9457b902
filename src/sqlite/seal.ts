/**
 * Sealing of single values at rest, and keyed hashes for what must be found again. Each sealed value has a key of its
 * own, derived from a random salt kept with it: random nonces under one key would run out. Associated data names table,
 * column and row, so that whoever can write the file cannot move a value elsewhere.
 */
import { aeadOpen, aeadSeal } from "../crypto/aead.ts";
import { concat, readU32be, u32be, utf8 } from "../crypto/bytes.ts";
import { blake2s } from "../crypto/hash.ts";
import { hkdfBlake2s } from "../crypto/kdf.ts";
import { Secret } from "../crypto/secret.ts";
import { UmbradError } from "../engine/errors.ts";

const SALT_BYTES = 16;
const TAG_BYTES = 16;
/** One call of the random source serves 256 values. */
const SALT_POOL_BYTES = 256 * SALT_BYTES;

// The key is used for one value only, so its nonce may be constant.
const nonce = new Uint8Array(12);
const empty = new Uint8Array(0);

/** Where a value lives: `table.column` and what identifies its row (a number, a tag, or both). */
export interface Place {
  readonly column: string;
  readonly row: readonly (number | Uint8Array)[];
}

export class Sealer {
  readonly #sealKey: Secret;
  readonly #tagKey: Secret;
  readonly #random: (length: number) => Uint8Array;
  #pool: Uint8Array = empty;
  #poolOffset = 0;

  constructor(dataKey: Uint8Array, random: (length: number) => Uint8Array) {
    this.#sealKey = new Secret(subkey(dataKey, "umbrad/store/seal"));
    this.#tagKey = new Secret(subkey(dataKey, "umbrad/store/tag"));
    this.#random = random;
  }

  /** Salt ‖ ciphertext ‖ tag. */
  seal(place: Place, plaintext: Uint8Array): Uint8Array {
    const salt = this.#salt();
    return concat(salt, aeadSeal(this.#keyFor(salt), nonce, plaintext, associatedData(place)));
  }

  /** Throws `store/corrupt`: only our own process writes here. */
  open(place: Place, sealed: Uint8Array): Uint8Array {
    const salt = sealed.subarray(0, SALT_BYTES);
    const plaintext = aeadOpen(this.#keyFor(salt), nonce, sealed.subarray(SALT_BYTES), associatedData(place));
    if (plaintext === undefined) {
      throw new UmbradError("store/corrupt", `a value of ${place.column} was changed outside umbrad`, {
        hint: "umbrad store check; then restore a backup",
      });
    }
    return plaintext;
  }

  /**
   * A keyed hash: equal for equal values of one kind, and meaningless without the data key. Only the last part may vary
   * in length. The key comes first in one BLAKE2s, which has no length extension, at a third of the cost of an HMAC.
   */
  tag(kind: string, ...parts: readonly (string | number | Uint8Array)[]): Uint8Array {
    const message = parts.map((part) => (typeof part === "string" ? utf8(part) : rowBytes(part)));
    return blake2s(this.#tagKey.expose(), labelBytes(kind), ...message).slice(0, TAG_BYTES);
  }

  wipe(): void {
    this.#sealKey.wipe();
    this.#tagKey.wipe();
  }

  #keyFor(salt: Uint8Array): Uint8Array {
    return blake2s(this.#sealKey.expose(), salt);
  }

  #salt(): Uint8Array {
    if (this.#poolOffset === this.#pool.length) {
      this.#pool = this.#random(SALT_POOL_BYTES);
      this.#poolOffset = 0;
    }
    const salt = this.#pool.subarray(this.#poolOffset, this.#poolOffset + SALT_BYTES);
    this.#poolOffset += SALT_BYTES;
    return salt;
  }
}

/** A JSON header and raw bytes as one plaintext: one sealing for a row of many fields. */
export function packRow(header: Readonly<Record<string, unknown>>, bytes: Uint8Array = empty): Uint8Array {
  const head = utf8(JSON.stringify(header));
  return concat(u32be(head.length), head, bytes);
}

/** The inverse of `packRow`; the bytes are authentic, so the caller names the shape it wrote. */
export function unpackRow<Header>(packed: Uint8Array): { readonly header: Header; readonly bytes: Uint8Array } {
  const end = 4 + readU32be(packed, 0);
  return { header: JSON.parse(textOf(packed.subarray(4, end))), bytes: packed.subarray(end) };
}

const decoder = new TextDecoder();

/** UTF-8 text of bytes that we encoded. */
export function textOf(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

function subkey(dataKey: Uint8Array, label: string): Uint8Array {
  return hkdfBlake2s({ salt: empty, ikm: dataKey, info: utf8(label), length: 32 });
}

function associatedData(place: Place): Uint8Array {
  return concat(labelBytes(place.column), ...place.row.map(rowBytes));
}

/** Labels are few and in every call. */
const labels = new Map<string, Uint8Array>();

/** The label and a zero byte, so that no label is the beginning of another. */
function labelBytes(label: string): Uint8Array {
  let bytes = labels.get(label);
  if (bytes === undefined) {
    bytes = utf8(`${label}\0`);
    labels.set(label, bytes);
  }
  return bytes;
}

/** Fixed width, so that two rows never give the same bytes. */
function rowBytes(part: number | Uint8Array): Uint8Array {
  if (typeof part !== "number") return part;
  return concat(u32be(Math.floor(part / 2 ** 32)), u32be(part % 2 ** 32));
}
