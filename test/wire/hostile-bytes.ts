/** Bytes that a stranger could send, for "this decoder is total" properties. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { toHex } from "../../src/crypto/bytes.ts";
import type { Decoded } from "../../src/wire/decoded.ts";

interface Edit {
  readonly at: number;
  readonly kind: "set" | "insert" | "remove" | "repeat" | "truncate";
  readonly value: number;
  readonly count: number;
}

const edit: fc.Arbitrary<Edit> = fc.record({
  at: fc.nat(0xffff),
  kind: fc.constantFrom("set", "insert", "remove", "repeat", "truncate"),
  // Bytes that mean something as tag, length or varint more often than chance.
  value: fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 0x7f, 0x80, 0xff, 0x08, 0x0a, 0x10, 0x12, 0x1a, 0x22, 0x2a, 0x52)),
  count: fc.integer({ min: 1, max: 40 }),
});

function apply(bytes: number[], { at, kind, value, count }: Edit): void {
  const index = bytes.length === 0 ? 0 : at % bytes.length;
  if (kind === "set") bytes[index] = value;
  else if (kind === "insert") bytes.splice(index, 0, value);
  else if (kind === "remove") bytes.splice(index, count);
  else if (kind === "repeat") bytes.splice(index, 0, ...bytes.slice(index, index + count));
  else bytes.length = index;
}

/** Random bytes, and edited copies of valid samples. */
export function hostileBytes(samples: readonly Uint8Array[]): fc.Arbitrary<Uint8Array> {
  const edited = fc
    .tuple(fc.constantFrom(...samples), fc.array(edit, { minLength: 1, maxLength: 4 }))
    .map(([sample, edits]) => {
      const bytes = [...sample];
      for (const each of edits) apply(bytes, each);
      return Uint8Array.from(bytes);
    });
  return fc.oneof({ arbitrary: edited, weight: 4 }, { arbitrary: fc.uint8Array({ maxLength: 200 }), weight: 1 });
}

/** Asserts that `decode` never throws, answers in its three words, and leaves its input alone. */
export function assertTotal(
  decode: (bytes: Uint8Array) => Decoded<unknown>,
  samples: readonly Uint8Array[],
  numRuns = 3000,
): void {
  for (const sample of samples) assert.equal(decode(sample).kind, "readable", toHex(sample));
  const check = (bytes: Uint8Array): void => {
    const before = toHex(bytes);
    const { kind } = decode(bytes);
    assert.ok(kind === "readable" || kind === "badly-formed" || kind === "unsupported");
    assert.equal(toHex(bytes), before);
  };
  fc.assert(fc.property(hostileBytes(samples), check), { numRuns });
}

/** The value, for bytes that must decode. */
export function readableValue<T>(decoded: Decoded<T>): T {
  assert.equal(decoded.kind, "readable", "reason" in decoded ? decoded.reason : "");
  return (decoded as { value: T }).value;
}

/** Asserts a refusal by its word, and its reason if given. */
export function assertRefused(decoded: Decoded<unknown>, kind: "badly-formed" | "unsupported", reason?: string): void {
  assert.equal(decoded.kind, kind);
  if (reason !== undefined) assert.equal((decoded as { reason: string }).reason, reason);
}
