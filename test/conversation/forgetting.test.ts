/**
 * Goal: what a conversation keeps beside its state does not grow for ever: keys of skipped messages end after 30 days, ids
 * after 62 days and 1,024 newer ones; and what was forgotten is not delivered again.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { KNOWN_MS, KNOWN_TURNS_MIN, SKIPPED_KEY_MS } from "../../src/conversation/private-v1/forgetting/trail.ts";
import { KNOWN_PREFIX, type PrivateState, SKIPPED_PREFIX } from "../../src/conversation/private-v1/state.ts";
import { utf8 } from "../../src/crypto/bytes.ts";
import { messageIdOf } from "../../src/protocol/reliability/sds-message.ts";
import { encodeSegments } from "../../src/protocol/segmentation/segment.ts";
import type { MessageId } from "../../src/wire/ids.ts";
import { answered, type Hand, type Publish, say, sayMany } from "./by-hand.ts";
import { carrying, craftSds, sdsOf, textFrame } from "./crafted/message.ts";

const dayMs = 24 * 3_600_000;
type Private = Hand<PrivateState>;

const countOf = ({ row }: Private, prefix: string) =>
  [...row.records.keys()].filter((key) => key.startsWith(prefix)).length;

/** Envelopes with all segments of a text, under new numbers of the peer's chain. */
function craftText(peer: Private, encoded: readonly Uint8Array[]): Uint8Array[] {
  return encoded.map((content) => {
    const messageId = messageIdOf({ count: 2, payload: content }, content);
    return craftSds(peer, sdsOf(peer, "", { content, messageId, causalHistory: [] }));
  });
}

/** Turns that keep an id each: frames that nobody can read. */
async function keepIds(hand: Private, peer: Private, count: number): Promise<void> {
  const end = hand.state.knownTrail.end + count;
  while (hand.state.knownTrail.end < end) {
    if ((peer.state.ratchet.send?.n ?? 0) > 100) await step(hand, peer);
    await hand.read(craftSds(peer, carrying(peer, utf8(`\xff ${hand.state.knownTrail.end}`))));
  }
}

/** The peer hears us and begins a new chain. */
async function step(hand: Private, peer: Private): Promise<void> {
  peer.nowMs = hand.nowMs;
  for (const publish of await say(hand, "go on")) await peer.read(publish);
}

describe("keys of skipped messages", () => {
  it("are deleted 30 days after they were stored, each in its own time, and their hints with them", async () => {
    const { a, b } = await answered();
    const early = await sayMany(b, 3);
    await a.read(early.at(-1) as Publish);
    a.nowMs += 10 * dayMs;
    const late = await sayMany(b, 2);
    await a.read(late.at(-1) as Publish);
    assert.equal(countOf(a, SKIPPED_PREFIX), 3);
    await a.read(early[1] as Publish);
    assert.equal(countOf(a, SKIPPED_PREFIX), 2);

    const storedMs = a.nowMs - 10 * dayMs;
    await a.fire("forget-skipped");
    assert.equal(a.nowMs, storedMs + SKIPPED_KEY_MS);
    assert.equal(countOf(a, SKIPPED_PREFIX), 1);
    const texts = a.texts();
    const copy = await a.decide(a.input((early[0] as Publish).envelope));
    assert.ok(
      copy.kind === "accept" && copy.effects.every(({ kind }) => kind !== "deliver"),
      "it is a mark, and not read",
    );
    assert.deepEqual(a.texts(), texts);
    await a.read(late[0] as Publish);
    await a.fire("forget-skipped");
    assert.equal(a.nowMs, storedMs + 10 * dayMs + SKIPPED_KEY_MS);
    assert.deepEqual([countOf(a, SKIPPED_PREFIX), countOf(a, "trail/skip/"), a.state.ratchet.skipped], [0, 0, []]);
    assert.equal(a.row.timers.has("forget-skipped"), false);
  });
});

describe("ids of what was read", () => {
  it("are kept for 62 days, and the newest 1,024 turns of them for ever", { timeout: 120_000 }, async () => {
    const { a, b } = await answered();
    const frame = textFrame(b, `twice? ${"y".repeat(40_000)}`);
    const { encoded } = encodeSegments(frame);
    for (const envelope of craftText(b, encoded)) await a.read(envelope);
    const received = a.texts();
    const isLong = (text: string) => text.includes("twice?");
    assert.equal(received.filter(isLong).length, 1);
    const old = [...a.row.records.keys()].filter((key) => key.startsWith(KNOWN_PREFIX));
    assert.ok(old.length >= encoded.length);

    a.nowMs += KNOWN_MS;
    b.nowMs = a.nowMs;
    await keepIds(a, b, KNOWN_TURNS_MIN / 2);
    assert.equal(a.row.timers.has("forget-known"), false, "few ids are kept however old they are");
    for (const key of old) assert.ok(a.row.records.has(key));
    await keepIds(a, b, KNOWN_TURNS_MIN / 2 + 256);
    while (a.row.timers.has("forget-known")) {
      const before = countOf(a, "trail/known/");
      await a.fire("forget-known");
      assert.ok(before - countOf(a, "trail/known/") <= 32, "no turn is long");
    }
    for (const key of old) assert.equal(a.row.records.has(key), false, "the old ones are forgotten");
    const { first, end } = a.state.knownTrail;
    assert.ok(end - first >= KNOWN_TURNS_MIN && end - first <= KNOWN_TURNS_MIN + 256);
    assert.equal(countOf(a, "trail/known/"), end - first);

    // A peer that says it all again under new numbers: the whole is in the message table.
    await step(a, b);
    for (const envelope of craftText(b, encoded)) await a.read(envelope);
    assert.equal(a.texts().filter(isLong).length, 1);
    assert.equal(a.state.held.length, 0);
  });

  it("that we sent are known as long as the peer names them: the newest it acknowledged needs no record", async () => {
    const { a, b } = await answered();
    a.nowMs += 1;
    const [own] = await say(a, "ours");
    await b.read(own as Publish);
    const answer = await say(b, "an answer");
    for (const publish of answer) await a.read(publish);
    const named = a.state.newestAcknowledged;
    assert.ok(named !== undefined);
    // As if everything about it had been forgotten.
    a.row.messages.delete(named as MessageId);
    a.row.records.delete(`${KNOWN_PREFIX}${named}`);
    await say(a, "not heard");
    a.nowMs += 100 * dayMs;
    b.nowMs = a.nowMs;
    for (const publish of await say(b, "after a long time")) await a.read(publish);
    assert.deepEqual(a.state.held, []);
    assert.equal(a.texts().at(-1), "after a long time");
  });
});
