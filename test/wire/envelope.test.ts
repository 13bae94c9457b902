import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { concat, fromHex, toHex } from "../../src/crypto/bytes.ts";
import { decodeEnvelope, ENVELOPE_BYTES_MAX, type Envelope, encodeEnvelope } from "../../src/wire/envelope.ts";
import { umbra } from "../../src/wire/gen/umbra.js";
import type { Hint } from "../../src/wire/ids.ts";
import vectors from "../vectors/umbra-p1.json" with { type: "json" };
import { assertRefused, assertTotal, hostileBytes, readableValue } from "./hostile-bytes.ts";
import { delimited, number, tag, varint } from "./protobuf-bytes.ts";

const bytes = (hex: string): Uint8Array => fromHex(hex)!;
const hintText = "9ad726b5390f99378f2136024d0e3c2ac82a9696477167df9e3b38ef92c205dd";
const hint = hintText as Hint;
const payload = delimited(1, Uint8Array.of(0, 0x11, 0x22, 0x33));
const read = (...parts: Uint8Array[]) => decodeEnvelope(concat(...parts));
const samples = [
  vectors.envelopes.D0_seed_spec_plaintext,
  vectors.envelopes.D0_seed_spec_opaque,
  vectors.exchange.reply_envelope,
  vectors.invite.envelope,
].map(bytes);

test("the published envelopes of our dialect, both ways", () => {
  const salt = 0xdeadbeef;
  const plaintext: Envelope = { hint, salt, encryptedBytes: { member: "plaintext", bytes: Buffer.from("hi") } };
  assert.equal(toHex(encodeEnvelope(plaintext)), vectors.envelopes.D0_seed_spec_plaintext);
  const opaque = bytes("00112233");
  const encrypted: Envelope = { hint, salt, encryptedBytes: { member: "encrypted_bytes", bytes: opaque } };
  assert.equal(toHex(encodeEnvelope(encrypted)), vectors.envelopes.D0_seed_spec_opaque);
  assert.deepEqual(readableValue(decodeEnvelope(bytes(vectors.envelopes.D0_seed_spec_opaque))), encrypted);
  for (const sample of samples) {
    assert.equal(toHex(encodeEnvelope(readableValue(decodeEnvelope(sample)))), toHex(sample));
  }
});

test("the published invite and reply carry what the profile says", () => {
  const invite = readableValue(decodeEnvelope(bytes(vectors.invite.envelope)));
  assert.equal(invite.salt, vectors.invite.salt);
  assert.ok(invite.encryptedBytes.member === "ecies");
  assert.equal(toHex(invite.encryptedBytes.ephemeralPublic), vectors.invite.noise_e_public);
  assert.equal(toHex(invite.encryptedBytes.keyRef!), vectors.invite.key_ref);
  const reply = readableValue(decodeEnvelope(bytes(vectors.exchange.reply_envelope)));
  assert.equal(reply.hint, vectors.exchange.reply_hint);
  assert.equal(reply.salt, vectors.exchange.reply_salt);
});

test("other dialects are unsupported, the oldest is badly formed", () => {
  const { envelopes } = vectors;
  assertRefused(decodeEnvelope(bytes(envelopes.D1_proto_plaintext)), "unsupported", "dialect d1");
  assertRefused(decodeEnvelope(bytes(envelopes.D1_umbra_poc)), "unsupported", "dialect d1");
  assertRefused(decodeEnvelope(bytes(envelopes.D2_wap_spec)), "unsupported", "dialect d2");
  assertRefused(decodeEnvelope(bytes(envelopes.Dm1_nonce100)), "unsupported", "dialect d-1");
  assertRefused(decodeEnvelope(bytes(envelopes.Dm2_taggedpayload)), "badly-formed", "wire type");
});

test("none or several payload fields are badly formed", () => {
  assertRefused(read(), "badly-formed", "no dialect");
  assertRefused(read(delimited(1, hintText), number(2, 1)), "badly-formed", "no dialect");
  for (const first of [3, 5, 10, 100]) {
    for (const second of [3, 5, 10, 100]) {
      const both = read(delimited(1, hintText), delimited(first, payload), delimited(second, payload));
      assertRefused(both, "badly-formed", "several dialects");
    }
  }
});

test("singular fields twice, wrong wire types, wide salts and invalid UTF-8 are badly formed", () => {
  const good = [delimited(1, hintText), number(2, 7), delimited(10, payload)];
  assert.equal(read(...good).kind, "readable");
  assertRefused(read(...good, delimited(1, hintText)), "badly-formed", "field repeated");
  assertRefused(read(...good, number(2, 7)), "badly-formed", "field repeated");
  assertRefused(read(number(2, 0), number(2, 0)), "badly-formed", "field repeated");
  assertRefused(read(delimited(1, ""), delimited(1, "")), "badly-formed", "field repeated");
  for (const field of [1, 3, 5, 10, 100]) {
    for (const wrong of [number(field, 1), concat(tag(field, 5), new Uint8Array(4))]) {
      assertRefused(read(number(2, 7), wrong), "badly-formed", "wire type");
    }
  }
  assertRefused(
    read(delimited(1, hintText), delimited(2, "abcd"), delimited(10, payload)),
    "badly-formed",
    "wire type",
  );
  assertRefused(read(number(2, 2 ** 32), delimited(10, payload)), "badly-formed", "uint32 range");
  for (const field of [10, 5]) {
    assertRefused(read(delimited(1, Uint8Array.of(0xff)), delimited(field, payload)), "badly-formed", "utf-8");
  }
});

