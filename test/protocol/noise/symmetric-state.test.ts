import assert from "node:assert/strict";
import { test } from "node:test";
import { aeadSeal } from "../../../src/crypto/aead.ts";
import { concat, utf8 } from "../../../src/crypto/bytes.ts";
import { blake2s } from "../../../src/crypto/hash.ts";
import { hmacBlake2s } from "../../../src/crypto/kdf.ts";
import { SymmetricState } from "../../../src/protocol/noise/symmetric-state.ts";

const shared = blake2s(utf8("shared secret"));

test("MixKey is the Noise specification's HKDF with two outputs", () => {
  const state = new SymmetricState();
  const { ck, h } = state.export();
  state.mixKey(shared);
  const temporary = hmacBlake2s(ck, shared);
  const first = hmacBlake2s(temporary, Uint8Array.of(1));
  const second = hmacBlake2s(temporary, first, Uint8Array.of(2));
  assert.deepEqual(state.export(), { ck: first, h });
  const sealed = state.encryptAndHash(utf8("plain"));
  assert.deepEqual(sealed, aeadSeal(second, new Uint8Array(12), utf8("plain"), h));
  assert.deepEqual(state.export().h, blake2s(h, sealed));
});

test("the counter of the nonce is little-endian, goes up, and starts again with each key", () => {
  const state = new SymmetricState();
  state.mixKey(shared);
  const key = hmacBlake2s(hmacBlake2s(blakeName(), shared), state.export().ck, Uint8Array.of(2));
  const nonce = (counter: number) => concat(new Uint8Array(4), Uint8Array.of(counter), new Uint8Array(7));
  for (const counter of [0, 1, 2]) {
    const { h } = state.export();
    assert.deepEqual(state.encryptAndHash(utf8("plain")), aeadSeal(key, nonce(counter), utf8("plain"), h));
  }
});

test("a copy goes on by itself, and the cipher needs a key", () => {
  const state = new SymmetricState();
  assert.throws(() => state.encryptAndHash(shared));
  state.mixKey(shared);
  const before = state.export();
  const twin = state.copy();
  assert.deepEqual(twin.decryptAndHash(state.encryptAndHash(utf8("plain"))), utf8("plain"));
  assert.deepEqual(twin.export(), state.export());
  assert.notDeepEqual(state.export(), before);
  assert.equal(twin.decryptAndHash(new Uint8Array(16)), undefined);
});

function blakeName(): Uint8Array {
  return new SymmetricState().export().ck;
}
