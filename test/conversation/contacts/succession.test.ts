/** Goal: content of several segments when a newer conversation takes over: it ends where it was sent, and the application hears how. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  MOVE_AFTER_MS,
  type PrivateState,
  TIMER_FLUSH,
  TIMER_MOVE,
} from "../../../src/conversation/private-v1/state.ts";
import { utf8 } from "../../../src/crypto/bytes.ts";
import type { Accepted } from "../../support/conversation/conversation-turn.ts";
import { answered, fatesOf, type Hand, onlyPublish, type Publish, publishesOf, say } from "../by-hand.ts";

type Private = Hand<PrivateState>;

const segmentBytes = 16_384;

async function sendFile(hand: Private, segments: number): Promise<Accepted> {
  const data = new Uint8Array((segments - 1) * segmentBytes + 100).fill(7);
  return hand.take({ kind: "command", command: { kind: "send-file", name: "a.bin", data } });
}

async function supersede(hand: Private): Promise<Accepted> {
  const word = { kind: "superseded", ident: "5".repeat(32) };
  return hand.take({ kind: "told", name: word.kind, data: utf8(JSON.stringify(word)) });
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

  it("fails at the end of the hour, while a text moves", async () => {
    const { a } = await answered();
    await say(a, "short");
    await sendFile(a, 200);
    await drain(a, TIMER_FLUSH);
    assert.ok(recordsOf(a, "wait/").length > 0, "the chain has not numbers enough");
    await supersede(a);
    a.nowMs = a.row.timers.get(TIMER_MOVE) ?? 0;
    const turns = await drain(a, TIMER_MOVE);
    const told = turns.flatMap(tellsOf);
    assert.equal(told.length, 1, "the text alone is given away");
    assert.deepEqual(fatesOf(a).slice(1), ["message.queued", "message.failed"]);
    assert.deepEqual(recordsOf(a, "wait/"), []);
    assert.deepEqual(recordsOf(a, "out/"), []);
    assert.deepEqual(a.state.outgoing, []);
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

  it("fails at once when it was sent after the move", async () => {
    const { a } = await answered();
    await supersede(a);
    await a.fire(TIMER_MOVE);
    await sendFile(a, 2);
    await drain(a, TIMER_MOVE);
    assert.deepEqual(fatesOf(a).slice(1), ["message.failed"]);
    assert.deepEqual(recordsOf(a, "wait/"), []);
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
    assert.equal(told.length, 1, "the text");
    assert.deepEqual(recordsOf(a, "wait/"), []);
  });
});
