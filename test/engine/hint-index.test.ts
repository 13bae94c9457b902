// Goal: the index answers like a Map, whatever was added and removed, through every rehash and with equal prefixes.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { HintIndex } from "../../src/engine/routing/hint-index.ts";

interface Entry {
  readonly hint: Uint8Array;
  readonly conversation: number;
  readonly ref: number;
}

/** Few high words and few low bits: probe sequences overlap and whole prefixes collide all the time. */
const entry: fc.Arbitrary<Entry> = fc.record({
  hint: fc
    .tuple(fc.constantFrom(0, 0xffffffff), fc.constantFrom(0, 1, 1023, 1024, 0xffffffff), fc.constant(0))
    .map(([high, low, rest]) => hintOf(high, low, rest)),
  conversation: fc.constantFrom(0, 4_000_000),
  ref: fc.constantFrom(0, 0xffffffff),
});

const operation = fc.record({ isRemoval: fc.boolean(), entry, spread: fc.nat(5_000) });

describe("hint index", () => {
  it("agrees with a Map of prefixes over random additions and removals", () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 400 }), (operations) => {
        const index = new HintIndex(1);
        const model = new Map<string, Entry[]>();
        for (const { isRemoval, entry: drawn, spread } of operations) {
          // Spread: enough different prefixes to fill tables and to leave tombstones everywhere.
          const each = spread % 3 === 0 ? drawn : { ...drawn, hint: hintOf(spread, spread * 7, 0) };
          const held = model.get(prefix(each.hint)) ?? [];
          const at = held.findIndex((other) => isSame(other, each));
          if (isRemoval) {
            index.remove(each.hint, each);
            if (at >= 0) held.splice(at, 1);
          } else if (at < 0) {
            index.add(each.hint, each);
            model.set(prefix(each.hint), [...held, each]);
          }
          check(index, each.hint, model);
        }
        assert.equal(
          index.size,
          [...model.values()].reduce((sum, held) => sum + held.length, 0),
        );
        for (const held of model.values()) for (const { hint } of held) check(index, hint, model);
      }),
      { numRuns: 200 },
    );
  });

  it("keeps everything through growth, and forgets exactly what was removed", () => {
    const index = new HintIndex(1);
    const total = 50_000;
    for (let n = 0; n < total; n += 1) index.add(scattered(n), { conversation: n, ref: n % 48 });
    for (let n = 0; n < total; n += 2) index.remove(scattered(n), { conversation: n, ref: n % 48 });
    assert.equal(index.size, total / 2);
    for (let n = 0; n < total; n += 1) {
      const expected = n % 2 === 0 ? undefined : { conversation: n, ref: n % 48 };
      assert.deepEqual(find(index, scattered(n)), expected);
    }
  });

  it("does not grow with the number of changes, only with the number of hints", () => {
    const index = new HintIndex(1);
    for (let n = 0; n < 300_000; n += 1) {
      index.add(scattered(n), { conversation: 1, ref: n });
      if (n >= 500) index.remove(scattered(n - 500), { conversation: 1, ref: n - 500 });
    }
    assert.equal(index.size, 500);
    assert.ok(index.bytes <= 64 * 1024, `${index.bytes} bytes for 500 hints`);
  });

  it("holds 100,000 conversations' hints in at most 48 bytes each", () => {
    const index = new HintIndex(1);
    const total = 200_000;
    for (let n = 0; n < total; n += 1) index.add(scattered(n), { conversation: n, ref: 0 });
    // The worst moment is right after doubling: just over a third full.
    assert.ok(index.bytes / total <= 48, `${index.bytes / total} bytes a hint`);
  });
});

function check(index: HintIndex, hint: Uint8Array, model: Map<string, Entry[]>): void {
  const held = model.get(prefix(hint)) ?? [];
  const found = find(index, hint);
  if (held.length === 0) assert.equal(found, undefined);
  else assert.ok(held.some(({ conversation, ref }) => conversation === found?.conversation && ref === found.ref));
}

function find(index: HintIndex, hint: Uint8Array) {
  const view = new DataView(hint.buffer);
  return index.find(view.getUint32(0), view.getUint32(4));
}

function isSame(one: Entry, other: Entry): boolean {
  return one.conversation === other.conversation && one.ref === other.ref;
}

function prefix(hint: Uint8Array): string {
  return Buffer.from(hint.subarray(0, 8)).toString("hex");
}

function hintOf(high: number, low: number, rest: number): Uint8Array {
  const hint = new Uint8Array(32).fill(rest);
  const view = new DataView(hint.buffer);
  view.setUint32(0, high);
  view.setUint32(4, low);
  return hint;
}

/** As a hash would be: slots collide by chance. */
function scattered(n: number): Uint8Array {
  return hintOf(mixed(n), mixed(n + 0x9e3779b9), 0);
}

function mixed(n: number): number {
  let word = Math.imul(n ^ (n >>> 16), 0x85ebca6b);
  word = Math.imul(word ^ (word >>> 13), 0xc2b2ae35);
  return (word ^ (word >>> 16)) >>> 0;
}
