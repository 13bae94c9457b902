/** Frames inside the encryption: inbox, private and content (profile 8.7, 8.8). */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { concat, fromHex, toHex, utf8 } from "../../src/crypto/bytes.ts";
import {
  type ContentFrame,
  decodeContentFrame,
  encodeContentFrame,
  textContent,
  textOf,
} from "../../src/wire/content-frame.ts";
import { decodeInboxFrame, encodeInboxFrame, type InboxFrame } from "../../src/wire/inbox-frame.ts";
import { decodePrivateFrame, encodePrivateFrame, type PrivateFrame } from "../../src/wire/private-frame.ts";
import vectors from "../vectors/umbra-p1.json" with { type: "json" };
import { assertRefused, assertTotal, readableValue } from "./hostile-bytes.ts";
import { delimited, number } from "./protobuf-bytes.ts";

const bundle = fromHex(vectors.bundle.encoded)!;
const publishedFrame = fromHex(vectors.invite.frame)!;
const invite: InboxFrame = {
  recipient: vectors.addresses[3]!.client_address,
  invite: {
    participants: [vectors.addresses[3]!.client_address, vectors.addresses[2]!.client_address],
    discriminator: "default",
    initialMessage: { member: "encrypted_bytes", bytes: fromHex(vectors.invite.first_blob)! },
    contactBundle: bundle,
    createdAtMs: 1_763_800_000_000,
  },
};

test("the published private frame, both ways", () => {
  const frame: PrivateFrame = {
    conversationId: vectors.invite.conversation_id,
    timestampMs: 1_763_800_000_000,
    kind: "content",
    content: textContent("Hello Raya"),
  };
  assert.equal(toHex(encodePrivateFrame(frame)), vectors.invite.frame);
  assert.deepEqual(readableValue(decodePrivateFrame(publishedFrame)), frame);
});

test("the invite's payload has the published length", () => {
  // The published bundle is Raya's; Saro's, which the published payload carries, has equally many bytes.
  assert.equal(encodeInboxFrame(invite).length, vectors.invite.payload_len);
});

const contents = fc.record(
  { domain: fc.nat(0xffffffff), tag: fc.nat(0xffffffff), bytes: fc.uint8Array() },
  { noNullPrototype: true },
);

test("private frames of every kind decode to what was encoded", () => {
  const member = fc.oneof(
    contents.map((content) => ({ kind: "content" as const, content })),
    fc.nat(0xffffffff).map((counter) => ({ kind: "placeholder" as const, counter })),
    fc.uint8Array().map((some) => ({ kind: "contact-bundle" as const, bundle: some })),
  );
  const head = fc.record(
    { conversationId: fc.string({ unit: "binary", minLength: 1, maxLength: 40 }), timestampMs: fc.maxSafeNat() },
    { requiredKeys: ["timestampMs"], noNullPrototype: true },
  );
  fc.assert(
    fc.property(head, member, (some, rest) => {
      const frame: PrivateFrame = { ...some, ...rest };
      assert.deepEqual(readableValue(decodePrivateFrame(encodePrivateFrame(frame))), frame);
    }),
  );
});

test("private frames: refusals", () => {
  const content = delimited(10, "");
  assert.equal(decodePrivateFrame(content).kind, "readable");
  assertRefused(decodePrivateFrame(new Uint8Array(0)), "unsupported", "private frame type");
  assertRefused(decodePrivateFrame(concat(number(3, 1), delimited(13, "new"))), "unsupported", "private frame type");
  assertRefused(decodePrivateFrame(concat(content, delimited(11, ""))), "badly-formed", "oneof repeated");
  assertRefused(decodePrivateFrame(concat(content, content)), "badly-formed", "field repeated");
  assertRefused(decodePrivateFrame(delimited(10, number(1, 2 ** 32))), "badly-formed", "uint32 range");
  assertRefused(decodePrivateFrame(delimited(10, Uint8Array.of(0xff))), "badly-formed", "tag");
  assertRefused(decodePrivateFrame(concat(number(3, 2n ** 53n), content)), "badly-formed", "uint64 range");
  assertRefused(decodePrivateFrame(concat(delimited(1, "x".repeat(257)), content)), "badly-formed", "too long");
  assertRefused(decodePrivateFrame(delimited(12, new Uint8Array(5000))), "badly-formed", "too long");
});

