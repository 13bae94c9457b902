import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { fromHex, toHex, utf8 } from "../../src/crypto/bytes.ts";
import { ed25519Public, ed25519Sign, ed25519Verify, isSmallOrder } from "../../src/crypto/sign.ts";
import vectors from "../vectors/umbra-p1.json" with { type: "json" };

const bytes = (hex: string): Uint8Array => fromHex(hex)!;
const anySeed = fc.uint8Array({ minLength: 32, maxLength: 32 });
const prime = 2n ** 255n - 19n;
const order = 2n ** 252n + 27742317777372353535851937790883648493n;

function littleEndian32(value: bigint): Uint8Array {
  return bytes(value.toString(16).padStart(64, "0")).reverse();
}

function fromLittleEndian(value: Uint8Array): bigint {
  return BigInt(`0x${toHex(value.slice().reverse())}`);
}

test("the answers of RFC 8032 section 7.1, tests 1 and 2", () => {
  const answers = [
    {
      seed: "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
      publicKey: "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
      message: "",
      signature:
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    },
    {
      seed: "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
      publicKey: "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
      message: "72",
      signature:
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    },
  ];
  for (const { seed, publicKey, message, signature } of answers) {
    assert.equal(toHex(ed25519Public(bytes(seed))), publicKey);
    assert.equal(toHex(ed25519Sign(bytes(seed), bytes(message))), signature);
    assert.equal(ed25519Verify(bytes(publicKey), bytes(message), bytes(signature)), true);
  }
});

test("the profile's identity of Raya", () => {
  assert.equal(toHex(ed25519Public(bytes(vectors.bundle.identity_seed))), vectors.addresses[3]!.client_address);
});

test("a signature holds for its key, message and bytes only", () => {
  fc.assert(
    fc.property(
      anySeed,
      fc.uint8Array({ minLength: 1, maxLength: 80 }),
      fc.nat(),
      fc.nat(7),
      (seed, message, at, bit) => {
        const publicKey = ed25519Public(seed);
        const signature = ed25519Sign(seed, message);
        assert.equal(ed25519Verify(publicKey, message, signature), true);
        for (const part of [publicKey, message, signature]) {
          const index = at % part.length;
          part[index]! ^= 1 << bit;
          assert.equal(ed25519Verify(publicKey, message, signature), false);
          part[index]! ^= 1 << bit;
        }
      },
    ),
    { numRuns: 40 },
  );
});

test("S + L, which the same equation accepts, is refused", () => {
  const seed = new Uint8Array(32).fill(7);
  const signature = ed25519Sign(seed, utf8("m"));
  signature.set(littleEndian32(fromLittleEndian(signature.subarray(32)) + order), 32);
  assert.equal(ed25519Verify(ed25519Public(seed), utf8("m"), signature), false);
});

/** Goal: no key of small order, in any spelling, verifies anything. Method: all y of the eight points, with both signs. */
const smallOrderKeys: Uint8Array[] = [];
const orderEight = fromLittleEndian(bytes("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"));
for (const y of [0n, 1n, prime - 1n, prime, prime + 1n, orderEight, prime - orderEight]) {
  for (const sign of [0n, 1n]) smallOrderKeys.push(littleEndian32(y | (sign << 255n)));
}

test("the y of order 8 in this test is one: doubling its point gives y = 0", () => {
  // With a = −1, y(2P) = 0 means x² = −y², which put into the curve equation leaves d·y⁴ + 2·y² − 1 = 0.
  const square = (orderEight * orderEight) % prime;
  assert.equal((-121665n * square * square + 121666n * (2n * square - 1n)) % prime, 0n);
});

test("keys of small order are recognised in every spelling, and no other key is", () => {
  assert.equal(new Set(smallOrderKeys.map(toHex)).size, 14);
  for (const key of smallOrderKeys) assert.equal(isSmallOrder(key), true, toHex(key));
  fc.assert(
    fc.property(anySeed, (seed) => assert.equal(isSmallOrder(ed25519Public(seed)), false)),
    { numRuns: 30 },
  );
  assert.equal(isSmallOrder(new Uint8Array(31)), false);
});

test("a key of small order signs nothing", () => {
  // S = 0 with R = identity satisfies the equation for A = identity whatever the message.
  const signature = new Uint8Array(64);
  signature[0] = 1;
  for (const key of smallOrderKeys) {
    for (let attempt = 0; attempt < 8; attempt++) {
      assert.equal(ed25519Verify(key, Uint8Array.of(attempt), signature), false, toHex(key));
    }
  }
});

test("non-canonical keys are refused", () => {
  // y + p still fits into 255 bits for y below 19; 3 and 4 are y of points that are not of small order.
  for (const y of [3n, 4n, 5n, 6n, 9n, 10n]) {
    assert.equal(ed25519Verify(littleEndian32(y + prime), utf8("m"), new Uint8Array(64)), false);
  }
});

test("verification never throws", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 34 }),
      fc.uint8Array({ minLength: 32, maxLength: 32 }),
      fc.uint8Array(),
      fc.uint8Array({ minLength: 63, maxLength: 65 }),
      (oddKey, key, message, signature) => {
        assert.equal(ed25519Verify(oddKey, message, signature), false);
        assert.equal(ed25519Verify(key, message, signature), false);
      },
    ),
  );
});
