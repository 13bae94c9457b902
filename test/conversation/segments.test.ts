/** Goal: content of several segments, turn by turn: what each turn writes, what a peer can spoil, what is told when it fails. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { INLINE_BYTES_MAX } from "../../src/conversation/private-v1/segments/incoming.ts";
import {
  knownRecord,
  OUTGOING_SETS_MAX,
  type PrivateState,
  RECORD_OPEN_SETS,
  TIMER_FLUSH,
  TIMER_PARTS,
} from "../../src/conversation/private-v1/state.ts";
import { messageIdOf } from "../../src/protocol/reliability/sds-message.ts";
import { SET_REST_MAX_MS } from "../../src/protocol/segmentation/reassembly.ts";
import { encodeSegments } from "../../src/protocol/segmentation/segment.ts";
import { textOf } from "../../src/wire/content-frame.ts";
import { contentDigest, FILE_BYTES_MAX, fileContent, fileOf } from "../../src/wire/file-content.ts";
import type { MessageId } from "../../src/wire/ids.ts";
import { encodePrivateFrame } from "../../src/wire/private-frame.ts";
import type { Accepted } from "../support/conversation/conversation-turn.ts";
import { answered, fatesOf, type Hand, onlyPublish, type Publish, publishesOf, say } from "./by-hand.ts";
import { craftSds, sdsOf, textFrame } from "./crafted/message.ts";

type Private = Hand<PrivateState>;

/** Everything that a turn would write, in bytes. */
function weightOf({ effects }: Accepted): number {
  return effects.reduce((sum, effect) => {
    if (effect.kind === "put") return sum + effect.bytes.length;
    return effect.kind === "publish" ? sum + effect.envelope.length : sum;
  }, 0);
}

async function sendFile(
  hand: Private,
  size: number,
): Promise<{ messageId: MessageId; turn: Accepted; data: Uint8Array }> {
  const data = Uint8Array.from({ length: size }, (_, index) => (index * 17 + (index >> 8)) & 0xff);
  const turn = await hand.take({ kind: "command", command: { kind: "send-file", name: "a.bin", data } });
  return { ...(turn.reply as { messageId: MessageId }), turn, data };
}

/** Flushes as long as there are numbers. */
async function flush(hand: Private): Promise<Accepted[]> {
  const turns: Accepted[] = [];
  while (hand.row.timers.has(TIMER_FLUSH)) turns.push(await hand.fire(TIMER_FLUSH));
  return turns;
}

function partsOf({ row }: Private): string[] {
  return [...row.records.keys()].filter((key) => /^part\/\d/.test(key));
}

function receivedOf({ events }: Private) {
  return events.filter((event) => event.type === "message.received").slice(1);
}

/** The segments of a text as a peer would send them, each an envelope. */
function craftSegments(peer: Private, text: string, change: (encoded: Uint8Array[]) => Uint8Array[] = (all) => all) {
  return change(encodeSegments(textFrame(peer, text)).encoded).map((content) => {
    const messageId = messageIdOf({ count: 2, payload: content }, content);
    return { messageId, envelope: craftSds(peer, sdsOf(peer, "", { content, messageId })) };
  });
}

