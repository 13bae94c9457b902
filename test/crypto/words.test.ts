// Goal: bytes survive the way over words; every mistake of a person is found, and its place said where it can be.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { fromWords, toWords } from "../../src/crypto/words.ts";

const secret = fc.uint8Array({ minLength: 32, maxLength: 32 });

test("what is written down is read again, whatever is between the words and in whatever letters", () => {
  fc.assert(
    fc.property(secret, fc.constantFrom(" ", "\n", " - ", ", "), fc.boolean(), (bytes, between, isLoud) => {
      const words = toWords(bytes);
      assert.equal(words.length, 18);
      assert.ok(
        words.every((word) => /^[bdfghjklmnprstvz][aiou][bdfghjklmnprstvz][aiou][bdfghjklmnprstvz]$/.test(word)),
      );
      const text = words.join(between);
      assert.deepEqual(fromWords(isLoud ? text.toUpperCase() : text, 32), bytes);
    }),
  );
});

test("a wrong, missing or moved word never gives another secret", () => {
  fc.assert(
    fc.property(secret, fc.nat(17), fc.nat(17), fc.nat(65_535), (bytes, at, other, value) => {
      const words = toWords(bytes);
      const replaced = words.with(at, toWords(Uint8Array.of(value >> 8, value & 255))[0] ?? "");
      if (replaced[at] !== words[at]) assert.equal(fromWords(replaced.join(" "), 32), "checksum");
      assert.equal(fromWords(words.toSpliced(at, 1).join(" "), 32), "count");
      assert.deepEqual(fromWords(words.with(at, "hello").join(" "), 32), { badWord: at + 1 });
      const [a = "", b = ""] = [words[at], words[other]];
      if (a !== b) assert.equal(fromWords(words.with(at, b).with(other, a).join(" "), 32), "checksum");
    }),
  );
});

test("the words of known bytes do not change: they are on somebody's paper", () => {
  assert.equal(toWords(new Uint8Array(32)).slice(0, 16).join(" "), Array(16).fill("babab").join(" "));
  assert.equal(toWords(new Uint8Array(32).fill(255))[0], "zuzuz");
  assert.equal(
    toWords(Uint8Array.from({ length: 32 }, (_, index) => index)).join(" "),
    "babad bamag bibaj bimal boban bomar bubat bumaz dabid damig dibij dimil dobin domir dubit dumiz ritok fosin",
  );
});
