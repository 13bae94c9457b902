// Goal: whatever order, repetition or malice segments come with, a set becomes whole exactly when all of it is there, and
// what is kept stays within bounds. Method: a keeper that does what a conversation does with records, against a model.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  collect,
  expire,
  nextExpiryMs,
  noOpenSets,
  OPEN_BYTES_MAX,
  OPEN_SETS_MAX,
  type OpenSet,
  type OpenSets,
  SET_REST_MAX_MS,
  wholeOf,
} from "../../../src/protocol/segmentation/reassembly.ts";
import {
  decodeSegment,
  encodeSegments,
  MAX_SEGMENTS,
  SEGMENT_SIZE,
  SEGMENTED_BYTES_MAX,
  type Segment,
} from "../../../src/protocol/segmentation/segment.ts";

/** Keeps payloads beside the open sets. */
class Keeper {
  open: OpenSets = noOpenSets;
  nowMs = 1_000;
  readonly payloads = new Map<number, Map<number, Uint8Array>>();
  readonly wholes: (Uint8Array | undefined)[] = [];

  take(segment: Segment): string {
    const collected = collect(this.open, segment, this.nowMs);
    if (collected.kind === "repeated") return collected.kind;
    this.open = collected.open;
    this.#drop(collected.dropped);
    if (collected.kind === "refused") return collected.kind;
    const { into, whole } = collected;
    const kept = this.payloads.get(into.serial) ?? new Map<number, Uint8Array>();
    this.payloads.set(into.serial, kept.set(segment.index, segment.payload));
    if (!whole) return collected.kind;
    this.wholes.push(
      wholeOf(
        into,
        Array.from({ length: into.count }, (_, index) => kept.get(index) ?? new Uint8Array()),
      ),
    );
    this.#drop([into]);
    return "whole";
  }

  expire(): number {
    const { open, dropped } = expire(this.open, this.nowMs);
    this.open = open;
    this.#drop(dropped);
    return dropped.length;
  }

  #drop(sets: readonly OpenSet[]): void {
    for (const { serial } of sets) assert.ok(this.payloads.delete(serial), "what is dropped was kept");
  }

  /** The value and what is kept tell the same, within the bounds. */
  check(): void {
    const { sets, lastSerial } = this.open;
    assert.ok(sets.length <= OPEN_SETS_MAX);
    assert.deepEqual(
      sets.map(({ serial }) => serial),
      [...this.payloads.keys()].sort((a, b) => a - b),
    );
    let all = 0;
    for (const { serial, bytes } of sets) {
      assert.ok(serial <= lastSerial);
      const kept = [...(this.payloads.get(serial)?.values() ?? [])].reduce((sum, { length }) => sum + length, 0);
      assert.equal(bytes, kept);
      all += kept;
    }
    assert.ok(all <= OPEN_BYTES_MAX);
  }
}

function segmentsOf(payload: Uint8Array): Segment[] {
  return encodeSegments(payload).encoded.map((bytes) => {
    const decoded = decodeSegment(bytes);
    assert.ok(decoded.kind === "readable");
    return decoded.value;
  });
}

/** Several segments, the last of any length. */
const payload = fc
  .tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: SEGMENT_SIZE }), fc.integer())
  .map(([full, rest, seed]) =>
    Uint8Array.from({ length: full * SEGMENT_SIZE + rest }, (_, i) => (i * 7 + seed) & 0xff),
  );

function forged(index: number, count: number, mark: number, length = 8): Segment {
  const wholeHash = new Uint8Array(32);
  new DataView(wholeHash.buffer).setUint32(0, mark);
  return { wholeHash, index, count, payload: new Uint8Array(length) };
}

