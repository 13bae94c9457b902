/** Ids, addresses, topics and hints against the published values (profile 11.1 to 11.3). */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { concat, fromHex, toHex, u32be, utf8 } from "../../src/crypto/bytes.ts";
import { BUCKET_BITS_MAX, bucketTopic, DEFAULT_BUCKET_BITS, parseBucketTopic } from "../../src/wire/content-topic.ts";
import { hintHex, hintOf } from "../../src/wire/conversation-hint.ts";
import {
  clientAddressOf,
  type InboxAddress,
  inboxAddressOf,
  inboxConversationId,
  isConversationId,
  parseClientAddress,
  parseHint,
  parseInboxAddress,
  parseMessageId,
  privateConversationId,
} from "../../src/wire/ids.ts";
import vectors from "../vectors/umbra-p1.json" with { type: "json" };
import { readableValue } from "./hostile-bytes.ts";

test("published addresses, ids and topics", () => {
  assert.equal(vectors.addresses.length, 4);
  for (const vector of vectors.addresses) {
    const address = inboxAddressOf(vector.client_address);
    assert.equal(address, vector.inbox_address);
    assert.equal(inboxConversationId(address), vector.conversation_id);
    assert.equal(bucketTopic(address), vector.content_topic_b8);
    assert.equal(bucketTopic(address, 12), vector.content_topic_b12);
    assert.equal(bucketTopic(address, 0), vector.content_topic_b0);
  }
  assert.equal(DEFAULT_BUCKET_BITS, 8);
});

test("published static hints and their preimages", () => {
  assert.equal(vectors.static_hints.length, 5);
  for (const { salt, conversation_id: id, hint, preimage } of vectors.static_hints) {
    assert.equal(toHex(hintOf(salt, utf8(id))), hint);
    assert.equal(hintHex(salt, utf8(id)), hint);
    if (preimage !== undefined) assert.equal(toHex(concat(u32be(salt), utf8(id))), preimage);
  }
});

test("published ratcheted hints", () => {
  assert.equal(vectors.ratchet_hints.list.length, 5);
  for (const { salt, rid, hint } of vectors.ratchet_hints.list) {
    assert.equal(hintHex(salt, fromHex(rid)!), hint);
  }
});

test("both forms of a hint are the same 32 bytes", () => {
  fc.assert(
    fc.property(fc.nat(0xffffffff), fc.uint8Array({ maxLength: 120 }), (salt, id) => {
      const hex = hintHex(salt, id);
      assert.equal(hex, toHex(hintOf(salt, id)));
      assert.equal(parseHint(hex), hex);
    }),
  );
});

test("topics that we make parse, and finer buckets refine coarser ones", () => {
  const address = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((raw) => toHex(raw) as InboxAddress);
  fc.assert(
    fc.property(address, fc.integer({ min: 1, max: BUCKET_BITS_MAX }), (inbox, bits) => {
      const topic = bucketTopic(inbox, bits);
      assert.equal(readableValue(parseBucketTopic(topic)), topic);
      const bucketAt = (n: number): number => Number.parseInt(bucketTopic(inbox, n).split("-")[1]!, 16);
      if (bits > 1) assert.equal(bucketAt(bits) >>> 1, bucketAt(bits - 1));
    }),
  );
  for (const bits of [-1, 17, 1.5, Number.NaN]) {
    assert.throws(() => bucketTopic(inboxAddressOf("amal"), bits), RangeError);
  }
});

test("a topic has one spelling", () => {
  for (const text of ["/umbra/1/b0/proto", "/umbra/1/b1-1/proto", "/umbra/1/b9-1ff/proto", "/umbra/1/b16-ffff/proto"]) {
    assert.equal(readableValue(parseBucketTopic(text)), text);
  }
  const wrong = [
    "",
    "/umbra/1/b0-0/proto",
    "/umbra/1/b0-/proto",
    "/umbra/1/b00/proto",
    "/umbra/1/b08-5e/proto",
    "/umbra/1/b8-5E/proto",
    "/umbra/1/b8-5/proto",
    "/umbra/1/b8-05e/proto",
    "/umbra/1/b8-5g/proto",
    "/umbra/1/b8/proto",
    "/umbra/1/b1-2/proto",
    "/umbra/1/b9-200/proto",
    "/umbra/1/b17-00000/proto",
    "/umbra/1/b99-ffff/proto",
    "/umbra/2/b8-5e/proto",
    "/other/1/b8-5e/proto",
    "/umbra/1/b8-5e/json",
    "/umbra/1/b8-5e/proto\n",
    " /umbra/1/b8-5e/proto",
    "/umbra/1/b８-5e/proto",
  ];
  for (const text of wrong) assert.equal(parseBucketTopic(text).kind, "badly-formed", JSON.stringify(text));
});

test("ids and addresses have one form", () => {
  const hex = "0123456789abcdef".repeat(4);
  for (const parse of [parseHint, parseInboxAddress]) {
    assert.equal(parse(hex), hex);
    for (const text of ["", hex.slice(1), `${hex}0`, hex.toUpperCase(), `${hex}\n`, hex.replace("0", "g")]) {
      assert.equal(parse(text), undefined, JSON.stringify(text));
    }
  }
  assert.equal(parseMessageId(hex.slice(32)), hex.slice(32));
  assert.equal(parseMessageId(hex), undefined);
  assert.equal(privateConversationId(fromHex(vectors.invite.ident)!), vectors.invite.conversation_id);
  assert.throws(() => privateConversationId(new Uint8Array(15)), RangeError);
  assert.equal(clientAddressOf(fromHex(hex)!), hex);
});

test("conversation ids of any type", () => {
  const good = [
    vectors.invite.conversation_id,
    vectors.addresses[0]!.conversation_id,
    "/a/1/b",
    `/a/b/${"x".repeat(128)}`,
  ];
  for (const id of good) assert.equal(isConversationId(id), true, id);
  const wrong = [
    "",
    "/a/b",
    "/a/b/",
    "//b/c",
    "/a/b/c/",
    "/a/b/c/d",
    "/A/b/c",
    "/a/b/c\n",
    "/a-b/1/c",
    `/a/b/${"x".repeat(129)}`,
  ];
  for (const id of wrong) assert.equal(isConversationId(id), false, JSON.stringify(id));
});

test("a client address is 1 to 255 bytes of UTF-8", () => {
  for (const text of ["amal", "ä".repeat(127), "x".repeat(255), " "]) assert.equal(parseClientAddress(text), text);
  for (const text of ["", "x".repeat(256), "ä".repeat(128), "\ud800"]) {
    assert.equal(parseClientAddress(text), undefined, JSON.stringify(text));
  }
});
