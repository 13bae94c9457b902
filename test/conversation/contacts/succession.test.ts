/** Goal: content of several segments when a newer conversation takes over: all of it moves, once, or the application hears why not. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readWord, type Word } from "../../../src/conversation/pairwise-words.ts";
import {
  MOVE_AFTER_MS,
  type PrivateState,
  TAKEN_SETS_MAX,
  TIMER_FLUSH,
  TIMER_MOVE,
} from "../../../src/conversation/private-v1/state.ts";
import { utf8 } from "../../../src/crypto/bytes.ts";
import { fileContent } from "../../../src/wire/file-content.ts";
import type { MessageId } from "../../../src/wire/ids.ts";
import type { Accepted } from "../../support/conversation/conversation-turn.ts";
import { answered, fatesOf, type Hand, onlyPublish, type Publish, publishesOf, say } from "../by-hand.ts";

type Private = Hand<PrivateState>;

const segmentBytes = 16_384;

async function sendFile(hand: Private, segments: number): Promise<string> {
  const data = new Uint8Array((segments - 1) * segmentBytes + 100).fill(7);
  const { reply } = await hand.take({ kind: "command", command: { kind: "send-file", name: "a.bin", data } });
  return (reply as { messageId: string }).messageId;
}

/** Content of several segments from a conversation that this one succeeds. */
async function takeOver(hand: Private, segments: number, timestampMs = 5): Promise<Accepted> {
  const { domain, tag, bytes } = fileContent({ name: "a.bin", data: new Uint8Array(segments * segmentBytes - 500) });
  const origin = { ident: "d".repeat(32), messageId: "e".repeat(32) };
  return tell(hand, {
    kind: "content",
    ...origin,
    timestampMs,
    domain,
    tag,
    bytes: Buffer.from(bytes).toString("hex"),
  });
}

async function tell(hand: Private, word: Word): Promise<Accepted> {
  return hand.take({ kind: "told", name: word.kind, data: utf8(JSON.stringify(word)) });
}

const hearFate = tell;

async function supersede(hand: Private): Promise<Accepted> {
  return tell(hand, { kind: "superseded", ident: "5".repeat(32) });
}

/** Fires a timer as long as it is set for now. */
async function drain(hand: Private, name: string): Promise<Accepted[]> {
  const turns: Accepted[] = [];
  while ((hand.row.timers.get(name) ?? Number.POSITIVE_INFINITY) <= hand.nowMs) turns.push(await hand.fire(name));
  return turns;
}

function tellsOf({ effects }: Accepted): Accepted["effects"] {
  return effects.filter(({ kind }) => kind === "tell");
}

interface Said {
  readonly kind: string;
  readonly messageId?: string;
  readonly reason?: string;
  readonly bytes?: string;
}

function wordsOf({ effects }: Accepted): Said[] {
  return effects.flatMap((effect) => (effect.kind === "tell" ? [readWord(effect.data)] : []));
}

function recordsOf({ row }: Private, prefix: string): string[] {
  return [...row.records.keys()].filter((key) => key.startsWith(prefix));
}

describe("content of several segments in a superseded conversation", () => {
  it("may still arrive within the hour, with what of it waits for a number", async () => {
    const { a, b } = await answered();
    await sendFile(a, 3);
    await supersede(a);
    const published: Publish[] = (await drain(a, TIMER_FLUSH)).flatMap(publishesOf);
    assert.equal(published.length, 3);
    for (const envelope of published) await b.read(envelope);
    await a.read(onlyPublish(await b.fire("acknowledge")));
    assert.deepEqual(fatesOf(a).slice(1), ["message.delivered"]);
  });

  it("moves whole at the end of the hour, whatever of it the peer has, after what is short", async () => {
    const { a, b } = await answered();
    await say(a, "short");
    const file = await sendFile(a, 200);
    const [, first] = (await drain(a, TIMER_FLUSH)).flatMap(publishesOf);
    await b.read(first as Publish);
    assert.ok(recordsOf(a, "wait/").length > 0, "the chain has not numbers enough");
    await supersede(a);
    a.nowMs = a.row.timers.get(TIMER_MOVE) ?? 0;
    const words = (await drain(a, TIMER_MOVE)).flatMap(wordsOf);
    assert.deepEqual(
      words.map(({ messageId }) => messageId),
      [[...a.row.messages.keys()][1], file],
    );
    assert.ok((words[1]?.bytes ?? "").length > 2 * 199 * segmentBytes, "all of it");
    assert.deepEqual(fatesOf(a).slice(1), ["message.queued", "message.queued"]);
    assert.deepEqual([...recordsOf(a, "wait/"), ...recordsOf(a, "out/")], []);
    assert.deepEqual([a.state.outgoing, a.state.givenWhole], [[], file]);
    assert.equal(recordsOf(a, "whole/").length, 200, "for another try");
    await hearFate(a, { kind: "delivered", messageId: file });
    assert.deepEqual(recordsOf(a, "whole/"), []);
    assert.equal(fatesOf(a).at(-1), "message.delivered");
  });

  it("moves one after the other, each when the fate of the one before is known", async () => {
    const { a } = await answered();
    const files = [await sendFile(a, 8), await sendFile(a, 9), await sendFile(a, 10)];
    await supersede(a);
    a.nowMs = a.row.timers.get(TIMER_MOVE) ?? 0;
    const given: string[] = [];
    for (const kind of ["delivered", "failed", "delivered"] as const) {
      given.push(...(await drain(a, TIMER_MOVE)).flatMap(wordsOf).map(({ messageId = "" }) => messageId));
      const messageId = given.at(-1) ?? "";
      await hearFate(a, kind === "failed" ? { kind, messageId, reason: "so" } : { kind, messageId });
    }
    assert.deepEqual(given, files);
    assert.deepEqual(fatesOf(a).slice(1), ["message.delivered", "message.failed", "message.delivered"]);
    assert.equal(recordsOf(a, "whole/").length, 9, "what failed can be tried again");
  });

  it("fails with the reason when its bytes are gone", async () => {
    const { a } = await answered();
    await sendFile(a, 3);
    await drain(a, TIMER_FLUSH);
    a.row.records.delete(recordsOf(a, "whole/")[1] ?? "");
    await supersede(a);
    a.nowMs += MOVE_AFTER_MS;
    assert.deepEqual((await drain(a, TIMER_MOVE)).flatMap(tellsOf), []);
    const failed = a.events.at(-1);
    assert.ok(failed?.type === "message.failed" && /not in the database/.test(failed.reason));
    assert.deepEqual([...recordsOf(a, "out/"), ...a.state.outgoing], []);
  });

  it("keeps its hour when a text is sent meanwhile, which goes over at once", async () => {
    const { a, b } = await answered();
    await sendFile(a, 2);
    await supersede(a);
    const given = await a.take({ kind: "command", command: { kind: "send", text: "after the successor began" } });
    assert.deepEqual(publishesOf(given), [], "nothing new begins in the old one");
    assert.equal(tellsOf(given).length, 1);
    assert.deepEqual(recordsOf(a, "wait/").length, 2, "the file's segments alone");
    assert.equal(a.row.timers.get(TIMER_MOVE), a.nowMs + MOVE_AFTER_MS);
    for (const envelope of (await drain(a, TIMER_FLUSH)).flatMap(publishesOf)) await b.read(envelope);
    await a.read(onlyPublish(await b.fire("acknowledge")));
    assert.deepEqual(fatesOf(a).slice(1), ["message.delivered", "message.queued"]);
  });

  it("moves at once when it was sent after the move", async () => {
    const { a } = await answered();
    await supersede(a);
    await a.fire(TIMER_MOVE);
    const file = await sendFile(a, 2);
    const words = (await drain(a, TIMER_MOVE)).flatMap(wordsOf);
    assert.deepEqual(
      words.map(({ messageId }) => messageId),
      [file],
    );
    assert.deepEqual(fatesOf(a).slice(1), ["message.queued"]);
    assert.deepEqual([...recordsOf(a, "wait/"), ...recordsOf(a, "whole/")], [], "a small one is in its row");
  });
});

