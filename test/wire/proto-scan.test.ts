/**
 * Goal: the scan refuses what profile 8.1 lists, accepts what it lists, and agrees with protobufjs on all else.
 * Method: bytes made by hand for each line; then edited bytes, where whatever we read protobufjs must read the same.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { concat, utf8 } from "../../src/crypto/bytes.ts";
import { umbra } from "../../src/wire/gen/umbra.js";
import { fieldTable, scan } from "../../src/wire/proto-scan.ts";
import { assertRefused, hostileBytes, readableValue } from "./hostile-bytes.ts";
import { delimited, number, tag, varint } from "./protobuf-bytes.ts";

const inner = fieldTable({ count: { number: 1, kind: "uint32" } });
const table = fieldTable({
  small: { number: 1, kind: "uint32" },
  time: { number: 2, kind: "uint53" },
  clock: { number: 3, kind: "uint64" },
  flag: { number: 4, kind: "bool" },
  text: { number: 5, kind: "string", maxBytes: 8 },
  key: { number: 6, kind: "bytes", size: 4, optional: true },
  list: { number: 7, kind: "string", repeated: 2 },
  nested: { number: 8, kind: "message", fields: inner },
  left: { number: 9, kind: "bytes", oneof: "side" },
  right: { number: 10, kind: "message", fields: inner, oneof: "side" },
});
const read = (...parts: Uint8Array[]) => scan(concat(...parts), table);

test("absent fields read as their defaults", () => {
  assert.deepEqual(readableValue(read()), {
    small: 0,
    time: 0,
    clock: 0,
    flag: false,
    text: "",
    key: undefined,
    list: [],
    nested: undefined,
    left: undefined,
    right: undefined,
  });
});

test("present fields read as their values, in any order", () => {
  const value = readableValue(
    read(
      delimited(10, number(1, 7)),
      delimited(7, "b"),
      number(1, 0xffffffff),
      number(2, Number.MAX_SAFE_INTEGER),
      number(3, 2n ** 64n - 1n),
      delimited(7, "a"),
      number(4, 2),
      delimited(5, "\ufeffÄÖ"),
      delimited(6, Uint8Array.of(1, 2, 3, 4)),
      delimited(8, ""),
    ),
  );
  assert.deepEqual(value, {
    small: 0xffffffff,
    time: Number.MAX_SAFE_INTEGER,
    clock: Number.MAX_SAFE_INTEGER,
    flag: true,
    text: "\ufeffÄÖ",
    key: Uint8Array.of(1, 2, 3, 4),
    list: ["b", "a"],
    nested: { count: 0 },
    left: undefined,
    right: { count: 7 },
  });
});

test("badly formed: a singular field or a oneof twice", () => {
  assertRefused(read(number(1, 1), number(1, 1)), "badly-formed", "field repeated");
  assertRefused(read(number(1, 0), number(1, 0)), "badly-formed", "field repeated");
  assertRefused(read(delimited(8, ""), delimited(8, "")), "badly-formed", "field repeated");
  assertRefused(read(delimited(9, ""), delimited(9, "")), "badly-formed", "field repeated");
  assertRefused(read(delimited(9, ""), delimited(10, "")), "badly-formed", "oneof repeated");
  assertRefused(read(delimited(8, concat(number(1, 1), number(1, 1)))), "badly-formed", "field repeated");
});

test("badly formed: a known field with any other wire type", () => {
  const payloads = new Map([
    [0, varint(1)],
    [1, new Uint8Array(8)],
    [2, varint(0)],
    [3, new Uint8Array(0)],
    [4, new Uint8Array(0)],
    [5, new Uint8Array(4)],
  ]);
  for (const field of [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]) {
    const right = field <= 4 ? 0 : 2;
    for (const [wireType, payload] of payloads) {
      if (wireType !== right) assertRefused(read(tag(field, wireType), payload), "badly-formed", "wire type");
    }
  }
});

test("badly formed: numbers out of range", () => {
  assertRefused(read(number(1, 2 ** 32)), "badly-formed", "uint32 range");
  assertRefused(read(number(1, 2n ** 63n)), "badly-formed", "uint32 range");
  assertRefused(read(number(2, 2n ** 53n)), "badly-formed", "uint64 range");
  assertRefused(read(number(2, 2n ** 53n + 1n)), "badly-formed", "uint64 range");
  assertRefused(read(number(3, 2n ** 64n)), "badly-formed", "truncated");
  assertRefused(read(tag(3, 0), new Uint8Array(11).fill(0x80), varint(0)), "badly-formed", "truncated");
});

test("badly formed: fixed sizes, greatest lengths, list lengths, UTF-8", () => {
  for (const length of [0, 3, 5]) assertRefused(read(delimited(6, new Uint8Array(length))), "badly-formed", "size");
  assertRefused(read(delimited(5, "123456789")), "badly-formed", "too long");
  assertRefused(read(delimited(7, ""), delimited(7, ""), delimited(7, "")), "badly-formed", "too many");
  for (const bytes of [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xe2, 0x82], [0xf4, 0x90, 0x80, 0x80]]) {
    assertRefused(read(delimited(5, Uint8Array.from(bytes))), "badly-formed", "utf-8");
    assertRefused(read(delimited(7, Uint8Array.from(bytes))), "badly-formed", "utf-8");
  }
});

test("badly formed: a missing field of fixed size, or one that is required", () => {
  const strict = fieldTable({
    key: { number: 1, kind: "bytes", size: 2 },
    body: { number: 2, kind: "bytes", required: true },
  });
  assertRefused(scan(delimited(2, ""), strict), "badly-formed", "missing field");
  assertRefused(scan(delimited(1, "ab"), strict), "badly-formed", "missing field");
  assert.equal(scan(concat(delimited(1, "ab"), delimited(2, "")), strict).kind, "readable");
});

test("badly formed: every proper prefix that does not end between fields", () => {
  const fields = [number(1, 300), delimited(5, "text"), delimited(8, number(1, 9)), delimited(77, "unknown")];
  const boundaries = new Set([0]);
  let length = 0;
  for (const field of fields) {
    length += field.length;
    boundaries.add(length);
  }
  const whole = concat(...fields);
  for (let end = 0; end <= whole.length; end++) {
    const expected = boundaries.has(end) ? "readable" : "badly-formed";
    assert.equal(scan(whole.subarray(0, end), table).kind, expected, `prefix of ${end}`);
  }
});

test("badly formed: a nested message that reaches past its parent", () => {
  assertRefused(read(delimited(8, concat(tag(1, 0)))), "badly-formed", "truncated");
  assertRefused(read(tag(8, 2), varint(5), number(1, 1)), "badly-formed", "truncated");
  assertRefused(read(delimited(8, concat(tag(9, 2), varint(3))), delimited(5, "abc")), "badly-formed", "truncated");
});

test("badly formed: tags that are none", () => {
  assertRefused(read(varint(0)), "badly-formed", "tag");
  assertRefused(read(tag(0, 2), varint(0)), "badly-formed", "tag");
  assertRefused(read(varint(2n ** 32n)), "badly-formed", "tag");
  for (const wireType of [4, 6, 7]) assertRefused(read(tag(99, wireType), varint(0)), "badly-formed", "truncated");
});

test("unknown fields of every wire type are ignored, repeated or not", () => {
  const unknown = [
    number(50, 2n ** 64n - 1n),
    concat(tag(51, 1), new Uint8Array(8).fill(0xff)),
    delimited(52, Uint8Array.of(0xff, 0xff)),
    concat(tag(53, 3), number(1, 5), tag(54, 3), delimited(1, "x"), tag(54, 4), tag(53, 4)),
    concat(tag(55, 5), new Uint8Array(4)),
    number(2 ** 29 - 1, 1),
  ];
  assert.equal(readableValue(read(...unknown, number(1, 3), ...unknown)).small, 3);
});

test("groups: wrong ends and bottomless nesting are badly formed, without recursion", () => {
  assertRefused(read(tag(53, 3), tag(54, 4)), "badly-formed", "truncated");
  assertRefused(read(tag(53, 3)), "badly-formed", "truncated");
  const nested = (depth: number): Uint8Array =>
    concat(...Array.from({ length: 2 * depth }, (_, index) => tag(53, index < depth ? 3 : 4)));
  assert.equal(scan(nested(100), table).kind, "readable");
  assertRefused(scan(nested(101), table), "badly-formed", "truncated");
  const deep = Array.from({ length: 100_000 }, () => tag(53, 3));
  assertRefused(scan(concat(...deep), table), "badly-formed", "truncated");
});

test("non-minimal varints are accepted as value, length and tag", () => {
  const value = readableValue(
    read(
      concat(varint(8, 3), varint(5, 9)),
      concat(varint(5 * 8 + 2, 9), varint(1, 9), utf8("x")),
      concat(tag(3, 0), varint(7, 4)),
    ),
  );
  assert.equal(value.small, 5);
  assert.equal(value.text, "x");
  assert.equal(value.clock, 7);
});

test("what is read does not share memory with the input, be it a Buffer", () => {
  const input = Buffer.from(delimited(9, Uint8Array.of(1, 2, 3)));
  const { left } = readableValue(scan(input, table));
  input.fill(0);
  assert.deepEqual(left, Uint8Array.of(1, 2, 3));
  assert.equal(Object.getPrototypeOf(left), Uint8Array.prototype);
  assert.equal(left!.buffer.byteLength, 3);
});

test("a list is refused at its bound, not after reading it whole", () => {
  const many = concat(...Array.from({ length: 70_000 }, () => delimited(7, "")));
  assertRefused(scan(many, table), "badly-formed", "too many");
});

const entry = fieldTable({
  messageId: { number: 1, kind: "string" },
  retrievalHint: { number: 2, kind: "bytes" },
  senderId: { number: 3, kind: "string" },
});

const sdsFields = fieldTable({
  senderId: { number: 1, kind: "string" },
  messageId: { number: 2, kind: "string" },
  channelId: { number: 3, kind: "string" },
  lamportTimestamp: { number: 10, kind: "uint64" },
  causalHistory: { number: 11, kind: "message", repeated: 256, fields: entry },
  bloomFilter: { number: 12, kind: "bytes" },
  repairRequest: { number: 13, kind: "message", repeated: 16, fields: entry },
  content: { number: 20, kind: "bytes", optional: true },
});

test("whatever the scan reads, protobufjs reads the same", () => {
  const sample = umbra.v1.SdsMessage.encode({
    senderId: "I",
    messageId: "d6657a95",
    channelId: "/private/v1/4da5",
    lamportTimestamp: 1_763_800_000_000,
    causalHistory: [{ messageId: "aa" }, { messageId: "bb", retrievalHint: Uint8Array.of(1), senderId: "R" }],
    content: Uint8Array.of(1, 2, 3),
  }).finish();
  let compared = 0;
  fc.assert(
    fc.property(hostileBytes([sample]), (bytes) => {
      const scanned = scan(bytes, sdsFields);
      if (scanned.kind !== "readable") return;
      compared += 1;
      const theirs = umbra.v1.SdsMessage.decode(bytes);
      const ours = scanned.value;
      assert.equal(ours.senderId, theirs.senderId);
      assert.equal(ours.messageId, theirs.messageId);
      assert.equal(ours.channelId, theirs.channelId);
      assert.equal(ours.lamportTimestamp, Math.min(Number(theirs.lamportTimestamp), Number.MAX_SAFE_INTEGER));
      assert.deepEqual(
        ours.causalHistory.map((each) => [each.messageId, Buffer.from(each.retrievalHint), each.senderId]),
        theirs.causalHistory!.map((each) => [each.messageId, Buffer.from(each.retrievalHint!), each.senderId]),
      );
      assert.deepEqual(Buffer.from(ours.content ?? []), Buffer.from(theirs.content ?? []));
    }),
    { numRuns: 5000 },
  );
  assert.ok(compared > 100, `only ${compared} compared`);
});
