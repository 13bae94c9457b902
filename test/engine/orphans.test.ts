import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { ORPHAN_AGE_MAX_MS, ORPHAN_BYTES_MAX, ORPHANS_MAX, ORPHANS_PER_HINT_MAX } from "../../src/engine/limits.ts";
import { Orphans } from "../../src/engine/routing/orphans.ts";
import type { Hint } from "../../src/wire/ids.ts";

const hint = (n: number) => n.toString(16).padStart(64, "0") as Hint;

describe("orphans", () => {
  it("gives back what was kept for a hint, in order, once", () => {
    const orphans = new Orphans<string>();
    orphans.keep(hint(1), "first", 10, 0);
    orphans.keep(hint(2), "other", 10, 0);
    orphans.keep(hint(1), "second", 10, 1);
    assert.deepEqual(orphans.take(hint(1)), ["first", "second"]);
    assert.deepEqual(orphans.take(hint(1)), []);
    assert.deepEqual(orphans.take(hint(2)), ["other"]);
    assert.equal(orphans.size, 0);
  });

  it("keeps a few for one hint, and the first of them: a flood of copies cannot push out the real one before it", () => {
    const orphans = new Orphans<number>();
    for (let n = 0; n < 100; n += 1) orphans.keep(hint(1), n, 10, 0);
    assert.deepEqual(
      orphans.take(hint(1)),
      Array.from({ length: ORPHANS_PER_HINT_MAX }, (_, n) => n),
    );
  });

  it("drops the oldest when there are too many", () => {
    const orphans = new Orphans<number>();
    for (let n = 0; n <= ORPHANS_MAX; n += 1) orphans.keep(hint(n), n, 1, 0);
    assert.equal(orphans.size, ORPHANS_MAX);
    assert.deepEqual(orphans.take(hint(0)), []);
    assert.deepEqual(orphans.take(hint(1)), [1]);
  });

  it("drops the oldest when they are too large together", () => {
    const orphans = new Orphans<number>();
    const bytes = ORPHAN_BYTES_MAX / 4;
    for (let n = 0; n < 5; n += 1) orphans.keep(hint(n), n, bytes, 0);
    assert.deepEqual(
      [0, 1, 2, 3, 4].map((n) => orphans.take(hint(n)).length),
      [0, 1, 1, 1, 1],
    );
  });

  it("drops what is too old, even behind a hint that is repeated", () => {
    const orphans = new Orphans<string>();
    orphans.keep(hint(1), "repeated", 1, 0);
    orphans.keep(hint(2), "old", 1, 0);
    orphans.keep(hint(1), "repeated", 1, ORPHAN_AGE_MAX_MS);
    orphans.keep(hint(3), "new", 1, ORPHAN_AGE_MAX_MS + 1);
    assert.deepEqual(orphans.take(hint(2)), []);
    assert.deepEqual(orphans.take(hint(3)), ["new"]);
    assert.equal(orphans.size, 0);
  });

  it("never exceeds a bound, whatever comes", () => {
    const kept = fc.record({
      hint: fc.nat(40),
      bytes: fc.nat(4 * 1024 * 1024),
      pauseMs: fc.nat(120_000),
      take: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(kept, { maxLength: 200 }), (steps) => {
        const orphans = new Orphans<{ bytes: number; hint: number; atMs: number }>();
        let now = 0;
        for (const { hint: of, bytes, pauseMs, take } of steps) {
          now += pauseMs;
          if (take) orphans.take(hint(of));
          else orphans.keep(hint(of), { bytes, hint: of, atMs: now }, bytes, now);
        }
        orphans.keep(hint(99), { bytes: 0, hint: 99, atMs: now }, 0, now);
        const size = orphans.size;
        const left = Array.from({ length: 100 }, (_, of) => orphans.take(hint(of))).flat();
        assert.equal(left.length, size);
        assert.equal(orphans.size, 0);
        assert.ok(left.reduce((sum, { bytes }) => sum + bytes, 0) <= ORPHAN_BYTES_MAX);
        for (const { atMs } of left) assert.ok(now - atMs <= ORPHAN_AGE_MAX_MS);
      }),
    );
  });
});
