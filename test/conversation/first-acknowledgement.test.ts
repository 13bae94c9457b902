/** Goal: a conversation that is not yet answered (profile 8.7, 8.9-4), and what an application may say in any. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  GIVE_UP_MS,
  RECORD_OUR_BUNDLE,
  RECORD_THEIR_BUNDLE,
  TEXT_BYTES_MAX,
  waitRecord,
} from "../../src/conversation/private-v1/state.ts";
import type { MessageId } from "../../src/wire/ids.ts";
import { answered, assertSameBytes, couple, fatesOf, onlyPublish, publishesOf, say, sayMany } from "./by-hand.ts";
import { hintIn } from "./crafted/message.ts";

describe("before the first acknowledgement", () => {
  it("16 messages follow the invite, more wait unencrypted and go in order once the peer is heard", async () => {
    const { a, b } = await couple();
    const early = await sayMany(a, 20);
    assert.equal(early.length, 16);
    assert.equal(a.state.ratchet.send?.n, 17);
    assert.equal(a.state.waitingEnd - a.state.waitingFirst, 4);
    assert.ok(a.row.records.has(waitRecord(3)));

    await a.read(onlyPublish(await b.fire("acknowledge")));
    a.nowMs = b.nowMs;
    const flushed = publishesOf(await a.fire("flush"));
    assert.equal(flushed.length, 4);
    assert.equal(a.row.records.has(waitRecord(0)), false);
    for (const each of [...early, ...flushed]) await b.read(each);
    assert.deepEqual(b.texts(), ["hello", ...Array.from({ length: 20 }, (_, i) => `number ${i}`)]);
  });

  it("the resend timer repeats the identical invite, whatever followed it", async () => {
    const { a, invite } = await couple();
    await sayMany(a, 3);
    for (let i = 0; i < 3; i += 1) {
      const repeated = onlyPublish(await a.fire("resend"));
      assert.equal(repeated.purpose, "repeat");
      assertSameBytes(repeated, invite);
    }
  });

  it("an invite without text is repeated too", async () => {
    const { a, invite } = await couple(null);
    assert.deepEqual(a.state.unacknowledged, []);
    assertSameBytes(onlyPublish(await a.fire("resend")), invite);
  });

  it("the invitee's bundle is content that goes after its first message, and again until the inviter answers", async () => {
    const { a, b } = await couple();
    const sync = onlyPublish(await b.fire("acknowledge"));
    const bundle = onlyPublish(await b.fire("bundle"));
    assert.equal(b.row.records.has(RECORD_OUR_BUNDLE), false);
    assert.equal(hintIn(bundle) === hintIn(sync), false);
    // Both are lost: only the resend is heard.
    const again = onlyPublish(await b.fire("resend"));
    assertSameBytes(again, bundle);
    await a.read(again);
    assert.ok(a.row.records.has(RECORD_THEIR_BUNDLE));
    assert.deepEqual(a.texts(), []);
    await b.read(onlyPublish(await a.fire("acknowledge")));
    assert.deepEqual(b.state.unacknowledged, []);
    assert.deepEqual(fatesOf(b), [], "the application hears nothing of it");
  });

  it("a peer that never answers makes the invite fail after 30 days", async () => {
    const { a } = await couple();
    a.nowMs += GIVE_UP_MS;
    // It went again all the while: nobody was away.
    a.state = { ...a.state, lastPublishedMs: a.nowMs - 1 };
    assert.deepEqual(publishesOf(await a.fire("resend")), []);
    assert.deepEqual(fatesOf(a), ["message.failed"]);
    assert.equal(a.row.timers.has("resend"), false);
    assert.equal([...a.row.records.keys()].filter((key) => key.startsWith("out/")).length, 0);
  });
});

describe("what an application may say", () => {
  it("is a text of at most 64 KiB, in segments of which each is a message", async () => {
    const { a } = await answered();
    await a.refuses(
      { kind: "command", command: { kind: "send", text: "x".repeat(TEXT_BYTES_MAX + 1) } },
      "message/too-large",
    );
    assert.equal((await say(a, "x".repeat(TEXT_BYTES_MAX))).length, 0);
    assert.equal(publishesOf(await a.fire("flush")).length, 5);
    assert.equal(fatesOf(a).length, 2, "one message for the application");
  });

  it("fails when the network refuses it for good, unless it has arrived", async () => {
    const { a, b } = await answered();
    const [first, second] = [(await say(a, "arrives"))[0]!, (await say(a, "refused"))[0]!];
    await b.read(first);
    await a.read(onlyPublish(await b.fire("acknowledge")));
    const undeliverable = (messageId: MessageId) =>
      ({ kind: "undeliverable", messageId, reason: "too large" }) as const;
    await a.refuses(undeliverable(first.messageId!), "not on its way");
    await a.take(undeliverable(second.messageId!));
    assert.deepEqual(fatesOf(a), ["message.delivered", "message.delivered", "message.failed"]);
    assert.equal(a.row.timers.has("resend"), false);
  });
});
