import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { concat, fromHex, toBase64Url, toHex, utf8 } from "../../src/crypto/bytes.ts";
import { ed25519Public, ed25519Sign } from "../../src/crypto/sign.ts";
import {
  BUNDLE_BYTES_MAX,
  bundleFromText,
  bundleToText,
  type ContactBundle,
  decodeBundle,
  signBundle,
} from "../../src/wire/contact-bundle.ts";
import { bucketTopic } from "../../src/wire/content-topic.ts";
import { type ContentTopic, type InboxAddress, inboxAddressOf } from "../../src/wire/ids.ts";
import vectors from "../vectors/umbra-p1.json" with { type: "json" };
import { assertRefused, assertTotal, readableValue } from "./hostile-bytes.ts";
import { delimited, number } from "./protobuf-bytes.ts";

const bytes = (hex: string): Uint8Array => fromHex(hex)!;
const seed = bytes(vectors.bundle.identity_seed);
const encoded = bytes(vectors.bundle.encoded);
const raya: ContactBundle = {
  identityKey: ed25519Public(seed),
  staticKey: bytes(vectors.bundle.static_public),
  prekey: bytes(vectors.bundle.prekey_public),
  multiUse: false,
  notAfterMs: 1_800_000_000_000,
  contentTopics: ["/umbra/1/b8-0b/proto" as ContentTopic],
  conversationTypes: ["/private/v1"],
};

/** A bundle whose signature is right whatever its body is. */
function signedBody(...parts: Uint8Array[]): Uint8Array {
  const body = concat(...parts);
  return concat(delimited(1, body), delimited(2, ed25519Sign(seed, concat(utf8("umbra/bundle/v1\0"), body))));
}

const keys = concat(delimited(1, raya.identityKey), delimited(2, raya.staticKey), delimited(3, raya.prekey));
const topic = delimited(6, "/umbra/1/b8-0b/proto");

test("the published bundle, signed, decoded and as text", () => {
  assert.equal(toHex(signBundle(seed, raya)), vectors.bundle.encoded);
  const signed = readableValue(decodeBundle(encoded));
  assert.deepEqual(signed.bundle, raya);
  assert.deepEqual(signed.bytes, encoded);
  assert.equal(bundleToText(encoded), vectors.bundle.text);
  assert.deepEqual(readableValue(bundleFromText(vectors.bundle.text)), signed);
  assert.deepEqual(readableValue(bundleFromText(`\n  ${vectors.bundle.text}\t\n`)), signed);
});

test("what is signed decodes to the same", () => {
  const key = fc.uint8Array({ minLength: 32, maxLength: 32 });
  const address = key.map((raw) => toHex(raw) as InboxAddress);
  const bundles = fc.record(
    {
      staticKey: key,
      prekey: key,
      multiUse: fc.boolean(),
      notAfterMs: fc.maxSafeNat(),
      contentTopics: fc.array(
        fc.tuple(address, fc.nat(16)).map(([inbox, bits]) => bucketTopic(inbox, bits)),
        { minLength: 1, maxLength: 4 },
      ),
      conversationTypes: fc.array(fc.string({ unit: "binary", maxLength: 20 }), { maxLength: 5 }),
      inboxAddress: address,
    },
    {
      requiredKeys: ["staticKey", "prekey", "multiUse", "notAfterMs", "contentTopics", "conversationTypes"],
      noNullPrototype: true,
    },
  );
  fc.assert(
    fc.property(key, bundles, (identitySeed, rest) => {
      const bundle = { ...rest, identityKey: ed25519Public(identitySeed) };
      const signed = signBundle(identitySeed, bundle);
      assert.deepEqual(readableValue(decodeBundle(signed)), { bundle, bytes: signed });
      assert.deepEqual(readableValue(bundleFromText(bundleToText(signed))).bundle, bundle);
    }),
    { numRuns: 50 },
  );
});

test("one changed byte of the body or the signature refuses the bundle", () => {
  for (let index = 0; index < encoded.length; index++) {
    const changed = encoded.slice();
    changed[index]! ^= 1;
    assertRefused(decodeBundle(changed), "badly-formed");
  }
  const bodyStart = 3;
  const changed = encoded.slice();
  changed[bodyStart + 2 + 32 + 5]! ^= 1;
  assertRefused(decodeBundle(changed), "badly-formed", "bundle-signature");
});

