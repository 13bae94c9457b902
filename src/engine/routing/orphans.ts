/**
 * Envelopes that no hint matches, kept a while because their window may be about to open (profile 8.5 "Orphans").
 * A cache: losing it loses nothing that a repetition does not repair.
 */
import type { Hint } from "../../wire/ids.ts";
import { ORPHAN_AGE_MAX_MS, ORPHAN_BYTES_MAX, ORPHANS_MAX, ORPHANS_PER_HINT_MAX } from "../limits.ts";

interface Orphan<T> {
  readonly value: T;
  readonly bytes: number;
  readonly atMs: number;
}

export class Orphans<T> {
  // Insertion order is age, so the first key is the oldest.
  readonly #byHint = new Map<Hint, Orphan<T>[]>();
  #count = 0;
  #bytes = 0;

  get size(): number {
    return this.#count;
  }

  keep(hint: Hint, value: T, bytes: number, nowMs: number): void {
    const list = this.#byHint.get(hint) ?? [];
    if (list.length >= ORPHANS_PER_HINT_MAX) return;
    list.push({ value, bytes, atMs: nowMs });
    this.#byHint.set(hint, list);
    this.#count += 1;
    this.#bytes += bytes;
    this.#evict(nowMs);
  }

  take(hint: Hint): readonly T[] {
    const list = this.#byHint.get(hint);
    if (list === undefined) return [];
    this.#forget(hint, list);
    return list.map((orphan) => orphan.value);
  }

  #evict(nowMs: number): void {
    for (const [hint, list] of this.#byHint) {
      // By the oldest of its list: with the youngest, a repeated hint would shield everything behind it.
      const isExpired = nowMs - (list[0] as Orphan<T>).atMs > ORPHAN_AGE_MAX_MS;
      if (!isExpired && this.#count <= ORPHANS_MAX && this.#bytes <= ORPHAN_BYTES_MAX) return;
      this.#forget(hint, list);
    }
  }

  #forget(hint: Hint, list: readonly Orphan<T>[]): void {
    this.#byHint.delete(hint);
    this.#count -= list.length;
    for (const orphan of list) this.#bytes -= orphan.bytes;
  }
}
