import assert from "node:assert/strict";
import { test } from "node:test";
import { toHex } from "../../../src/crypto/bytes.ts";
import { ratchetedIdentifier, WINDOW } from "../../../src/protocol/private-identifier/ratcheted-identifier.ts";
import { hex, vectors } from "../vectors.ts";

test("ratcheted identifiers equal the published vectors", () => {
  const headerKey = hex(vectors.ratchet_hints.HK);
  assert.equal(vectors.ratchet_hints.list.length, 5);
  for (const { i, salt, rid, hint } of vectors.ratchet_hints.list) {
    const made = ratchetedIdentifier(headerKey, i);
    assert.deepEqual({ salt: made.salt, rid: toHex(made.rid), hint: toHex(made.hint) }, { salt, rid, hint });
  }
});

test("the registered window is the profile's", () => {
  assert.equal(WINDOW, 16);
});

test("numbers and header keys give unrelated hints", () => {
  const seen = new Set<string>();
  for (const key of [new Uint8Array(32), new Uint8Array(32).fill(1)]) {
    for (let n = 0; n < 200; n++) seen.add(toHex(ratchetedIdentifier(key, n).hint));
  }
  assert.equal(seen.size, 400);
});