test("a signature by another key, over another label, or by a key of small order", () => {
  assertRefused(decodeBundle(signBundle(new Uint8Array(32), raya)), "badly-formed", "bundle-signature");
  const body = concat(keys, topic);
  const unlabelled = concat(delimited(1, body), delimited(2, ed25519Sign(seed, body)));
  assertRefused(decodeBundle(unlabelled), "badly-formed", "bundle-signature");
  const identity = new Uint8Array(32);
  identity[0] = 1;
  const anything = new Uint8Array(64);
  anything[0] = 1;
  const weak = concat(delimited(1, identity), delimited(2, raya.staticKey), delimited(3, raya.prekey), topic);
  assertRefused(decodeBundle(concat(delimited(1, weak), delimited(2, anything))), "badly-formed", "small-order key");
});

test("a rightly signed body is still held to its form", () => {
  assert.equal(decodeBundle(signedBody(keys, topic)).kind, "readable");
  assert.equal(decodeBundle(signedBody(keys, topic, delimited(30, "unknown"))).kind, "readable");
  assertRefused(decodeBundle(signedBody(keys)), "badly-formed", "no topic");
  assertRefused(decodeBundle(signedBody(keys, topic, topic, topic, topic, topic)), "badly-formed", "too many");
  assertRefused(decodeBundle(signedBody(keys, topic, delimited(6, "/other/1/x/proto"))), "badly-formed", "topic form");
  assertRefused(decodeBundle(signedBody(keys, topic, delimited(8, "amal"))), "badly-formed", "inbox address");
  const upper = inboxAddressOf("amal").toUpperCase();
  assertRefused(decodeBundle(signedBody(keys, topic, delimited(8, upper))), "badly-formed", "inbox address");
  assertRefused(decodeBundle(signedBody(keys, topic, number(5, 2n ** 53n))), "badly-formed", "uint64 range");
  assertRefused(decodeBundle(signedBody(keys, topic, number(4, 1), number(4, 1))), "badly-formed", "field repeated");
  const twoKeys = concat(delimited(1, raya.identityKey), delimited(2, raya.staticKey));
  assertRefused(decodeBundle(signedBody(twoKeys, topic)), "badly-formed", "missing field");
  assertRefused(decodeBundle(signedBody(twoKeys, delimited(3, "short"), topic)), "badly-formed", "size");
});

test("an empty inbox address is the default inbox", () => {
  const { bundle } = readableValue(decodeBundle(signedBody(keys, topic, delimited(8, ""))));
  assert.equal("inboxAddress" in bundle, false);
});

test("texts of other kinds and broken texts", () => {
  assertRefused(bundleFromText("logos_chatintro_1_CpABCiBx"), "unsupported", "link kind");
  assertRefused(bundleFromText("logos_umbraintro_2_CpABCiBx"), "unsupported", "link kind");
  assertRefused(bundleFromText("https://example.org/"), "badly-formed", "not a link");
  assertRefused(bundleFromText(""), "badly-formed", "not a link");
  assertRefused(bundleFromText(`${vectors.bundle.text}==`), "badly-formed", "base64url");
  assertRefused(bundleFromText(vectors.bundle.text.replace("_C", "_ C")), "badly-formed", "base64url");
  assertRefused(bundleFromText("logos_umbraintro_1_"), "badly-formed", "missing field");
  assertRefused(bundleFromText(vectors.bundle.text.slice(0, -2)), "badly-formed");
  assertRefused(bundleFromText(" ".repeat(10_000)), "badly-formed", "too large");
  assertRefused(bundleFromText(`logos_umbraintro_1_${toBase64Url(new Uint8Array(5000))}`), "badly-formed", "too large");
  assertRefused(decodeBundle(new Uint8Array(BUNDLE_BYTES_MAX + 1)), "badly-formed", "too large");
});

test("decoding is total, for bytes and for text", () => {
  assertTotal(decodeBundle, [encoded], 1000);
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (tail) => {
      for (const text of [tail, `logos_umbraintro_1_${tail}`]) assert.notEqual(bundleFromText(text).kind, "readable");
    }),
  );
});