test("hints of another form belong to other dialects", () => {
  for (const text of [
    "",
    "/private/amal|bola",
    hintText.toUpperCase(),
    hintText.slice(1),
    `${hintText}0`,
    "é".repeat(32),
  ]) {
    assertRefused(read(delimited(1, text), delimited(10, payload)), "unsupported", "clear hint");
  }
});

test("members: exactly one, known, and complete", () => {
  const envelope = (...members: Uint8Array[]) => read(delimited(1, hintText), delimited(10, concat(...members)));
  const ephemeral = delimited(2, new Uint8Array(32));
  const mac = delimited(3, new Uint8Array(16));
  assertRefused(envelope(), "badly-formed", "no member");
  assertRefused(envelope(delimited(7, "new")), "unsupported", "encrypted-bytes member");
  assertRefused(envelope(payload, payload), "badly-formed", "field repeated");
  assertRefused(envelope(payload, delimited(2, "")), "badly-formed", "oneof repeated");
  assertRefused(envelope(number(1, 1)), "badly-formed", "wire type");
  assert.equal(envelope(payload, delimited(7, "new")).kind, "readable");
  assert.equal(envelope(delimited(3, concat(ephemeral, mac))).kind, "readable");
  assertRefused(envelope(delimited(3, mac)), "badly-formed", "missing field");
  assertRefused(envelope(delimited(3, ephemeral)), "badly-formed", "missing field");
  for (const length of [0, 3, 5]) {
    const keyRef = delimited(4, new Uint8Array(length));
    assertRefused(envelope(delimited(3, concat(ephemeral, mac, keyRef))), "badly-formed", "size");
  }
});

test("unknown fields and non-minimal varints are accepted", () => {
  const value = readableValue(
    read(
      delimited(99, "?"),
      concat(varint(10, 2), varint(64, 1), Buffer.from(hintText)),
      concat(tag(2, 0), varint(7, 8)),
      delimited(10, payload),
      number(4, 1),
    ),
  );
  assert.equal(value.salt, 7);
});

test("150 KiB is the limit", () => {
  const overhead = read(delimited(1, hintText), delimited(10, payload)).kind;
  assert.equal(overhead, "readable");
  const filler = (length: number): Uint8Array =>
    concat(delimited(1, hintText), delimited(10, payload), delimited(9, new Uint8Array(length)));
  const base = filler(ENVELOPE_BYTES_MAX - 1000).length - (ENVELOPE_BYTES_MAX - 1000);
  const largest = filler(ENVELOPE_BYTES_MAX - base);
  assert.equal(largest.length, ENVELOPE_BYTES_MAX);
  assert.equal(decodeEnvelope(largest).kind, "readable");
  assertRefused(decodeEnvelope(concat(largest, new Uint8Array(1))), "badly-formed", "too large");
});

test("salts are uint32 or our bug", () => {
  for (const salt of [-1, 2 ** 32, 1.5, Number.NaN]) {
    assert.throws(
      () => encodeEnvelope({ hint, salt, encryptedBytes: { member: "encrypted_bytes", bytes: payload } }),
      RangeError,
    );
  }
});

const fixed = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const encryptedBytes = fc.oneof(
  fc.record({ member: fc.constant("encrypted_bytes" as const), bytes: fc.uint8Array() }),
  fc.record({ member: fc.constant("plaintext" as const), bytes: fc.uint8Array() }),
  fc.record(
    {
      member: fc.constant("ecies" as const),
      bytes: fc.uint8Array(),
      ephemeralPublic: fixed(32),
      tag: fixed(16),
      keyRef: fixed(4),
    },
    { requiredKeys: ["member", "bytes", "ephemeralPublic", "tag"] },
  ),
);
const envelopes = fc.record({
  hint: fixed(32).map((raw) => toHex(raw) as Hint),
  salt: fc.nat(0xffffffff),
  encryptedBytes,
});

test("what is encoded decodes to the same", () => {
  fc.assert(
    fc.property(envelopes, (envelope) => {
      const plainRecord = { ...envelope, encryptedBytes: { ...envelope.encryptedBytes } } as Envelope;
      assert.deepEqual(readableValue(decodeEnvelope(encodeEnvelope(plainRecord))), plainRecord);
    }),
  );
});

test("decoding is total", () => assertTotal(decodeEnvelope, samples, 5000));

test("whatever is readable, protobufjs reads the same", () => {
  let compared = 0;
  fc.assert(
    fc.property(hostileBytes(samples), (raw) => {
      const decoded = decodeEnvelope(raw);
      if (decoded.kind !== "readable") return;
      compared += 1;
      const theirs = umbra.v1.UmbraEnvelopeV1.decode(raw);
      const { hint: ourHint, salt, encryptedBytes: ours } = decoded.value;
      assert.equal(ourHint, theirs.conversationHint);
      assert.equal(salt, theirs.salt);
      const member = theirs.encryptedBytes!;
      const theirBytes = member.encryptedBytes ?? member.plaintext?.payload ?? member.ecies?.encryptedBytes;
      assert.equal(toHex(ours.bytes), toHex(theirBytes ?? new Uint8Array(0)));
      if (ours.member === "ecies") assert.equal(toHex(ours.tag), toHex(member.ecies!.tag!));
    }),
    { numRuns: 5000 },
  );
  assert.ok(compared > 30, `only ${compared} compared`);
});

test("nothing kept points into the input", () => {
  const input = Buffer.from(vectors.invite.envelope, "hex");
  const before = readableValue(decodeEnvelope(input));
  const copy = structuredClone(before);
  input.fill(0);
  assert.deepEqual(before, copy);
});
