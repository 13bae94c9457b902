import assert from "node:assert/strict";
import { test } from "node:test";
import { blake2b as nobleBlake2b, blake2s as nobleBlake2s } from "@noble/hashes/blake2.js";
import { sha256 as nobleSha256 } from "@noble/hashes/sha2.js";
import fc from "fast-check";
import { concat, toHex, utf8 } from "../../src/crypto/bytes.ts";
import { blake2b, blake2b512, blake2s, blake2sHex, keccak256, sha256 } from "../../src/crypto/hash.ts";

test("published answers for abc and the empty string", () => {
  // RFC 7693 appendices A and B, FIPS 180-4, and the Keccak-256 of nothing.
  assert.equal(toHex(blake2s(utf8("abc"))), "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982");
  assert.equal(
    toHex(blake2b512(utf8("abc"))),
    "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d17d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923",
  );
  assert.equal(toHex(sha256(utf8("abc"))), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  assert.equal(toHex(keccak256(new Uint8Array(0))), "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470");
});

test("parts hash like their concatenation, natively as in noble", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 90 }), { maxLength: 4 }), (parts) => {
      const whole = concat(...parts);
      assert.deepEqual(blake2s(...parts), nobleBlake2s(whole));
      assert.equal(blake2sHex(whole), toHex(nobleBlake2s(whole)));
      assert.deepEqual(sha256(...parts), nobleSha256(whole));
      assert.deepEqual(blake2b512(...parts), nobleBlake2b(whole));
    }),
  );
});

test("BLAKE2b without parameters but a length is the plain one", () => {
  assert.deepEqual(blake2b(utf8("abc"), { length: 64 }), blake2b512(utf8("abc")));
  assert.equal(toHex(blake2b(utf8("abc"), { length: 16 })), "cf4ab791c62b8d2b2109c90275287816");
});

test("results are plain and do not share the input's memory", () => {
  const input = Buffer.from("abc");
  const digest = blake2s(input);
  assert.equal(Object.getPrototypeOf(digest), Uint8Array.prototype);
  digest.fill(0);
  assert.equal(input.toString(), "abc");
});
