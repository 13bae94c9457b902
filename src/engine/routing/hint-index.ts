/**
 * Hint → conversation and ref, for millions of hints: open addressing in typed arrays, 16 bytes an entry, one probe
 * sequence a lookup. It keeps the first 64 bits of a hint; the conversation compares all 256 (profile 8.5 "Index").
 */

export interface HintHit {
  readonly conversation: number;
  readonly ref: number;
}

// A slot is empty when its conversation word is 0, a tombstone when it is 1; conversations are stored + 2.
const EMPTY = 0;
const TOMBSTONE = 1;
const FIRST = 2;

export class HintIndex {
  #capacity: number;
  #words: Uint32Array;
  #used = 0;
  #filled = 0;

  constructor(expected = 1_024) {
    this.#capacity = capacityFor(expected);
    this.#words = new Uint32Array(this.#capacity * 4);
  }

  get size(): number {
    return this.#used;
  }

  /** Memory that the table takes. */
  get bytes(): number {
    return this.#words.byteLength;
  }

  add(hint: Uint8Array, hit: HintHit): void {
    if ((this.#filled + 1) * 10 > this.#capacity * 7) this.#rehash();
    this.#insert(word(hint, 0), word(hint, 4), hit.conversation + FIRST, hit.ref);
  }

  remove(hint: Uint8Array, hit: HintHit): void {
    const high = word(hint, 0);
    const low = word(hint, 4);
    const words = this.#words;
    const mask = this.#capacity - 1;
    for (let slot = low & mask; ; slot = (slot + 1) & mask) {
      const at = slot * 4;
      const owner = words[at + 2];
      if (owner === EMPTY) return;
      if (
        owner === hit.conversation + FIRST &&
        words[at] === high &&
        words[at + 1] === low &&
        words[at + 3] === hit.ref
      ) {
        words[at + 2] = TOMBSTONE;
        this.#used -= 1;
        return;
      }
    }
  }

  /**
   * By 64-bit prefix. Two hints that share one live side by side and the first is found: at 2^-64 a pair that is a matter
   * of chance, and whoever could make such a pair needs the keys of both conversations.
   */
  find(high: number, low: number): HintHit | undefined {
    const words = this.#words;
    const mask = this.#capacity - 1;
    for (let slot = low & mask; ; slot = (slot + 1) & mask) {
      const at = slot * 4;
      const owner = words[at + 2] as number;
      if (owner === EMPTY) return undefined;
      if (owner !== TOMBSTONE && words[at] === high && words[at + 1] === low) {
        return { conversation: owner - FIRST, ref: words[at + 3] as number };
      }
    }
  }

  #insert(high: number, low: number, owner: number, ref: number): void {
    const words = this.#words;
    const mask = this.#capacity - 1;
    let slot = low & mask;
    while ((words[slot * 4 + 2] as number) > TOMBSTONE) slot = (slot + 1) & mask;
    const at = slot * 4;
    if (words[at + 2] === EMPTY) this.#filled += 1;
    words[at] = high;
    words[at + 1] = low;
    words[at + 2] = owner;
    words[at + 3] = ref;
    this.#used += 1;
  }

  #rehash(): void {
    const old = this.#words;
    // Twice the size when the entries need it, the same when tombstones filled it.
    this.#capacity = capacityFor(this.#used * (4 / 3));
    this.#words = new Uint32Array(this.#capacity * 4);
    this.#used = 0;
    this.#filled = 0;
    for (let at = 0; at < old.length; at += 4) {
      const owner = old[at + 2] as number;
      if (owner > TOMBSTONE) this.#insert(old[at] as number, old[at + 1] as number, owner, old[at + 3] as number);
    }
  }
}

function word(bytes: Uint8Array, offset: number): number {
  return (
    (((bytes[offset] as number) << 24) |
      ((bytes[offset + 1] as number) << 16) |
      ((bytes[offset + 2] as number) << 8) |
      (bytes[offset + 3] as number)) >>>
    0
  );
}

function capacityFor(entries: number): number {
  return 2 ** Math.max(10, Math.ceil(Math.log2(entries * 1.5 + 1)));
}