describe("content of several segments", () => {
  it("leaves 16 segments a turn, and no turn but the first writes more than a few of them", async () => {
    const { a, b } = await answered();
    const { messageId, turn, data } = await sendFile(a, 1_000_000);
    assert.deepEqual(publishesOf(turn), [], "the command only keeps it");
    const published: Publish[] = [];
    for (let rounds = 0; a.state.outgoing.length > 0; rounds += 1) {
      assert.ok(rounds < 20, "it comes to an end");
      for (const flushed of await flush(a)) {
        assert.ok(publishesOf(flushed).length <= 16);
        assert.ok(weightOf(flushed) < 700_000, `${weightOf(flushed)} bytes in one commit`);
        published.push(...publishesOf(flushed));
      }
      for (const publish of published.splice(0)) {
        const read = await b.read(publish);
        assert.ok(weightOf(read) < 40_000, `${weightOf(read)} bytes to take one segment`);
      }
      await a.read(onlyPublish(await b.fire("acknowledge")));
    }
    const [received] = receivedOf(b);
    assert.ok(received?.type === "message.received" && received.attachment?.parts !== undefined);
    const { parts, size, sha256 } = received.attachment;
    assert.deepEqual([received.messageId, size, sha256], [messageId, data.length, contentDigest(data)]);
    assert.equal(fileOf(received.content)?.name, "a.bin");
    const kept = Buffer.concat(
      Array.from({ length: parts.count }, (_, i) => b.row.records.get(`${parts.prefix}${i}`)!),
    );
    assert.ok(kept.subarray(parts.offset, parts.offset + size).equals(data));
    assert.deepEqual(fatesOf(a).at(-1), "message.delivered");
    assert.ok(![...a.row.records.keys()].some((key) => /^(?:out|wait)\//.test(key)), "the sender keeps nothing of it");
  });

  it("is named by its last segment in the outbox, so that it is published when all of it is", async () => {
    const { a } = await answered();
    const { messageId } = await sendFile(a, 40_000);
    const named = (await flush(a)).flatMap(publishesOf).map((publish) => publish.messageId);
    assert.equal(named.length, 3);
    assert.equal(named[2], messageId);
    assert.ok(!named.slice(0, 2).includes(messageId));
  });

  it("waits without a number, in order with what follows it", async () => {
    const { a, b } = await answered();
    await say(a, "before");
    await sendFile(a, 3_000_000);
    assert.deepEqual(await say(a, "after"), [], "it does not overtake");
    const sent = (await flush(a)).flatMap(publishesOf);
    assert.equal(a.state.ratchet.send?.n, 128, "no number above 127");
    assert.ok(sent.length < 184 && a.state.waitingEnd > a.state.waitingFirst);
    for (const publish of sent) await b.read(publish);
    assert.equal(receivedOf(b).length, 0);
    assert.ok(a.type.state.encode(a.state).length < 16_384);
  });

  it("goes inline when it is a long text, and nothing of it stays beside it", async () => {
    const { a, b } = await answered();
    const text = "ü".repeat(20_000);
    assert.deepEqual(await say(a, text), []);
    for (const publish of (await flush(a)).flatMap(publishesOf)) await b.read(publish);
    const [received] = receivedOf(b);
    assert.ok(received?.type === "message.received");
    assert.equal(textOf(received.content), text);
    assert.equal(received.attachment, undefined);
    assert.deepEqual(partsOf(b), []);
    assert.equal(b.row.timers.has(TIMER_PARTS), false);
  });

  it("is whole in any order, and once however often segments come", async () => {
    const { a, b } = await answered();
    const text = "y".repeat(50_000);
    const crafted = craftSegments(a, text);
    for (const { envelope } of crafted.toReversed()) await b.read(envelope);
    const again = craftSegments(a, text);
    for (const { envelope } of again) await b.read(envelope);
    assert.equal(receivedOf(b).length, 1);
    assert.deepEqual(partsOf(b), [], "repetitions open no set");
    assert.ok(b.state.owesAcknowledgement, "and are acknowledged again");
  });

  it("fails as one when the network refuses a segment for good; what waits of it is skipped", async () => {
    const { a } = await answered();
    const { messageId } = await sendFile(a, 2_500_000);
    const [first] = publishesOf(await a.fire(TIMER_FLUSH));
    assert.ok(first?.messageId !== undefined && first.messageId !== messageId);
    await a.take({ kind: "undeliverable", messageId: first.messageId, reason: "too large" });
    assert.deepEqual(fatesOf(a).at(-1), "message.failed");
    assert.deepEqual([a.state.unacknowledged, a.state.outgoing], [[], []]);
    assert.deepEqual((await flush(a)).flatMap(publishesOf), []);
    assert.equal(a.state.waitingFirst, a.state.waitingEnd);
    assert.ok(![...a.row.records.keys()].some((key) => /^(?:out|wait)\//.test(key)));
  });

  it("is refused above its limits", async () => {
    const { a } = await answered();
    const command = (size: number, name = "a.bin") =>
      ({ kind: "command", command: { kind: "send-file", name, data: new Uint8Array(size) } }) as const;
    await a.refuses(command(FILE_BYTES_MAX + 1), "message/too-large");
    assert.equal((await a.decide(command(FILE_BYTES_MAX))).kind, "accept");
    assert.equal((await a.decide(command(FILE_BYTES_MAX, "n".repeat(255)))).kind, "accept", "with the longest name");
    assert.equal(a.type.command.safeParse(command(1, "../x").command).success, false);
    for (let count = 0; count < OUTGOING_SETS_MAX; count += 1) await say(a, `${count}`.padEnd(20_000));
    await a.refuses({ kind: "command", command: { kind: "send", text: "x".repeat(20_000) } }, "message/queue-full");
  });
});

describe("a peer's segments", () => {
  it("with another hash than they add up to are dropped", async () => {
    const { a, b } = await answered();
    const other = encodeSegments(textFrame(a, "z".repeat(20_000))).wholeHash;
    const forge = (all: Uint8Array[]) =>
      all.map((bytes) => Uint8Array.from([...bytes.subarray(0, 2), ...other, ...bytes.subarray(34)]));
    const crafted = craftSegments(a, "y".repeat(20_000), forge);
    const results = [];
    for (const { envelope } of crafted) results.push((await b.read(envelope)).refusedInside);
    assert.deepEqual(results, [undefined, "segment-hash"]);
    assert.deepEqual([receivedOf(b).length, partsOf(b).length], [0, 0]);
    for (const { messageId } of crafted)
      assert.ok(b.row.records.has(knownRecord(messageId)), "what follows need not wait");
  });

  it("of a set with two counts are dropped", async () => {
    const { a, b } = await answered();
    const [first, second] = craftSegments(a, "y".repeat(40_000), ([one, two]) => {
      const recounted = two!.slice();
      // Field 3 of two bytes: after hash (34) and index (2).
      assert.deepEqual([...recounted.subarray(36, 38)], [0x18, 3]);
      recounted[37] = 4;
      return [one!, recounted];
    });
    await b.read(first!.envelope);
    assert.equal(partsOf(b).length, 1);
    assert.equal((await b.read(second!.envelope)).refusedInside, "segment-count");
    assert.deepEqual(partsOf(b), []);
  });

  it("that never become whole go after 30 days, and may begin anew", async () => {
    const { a, b } = await answered();
    const text = "y".repeat(40_000);
    const [first] = craftSegments(a, text);
    await b.read(first!.envelope);
    const beganMs = b.nowMs;
    const { refusedInside } = await b.fire(TIMER_PARTS);
    assert.equal(b.nowMs - beganMs, SET_REST_MAX_MS);
    assert.equal(refusedInside, "segments-incomplete");
    assert.deepEqual(partsOf(b), []);
    assert.ok(b.row.records.has(RECORD_OPEN_SETS), "serials are never used again");
    // Its sender has given it up, and then tried again: the part that was taken once is acknowledged, so it has to be there.
    for (const { envelope } of craftSegments(a, text)) await b.read(envelope);
    assert.equal(receivedOf(b).length, 1);
  });

  it("of large content that is no file are kept beside its row", async () => {
    const { a, b } = await answered();
    const bytes = new Uint8Array(INLINE_BYTES_MAX + 1).fill(7);
    const content = { domain: 77, tag: 8, bytes };
    // Unknown fields behind the content: its bytes are not the end of the frame.
    const plain = encodePrivateFrame({ timestampMs: 5, kind: "content", content });
    const frame = Uint8Array.from([...plain, 0xa0, 0x06, 0x01]);
    for (const encoded of encodeSegments(frame).encoded) {
      const messageId = messageIdOf({ count: 2, payload: encoded }, encoded);
      await b.read(craftSds(a, sdsOf(a, "", { content: encoded, messageId })));
    }
    const [received] = receivedOf(b);
    assert.ok(received?.type === "message.received" && received.attachment?.parts !== undefined);
    assert.deepEqual(
      [received.content, received.attachment.size],
      [{ ...content, bytes: new Uint8Array() }, bytes.length],
    );
    const { prefix, count, offset } = received.attachment.parts;
    const kept = Buffer.concat(Array.from({ length: count }, (_, index) => b.row.records.get(`${prefix}${index}`)!));
    assert.ok(kept.subarray(offset, offset + bytes.length).equals(bytes));
  });
});

describe("a file as content", () => {
  it("keeps its name, type and bytes", () => {
    for (const file of [
      { name: "a b.txt", data: Uint8Array.of(1, 2) },
      { name: "ü".repeat(127), mime: "image/svg+xml", data: new Uint8Array() },
    ])
      assert.deepEqual(fileOf(fileContent(file)), file);
  });

  it("has one plain name, whatever the peer says", () => {
    const good = fileContent({ name: "abcd", data: Uint8Array.of(1) });
    for (const name of ["a/bc", "a\\bc", "a\nbc", "..\u0000", "\u007fabc", "\u0085ab"]) {
      const bytes = Uint8Array.from([0x0a, Buffer.byteLength(name), ...Buffer.from(name), 0x1a, 1, 1]);
      assert.equal(fileOf({ ...good, bytes }), undefined, JSON.stringify(name));
      assert.throws(() => fileContent({ name, data: new Uint8Array() }), RangeError);
    }
    for (const name of ["", ".", "..", "x".repeat(256)])
      assert.throws(() => fileContent({ name, data: new Uint8Array() }), RangeError);
    assert.equal(fileOf({ ...good, tag: 2 }), undefined);
    assert.equal(fileOf({ ...good, domain: 0 }), undefined);
  });
});