describe("a successor", () => {
  it("tells the fate of a file once, when all of it has arrived, and keeps nothing of it", async () => {
    const { a, b } = await answered();
    await takeOver(a, 3);
    const sent = (await drain(a, TIMER_FLUSH)).flatMap(publishesOf);
    assert.deepEqual(
      sent.map(({ messageId }) => messageId),
      [undefined, undefined, undefined],
      "the application does not know it here",
    );
    for (const envelope of sent) await b.read(envelope);
    assert.equal(b.events.at(-1)?.type, "message.received");
    const read = await a.read(onlyPublish(await b.fire("acknowledge")));
    assert.deepEqual(
      wordsOf(read).map(({ kind, messageId }) => [kind, messageId]),
      [["delivered", "e".repeat(32)]],
    );
    assert.deepEqual(fatesOf(a).slice(1), []);
    assert.deepEqual([...recordsOf(a, "whole/"), ...recordsOf(a, "out/")], []);
  });

  it("tells it when a segment was refused, and when it has too many", async () => {
    const { a } = await answered();
    for (let count = 0; count < TAKEN_SETS_MAX; count += 1) assert.deepEqual(wordsOf(await takeOver(a, 2, count)), []);
    const [refused] = wordsOf(await takeOver(a, 2, 99));
    assert.deepEqual([refused?.kind, refused?.messageId], ["failed", "e".repeat(32)]);
    await drain(a, TIMER_FLUSH);
    const [first] = a.state.unacknowledged.slice(-1);
    const given = await a.take({
      kind: "undeliverable",
      messageId: first?.messageId as MessageId,
      reason: "too large",
    });
    assert.deepEqual(
      wordsOf(given).map(({ kind, reason }) => [kind, reason]),
      [["failed", "too large"]],
    );
    assert.equal(a.state.outgoing.length, TAKEN_SETS_MAX - 1);
  });
});

describe("a superseded conversation with a damaged database", () => {
  it("tells the fate of a message whose bytes are gone, and gives the others", async () => {
    const { a } = await answered();
    const texts = ["one", "two"];
    for (const text of texts) await say(a, text);
    const [lost = ""] = recordsOf(a, "out/");
    a.row.records.delete(lost);
    await supersede(a);
    a.nowMs += MOVE_AFTER_MS;
    const told = (await drain(a, TIMER_MOVE)).flatMap(tellsOf);
    assert.equal(told.length, 1);
    assert.deepEqual(fatesOf(a).slice(1), ["message.failed", "message.queued"]);
    assert.deepEqual(a.state.unacknowledged, []);
  });

  it("passes over content that waits and is gone", async () => {
    const { a } = await answered();
    await sendFile(a, 200);
    await drain(a, TIMER_FLUSH);
    await say(a, "waits");
    const waiting = recordsOf(a, "wait/");
    a.row.records.delete(waiting[0] ?? "");
    await supersede(a);
    a.nowMs += MOVE_AFTER_MS;
    const told = (await drain(a, TIMER_MOVE)).flatMap(tellsOf);
    assert.equal(told.length, 2, "the text and the file");
    assert.deepEqual(recordsOf(a, "wait/"), []);
  });
});
