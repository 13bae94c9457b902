import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { PADDING_BLOCK, pad, unpad } from "../../../src/protocol/double-ratchet/padding.ts";

test("padding round-trips, ends on a block and adds at most one block", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (plaintext) => {
      const padded = pad(plaintext);
      assert.equal(padded.length % PADDING_BLOCK, 0);
      assert.ok(padded.length > plaintext.length && padded.length <= plaintext.length + PADDING_BLOCK);
      assert.deepEqual(unpad(padded), plaintext);
    }),
  );
});

test("padding is 0x80, then zeros", () => {
  assert.deepEqual([...pad(new Uint8Array(127)).slice(126)], [0, 0x80]);
  assert.equal(pad(new Uint8Array(128)).length, 256);
  assert.deepEqual([...pad(new Uint8Array(0)).slice(0, 2)], [0x80, 0]);
});

test("only what pad makes is unpadded", () => {
  assert.equal(unpad(new Uint8Array(0)), undefined);
  assert.equal(unpad(new Uint8Array(128)), undefined, "no marker");
  assert.equal(unpad(new Uint8Array(128).fill(1)), undefined, "another marker");
  assert.equal(unpad(pad(new Uint8Array(5)).slice(0, 100)), undefined, "not whole blocks");
  const longer = new Uint8Array(256);
  longer[127] = 0x80;
  assert.equal(unpad(longer), undefined, "more than a block of padding");
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      const plaintext = unpad(bytes);
      if (plaintext !== undefined) assert.deepEqual(pad(plaintext), bytes);
    }),
  );
});
