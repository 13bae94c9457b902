/** Everything that is random in a simulation comes from here, so that a seed repeats it to the byte. */

export class Chance {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** Different labels give independent streams of one seed: turning one knob must not shift the draws of another. */
  constructor(seed: number, label = "") {
    let mixed = seed >>> 0;
    for (const character of label) mixed = Math.imul(mixed ^ character.charCodeAt(0), 0x01000193) >>> 0;
    this.#a = mixed;
    this.#b = seed >>> 0;
    this.#c = Math.floor(seed / 2 ** 32) >>> 0;
    for (let round = 0; round < 12; round += 1) this.#word();
  }

  /** In [0, 1). */
  number(): number {
    return this.#word() / 2 ** 32;
  }

  /** A whole number in [0, end). */
  below(end: number): number {
    return Math.floor(this.number() * end);
  }

  /** A whole number from `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  happens(probability: number): boolean {
    return this.number() < probability;
  }

  pick<One>(list: readonly One[]): One {
    const one = list[this.below(list.length)];
    if (one === undefined) throw new RangeError("nothing to pick from");
    return one;
  }

  /** Fit for keys of a simulation only. */
  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; at += 4) {
      const word = this.#word();
      bytes[at] = word;
      if (at + 1 < length) bytes[at + 1] = word >>> 8;
      if (at + 2 < length) bytes[at + 2] = word >>> 16;
      if (at + 3 < length) bytes[at + 3] = word >>> 24;
    }
    return bytes;
  }

  /** The sfc32 generator. */
  #word(): number {
    const word = (this.#a + this.#b + this.#counter) >>> 0;
    this.#counter = (this.#counter + 1) >>> 0;
    this.#a = (this.#b ^ (this.#b >>> 9)) >>> 0;
    this.#b = (this.#c + (this.#c << 3)) >>> 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + word) >>> 0;
    return word;
  }
}
