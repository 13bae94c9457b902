import assert from "node:assert/strict";
import { createHmac, hkdfSync } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { toHex, utf8 } from "../../src/crypto/bytes.ts";
import { hkdfBlake2b, hkdfBlake2s, hmacBlake2s, kdfChain, kdfRoot } from "../../src/crypto/kdf.ts";

test("HMAC from one-shot hashes is OpenSSL's HMAC", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 150 }), fc.uint8Array({ maxLength: 200 }), fc.uint8Array(), (key, a, b) => {
      const expected = createHmac("blake2s256", key).update(a).update(b).digest("hex");
      assert.equal(toHex(hmacBlake2s(key, a, b)), expected);
    }),
  );
});

test("HMAC keys just below, at and above the block size", () => {
  for (const length of [0, 1, 63, 64, 65, 128]) {
    const key = new Uint8Array(length).fill(0xa5);
    assert.equal(
      toHex(hmacBlake2s(key, key)),
      createHmac("blake2s256", key).update(key).digest("hex"),
      `${length} bytes`,
    );
  }
  for (const length of [127, 128, 129]) {
    const salt = new Uint8Array(length).fill(0xa5);
    const expected = new Uint8Array(hkdfSync("blake2b512", salt, salt, salt, 64));
    assert.deepEqual(hkdfBlake2b({ salt, ikm: salt, info: salt, length: 64 }), expected, `${length} bytes`);
  }
});

test("HKDF is OpenSSL's HKDF for both hashes", () => {
  const some = fc.uint8Array({ maxLength: 140 });
  fc.assert(
    fc.property(some, some, some, fc.integer({ min: 1, max: 300 }), (salt, ikm, info, length) => {
      for (const [ours, name] of [
        [hkdfBlake2s, "blake2s256"],
        [hkdfBlake2b, "blake2b512"],
      ] as const) {
        const expected = new Uint8Array(hkdfSync(name, ikm, salt, info, length));
        assert.deepEqual(ours({ salt, ikm, info, length }), expected);
      }
    }),
  );
  const bytes = new Uint8Array(1);
  for (const length of [-1, 0, 1.5, 255 * 32 + 1]) {
    assert.throws(() => hkdfBlake2s({ salt: bytes, ikm: bytes, info: bytes, length }), RangeError);
  }
});

test("the root step: published answer for its KDF, and three different keys", () => {
  const rootKey = new Uint8Array(32).fill(0x11);
  const dh = new Uint8Array(32).fill(0x22);
  // libchat publishes this answer under its own label; the construction is the same.
  assert.equal(
    toHex(hkdfBlake2b({ salt: rootKey, ikm: dh, info: utf8("DoubleRatchetRootKey"), length: 64 })),
    "fc9578d127d1febbe6650a4899f2662b0eaf987abc757499a9f454eface44b9eb3b2f4b09190379095772fd09ae64e432ac8da59c7d88a255da14ece557834d4",
  );
  const step = kdfRoot(rootKey, dh);
  const okm = hkdfBlake2b({ salt: rootKey, ikm: dh, info: utf8("PrivateV1RootKey"), length: 96 });
  assert.equal(toHex(step.rootKey) + toHex(step.chainKey) + toHex(step.nextHeaderKey), toHex(okm));
});

test("the chain step: published answer", () => {
  const step = kdfChain(new Uint8Array(32).fill(0xff));
  assert.equal(toHex(step.messageKey), "da847bbfc87a352d0071a00e742f7cc1dad55603475f964d94f41524da334576");
  assert.equal(toHex(step.chainKey), "96f5434af30901f4851325d50b4882b79b019a34386cc1a721d0be10acfaa847");
});
