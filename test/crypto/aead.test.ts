import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { aeadOpen, aeadSeal } from "../../src/crypto/aead.ts";
import { fromHex, toHex, utf8 } from "../../src/crypto/bytes.ts";

const key = fc.uint8Array({ minLength: 32, maxLength: 32 });
const nonce = fc.uint8Array({ minLength: 12, maxLength: 12 });

test("the answer of RFC 8439 section 2.8.2", () => {
  const plaintext = utf8(
    "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.",
  );
  const sealed = aeadSeal(
    fromHex("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f")!,
    fromHex("070000004041424344454647")!,
    plaintext,
    fromHex("50515253c0c1c2c3c4c5c6c7")!,
  );
  assert.equal(
    toHex(sealed),
    "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc3ff4def08e4b7a9de576d26586cec64b61161ae10b594f09e26a7e902ecbd0600691",
  );
});

test("what was sealed opens, and inputs are left alone", () => {
  fc.assert(
    fc.property(key, nonce, fc.uint8Array({ maxLength: 300 }), fc.uint8Array(), (k, n, plaintext, associated) => {
      const inputs = [k, n, plaintext, associated].map(toHex);
      const sealed = aeadSeal(k, n, plaintext, associated);
      assert.equal(sealed.length, plaintext.length + 16);
      assert.deepEqual(aeadOpen(k, n, sealed, associated), plaintext);
      assert.deepEqual([k, n, plaintext, associated].map(toHex), inputs);
    }),
  );
});

test("one flipped bit anywhere does not open", () => {
  fc.assert(
    fc.property(
      key,
      nonce,
      fc.uint8Array({ minLength: 1, maxLength: 64 }),
      fc.nat(),
      fc.nat(7),
      (k, n, plaintext, at, bit) => {
        const associated = utf8("associated");
        const sealed = aeadSeal(k, n, plaintext, associated);
        for (const part of [k, n, sealed, associated]) {
          const index = at % part.length;
          part[index]! ^= 1 << bit;
          assert.equal(aeadOpen(k, n, sealed, associated), undefined);
          part[index]! ^= 1 << bit;
        }
        assert.deepEqual(aeadOpen(k, n, sealed, associated), plaintext);
      },
    ),
  );
});

test("bytes of any length are a refusal, not an exception", () => {
  fc.assert(
    fc.property(key, fc.uint8Array({ maxLength: 14 }), fc.uint8Array({ maxLength: 40 }), (k, n, sealed) => {
      assert.equal(aeadOpen(k, n, sealed, new Uint8Array(0)), undefined);
    }),
  );
});
