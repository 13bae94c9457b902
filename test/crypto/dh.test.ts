import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { fromHex, toHex } from "../../src/crypto/bytes.ts";
import { x25519, x25519Public } from "../../src/crypto/dh.ts";
import vectors from "../vectors/umbra-p1.json" with { type: "json" };

const bytes = (hex: string): Uint8Array => fromHex(hex)!;
const anyKey = fc.uint8Array({ minLength: 32, maxLength: 32 });

test("the iterated answers of RFC 7748 section 5.2", () => {
  let scalar = Uint8Array.of(9, ...new Uint8Array(31));
  let point = scalar;
  for (let round = 1; round <= 1000; round++) {
    const next = x25519(scalar, point)!;
    [point, scalar] = [scalar, next.slice()];
    if (round === 1) assert.equal(toHex(scalar), "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079");
  }
  assert.equal(toHex(scalar), "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51");
});

test("the profile's key pairs", () => {
  const { bundle, invite } = vectors;
  assert.equal(toHex(x25519Public(bytes(bundle.static_secret))), bundle.static_public);
  assert.equal(toHex(x25519Public(bytes(bundle.prekey_secret))), bundle.prekey_public);
  assert.equal(toHex(x25519Public(bytes(invite.noise_e_secret))), invite.noise_e_public);
  assert.equal(toHex(x25519Public(bytes(invite.sender_static_secret))), invite.sender_static_public);
});

test("both sides get the same secret", () => {
  fc.assert(
    fc.property(anyKey, anyKey, (a, b) => {
      assert.deepEqual(x25519(a, x25519Public(b)), x25519(b, x25519Public(a)));
    }),
    { numRuns: 30 },
  );
});

test("every key of small order gives undefined, in every spelling", () => {
  const lowOrder = [
    "00".repeat(32),
    `01${"00".repeat(31)}`,
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    `ec${"ff".repeat(30)}7f`,
    `ed${"ff".repeat(30)}7f`,
    `ee${"ff".repeat(30)}7f`,
  ].map(bytes);
  fc.assert(
    fc.property(anyKey, (secret) => {
      for (const publicKey of lowOrder) {
        assert.equal(x25519(secret, publicKey), undefined, toHex(publicKey));
        // RFC 7748: the top bit is masked.
        const other = publicKey.slice();
        other[31]! |= 0x80;
        assert.equal(x25519(secret, other), undefined, toHex(other));
      }
    }),
    { numRuns: 10 },
  );
});

test("a public key of another length is a refusal; a secret of another length is our bug", () => {
  const secret = new Uint8Array(32).fill(1);
  for (const length of [0, 31, 33]) {
    assert.equal(x25519(secret, new Uint8Array(length).fill(9)), undefined);
    assert.throws(() => x25519Public(new Uint8Array(length)), RangeError);
    assert.throws(() => x25519(new Uint8Array(length), secret), RangeError);
  }
});