test("a known member beside an unknown field is read", () => {
  const frame = concat(delimited(10, encodeContentFrame(textContent("x"))), delimited(13, "new"));
  const value = readableValue(decodePrivateFrame(frame));
  assert.equal(value.kind === "content" && textOf(value.content), "x");
});

test("invites decode to what was encoded, with and without a first message", () => {
  assert.deepEqual(readableValue(decodeInboxFrame(encodeInboxFrame(invite))), invite);
  const { initialMessage: _, ...silent } = invite.invite;
  const frame = { ...invite, invite: silent };
  assert.deepEqual(readableValue(decodeInboxFrame(encodeInboxFrame(frame))), frame);
});

test("invites: refusals", () => {
  const withBundle = (...parts: Uint8Array[]) =>
    decodeInboxFrame(delimited(10, concat(delimited(16, bundle), ...parts)));
  assert.equal(withBundle().kind, "readable");
  assertRefused(decodeInboxFrame(delimited(1, "amal")), "unsupported", "inbox frame type");
  assertRefused(decodeInboxFrame(delimited(11, "note")), "unsupported", "inbox frame type");
  assertRefused(decodeInboxFrame(delimited(10, "")), "badly-formed", "missing field");
  assertRefused(decodeInboxFrame(concat(delimited(10, ""), delimited(10, ""))), "badly-formed");
  assertRefused(withBundle(delimited(1, "a"), delimited(1, "b"), delimited(1, "c")), "badly-formed", "too many");
  assertRefused(withBundle(delimited(6, "")), "badly-formed", "no member");
  assertRefused(withBundle(delimited(6, delimited(9, ""))), "unsupported", "encrypted-bytes member");
  assertRefused(withBundle(delimited(16, bundle)), "badly-formed", "field repeated");
  assertRefused(withBundle(number(17, 2n ** 53n)), "badly-formed", "uint64 range");
});

test("times that are no times are our bug", () => {
  for (const timestampMs of [-1, 1.5, 2 ** 53, Number.NaN]) {
    assert.throws(() => encodePrivateFrame({ timestampMs, kind: "placeholder", counter: 0 }), RangeError);
    const late = { ...invite, invite: { ...invite.invite, createdAtMs: timestampMs } };
    assert.throws(() => encodeInboxFrame(late), RangeError);
  }
});

test("content frames and texts", () => {
  fc.assert(
    fc.property(contents, (content) => {
      assert.deepEqual(readableValue(decodeContentFrame(encodeContentFrame(content))), content);
    }),
  );
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => assert.equal(textOf(textContent(text)), text)));
  assert.equal(toHex(encodeContentFrame(textContent("Hello Raya"))), "10051a0c0a0a48656c6c6f2052617961");
  assert.equal(textOf(textContent("lone \ud800 surrogate")), "lone \ufffd surrogate");
  assert.equal(textOf(textContent("")), "");
  const notText: ContentFrame[] = [
    { domain: 1, tag: 5, bytes: textContent("x").bytes },
    { domain: 0, tag: 6, bytes: textContent("x").bytes },
    { domain: 0, tag: 5, bytes: utf8("no protobuf") },
    { domain: 0, tag: 5, bytes: delimited(1, Uint8Array.of(0xff)) },
  ];
  for (const content of notText) assert.equal(textOf(content), undefined);
  for (const tag of [-1, 2 ** 32, 0.5]) {
    assert.throws(() => encodeContentFrame({ domain: 0, tag, bytes: new Uint8Array(0) }), RangeError);
  }
});

test("decoding is total", () => {
  assertTotal(decodePrivateFrame, [publishedFrame]);
  assertTotal(decodeInboxFrame, [encodeInboxFrame(invite)]);
  assertTotal(decodeContentFrame, [encodeContentFrame(textContent("Hello"))]);
});
