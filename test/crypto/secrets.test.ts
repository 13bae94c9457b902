import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { argon2id } from "@noble/hashes/argon2.js";
import fc from "fast-check";
import { toHex, utf8 } from "../../src/crypto/bytes.ts";
import { bytesEqual } from "../../src/crypto/equal.ts";
import { DEFAULT_PASSPHRASE_PARAMETERS, derivePassphraseKey } from "../../src/crypto/passphrase.ts";
import { Secret } from "../../src/crypto/secret.ts";

test("argon2id agrees with noble's", async () => {
  const parameters = { memoryKiB: 64, passes: 2, parallelism: 2 };
  const salt = utf8("sixteen bytes ok");
  const key = await derivePassphraseKey(utf8("correct horse"), salt, parameters);
  assert.equal(toHex(key), toHex(argon2id(utf8("correct horse"), salt, { m: 64, t: 2, p: 2, dkLen: 32 })));
});

test("the default cost is the one the design promises, and the salt matters", async () => {
  assert.deepEqual(DEFAULT_PASSPHRASE_PARAMETERS, { memoryKiB: 65536, passes: 3, parallelism: 1 });
  const cheap = { memoryKiB: 8, passes: 1, parallelism: 1 };
  const one = await derivePassphraseKey(utf8("p"), utf8("salt-one"), cheap);
  const two = await derivePassphraseKey(utf8("p"), utf8("salt-two"), cheap);
  assert.equal(one.length, 32);
  assert.notDeepEqual(one, two);
});

test("parameters that argon2 does not allow reject or throw, and give no key", async () => {
  const derive = async (salt: string, memoryKiB: number): Promise<Uint8Array> =>
    derivePassphraseKey(utf8("p"), utf8(salt), { memoryKiB, passes: 1, parallelism: 1 });
  await assert.rejects(derive("short", 8));
  await assert.rejects(derive("long enough", 1));
});

test("a secret shows its length only", () => {
  const bytes = utf8("canary-canary-canary-canary-cana");
  const secret = new Secret(bytes);
  const shown = [
    `${secret}`,
    JSON.stringify({ secret }),
    inspect(secret),
    inspect({ nested: { deeper: { secret } } }, { depth: 9, showHidden: true }),
    inspect(new Error("with a cause", { cause: secret })),
    Object.entries(secret).join(),
  ].join("\n");
  assert.match(shown, /Secret\(32\)/);
  for (const leak of ["canary", toHex(bytes), "99, 97, 110", "99,97,110"])
    assert.equal(shown.includes(leak), false, leak);
});

test("a secret is a copy, and can be wiped", () => {
  const bytes = Uint8Array.of(1, 2, 3);
  const secret = new Secret(bytes);
  bytes.fill(9);
  assert.deepEqual(secret.expose(), Uint8Array.of(1, 2, 3));
  secret.wipe();
  assert.deepEqual(secret.expose(), new Uint8Array(3));
});

test("bytesEqual is equality of bytes", () => {
  fc.assert(
    fc.property(fc.uint8Array(), fc.uint8Array(), (a, b) => {
      assert.equal(bytesEqual(a, a.slice()), true);
      assert.equal(bytesEqual(a, b), toHex(a) === toHex(b));
    }),
  );
});
