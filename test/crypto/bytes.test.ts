import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  concat,
  fromBase64Url,
  fromHex,
  plain,
  readU32be,
  toBase64Url,
  toHex,
  u32be,
  utf8,
} from "../../src/crypto/bytes.ts";

test("text forms give back the bytes they were made of", () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      assert.deepEqual(fromHex(toHex(bytes)), bytes);
      assert.deepEqual(fromBase64Url(toBase64Url(bytes)), bytes);
    }),
  );
});

test("text forms work on a view into a larger buffer", () => {
  const view = Uint8Array.of(9, 1, 2, 3, 9).subarray(1, 4);
  assert.equal(toHex(view), "010203");
  assert.equal(toBase64Url(view), "AQID");
  assert.equal(readU32be(Uint8Array.of(9, 0, 0, 1, 2).subarray(1), 0), 258);
});

test("hex is lowercase, whole bytes, nothing else", () => {
  for (const text of ["A0", "0", "0g", " 00", "00\n", "0x00", "００"]) assert.equal(fromHex(text), undefined, text);
  assert.deepEqual(fromHex(""), new Uint8Array(0));
});

test("base64url has one spelling", () => {
  for (const text of ["AQ==", "AQ=", "A", "AR", "A+8", "A/8", "AQ ", "AQ\n", "é"]) {
    assert.equal(fromBase64Url(text), undefined, text);
  }
  assert.deepEqual(fromBase64Url("AQ"), Uint8Array.of(1));
});

test("u32be is read back, and refuses what is not a uint32", () => {
  fc.assert(fc.property(fc.nat(0xffffffff), (value) => assert.equal(readU32be(u32be(value), 0), value)));
  assert.equal(toHex(u32be(0xdeadbeef)), "deadbeef");
  for (const value of [-1, 2 ** 32, 1.5, Number.NaN]) assert.throws(() => u32be(value), RangeError);
  assert.throws(() => readU32be(new Uint8Array(7), 4), RangeError);
});

test("concat copies", () => {
  const part = utf8("ab");
  const joined = concat(part, new Uint8Array(0), utf8("c"));
  part[0] = 0;
  assert.deepEqual(joined, utf8("abc"));
});

test("plain strips Buffer without copying", () => {
  const buffer = Buffer.from("abc");
  const view = plain(buffer);
  assert.equal(Object.getPrototypeOf(view), Uint8Array.prototype);
  buffer[0] = 0;
  assert.equal(view[0], 0);
});