describe("segments of payloads", () => {
  it("cover the payload, and the largest fills 255", () => {
    fc.assert(
      fc.property(payload, (bytes) => {
        const segments = segmentsOf(bytes);
        assert.deepEqual(Buffer.concat(segments.map((segment) => segment.payload)), Buffer.from(bytes));
        assert.deepEqual(
          segments.map(({ index, count }) => [index, count]),
          segments.map((_, index) => [index, segments.length]),
        );
      }),
      { numRuns: 20 },
    );
    assert.equal(segmentsOf(new Uint8Array(SEGMENTED_BYTES_MAX)).length, MAX_SEGMENTS);
    assert.equal(segmentsOf(new Uint8Array(0)).length, 1);
    assert.throws(() => encodeSegments(new Uint8Array(SEGMENTED_BYTES_MAX + 1)), RangeError);
  });

  it("become whole in any order, mixed with other sets and repetitions", () => {
    fc.assert(
      fc.property(fc.array(payload, { minLength: 1, maxLength: 3 }), fc.infiniteStream(fc.nat()), (payloads, draws) => {
        const distinct = [...new Map(payloads.map((bytes) => [Buffer.from(bytes).toString("latin1"), bytes])).values()];
        const draw = () => draws.next().value ?? 0;
        // Repetitions of a complete set would open another one: the conversation knows their message ids.
        const arrivals = distinct.flatMap(segmentsOf).map((segment) => ({ segment, at: draw() % 1_000 }));
        arrivals.sort((a, b) => a.at - b.at);
        const keeper = new Keeper();
        const seen: Segment[] = [];
        for (const { segment } of arrivals) {
          keeper.take(segment);
          seen.push(segment);
          const again = seen[draw() % seen.length];
          const isOpen = keeper.open.sets.some(({ wholeHash }) => Buffer.from(wholeHash).equals(again!.wholeHash));
          if (isOpen) assert.equal(keeper.take(again!), "repeated");
          keeper.check();
        }
        const byBytes = (a: Uint8Array | undefined, b: Uint8Array | undefined) => Buffer.compare(a!, b!);
        assert.deepEqual(keeper.wholes.toSorted(byBytes), distinct.toSorted(byBytes));
        assert.deepEqual([keeper.open.sets.length, keeper.payloads.size], [0, 0]);
      }),
      { numRuns: 40 },
    );
  });

  it("stay incomplete as long as any is missing", () => {
    fc.assert(
      fc.property(payload, fc.nat(), (bytes, pick) => {
        const segments = segmentsOf(bytes);
        const keeper = new Keeper();
        const gap = pick % segments.length;
        for (const segment of segments) if (segment.index !== gap) assert.equal(keeper.take(segment), "kept");
        assert.equal(keeper.wholes.length, 0);
        assert.equal(keeper.take(segments[gap]!), "whole");
        assert.deepEqual(keeper.wholes, [bytes]);
      }),
      { numRuns: 30 },
    );
  });

  it("with one bit wrong are not what the hash promised", () => {
    fc.assert(
      fc.property(payload, fc.nat(), fc.integer({ min: 1, max: 255 }), (bytes, at, change) => {
        const keeper = new Keeper();
        const segments = segmentsOf(bytes);
        const bad = segments[at % segments.length]!;
        for (const segment of segments) {
          const changed = segment.payload.slice();
          if (segment === bad) changed[at % changed.length]! ^= change;
          keeper.take({ ...segment, payload: changed });
        }
        assert.deepEqual(keeper.wholes, [undefined]);
        assert.equal(keeper.payloads.size, 0, "the set is gone");
      }),
      { numRuns: 30 },
    );
  });

  it("that contradict their set take it away", () => {
    const keeper = new Keeper();
    keeper.take(forged(0, 3, 1));
    keeper.take(forged(0, 3, 2));
    assert.equal(keeper.take(forged(1, 4, 1)), "refused");
    keeper.check();
    assert.deepEqual(
      keeper.open.sets.map(({ serial }) => serial),
      [2],
    );
    assert.equal(keeper.take(forged(1, 3, 1)), "kept");
    assert.equal(keeper.open.sets.at(-1)?.serial, 3, "under a new serial");
  });
});

describe("bounds of open sets", () => {
  it("hold under any flood, and the set that rested longest goes first", () => {
    const keeper = new Keeper();
    for (let mark = 0; mark < OPEN_SETS_MAX; mark += 1) keeper.take(forged(0, 3, mark));
    keeper.nowMs += 1;
    keeper.take(forged(1, 3, 0));
    keeper.nowMs += 1;
    keeper.take(forged(0, 3, 9_999));
    keeper.check();
    const marks = keeper.open.sets.map(({ wholeHash }) => new DataView(wholeHash.buffer).getUint32(0));
    assert.equal(marks.length, OPEN_SETS_MAX);
    assert.deepEqual([marks.includes(0), marks.includes(1), marks.includes(9_999)], [true, false, true]);
  });

  it("count bytes too", () => {
    const keeper = new Keeper();
    for (let mark = 0; mark < 4; mark += 1) {
      for (let index = 0; index < 200; index += 1) keeper.take(forged(index, 255, mark, SEGMENT_SIZE));
      keeper.nowMs += 1;
      keeper.check();
    }
    assert.equal(keeper.open.sets.length, 2, "8 MiB hold two such sets and not three");
  });

  it("let a set that rests go after 30 days, counted from its newest segment", () => {
    const keeper = new Keeper();
    assert.equal(nextExpiryMs(keeper.open), undefined);
    keeper.take(forged(0, 3, 1));
    const beganMs = keeper.nowMs;
    keeper.nowMs += SET_REST_MAX_MS - 1;
    assert.equal(keeper.expire(), 0);
    keeper.take(forged(0, 3, 2));
    assert.equal(nextExpiryMs(keeper.open), beganMs + SET_REST_MAX_MS);
    keeper.nowMs += 1;
    assert.equal(keeper.expire(), 1);
    keeper.check();
    assert.equal(nextExpiryMs(keeper.open), keeper.nowMs - 1 + SET_REST_MAX_MS);
  });
});
