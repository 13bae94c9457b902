/**
 * Goal: when the record of content that waits is gone, because our own database was damaged, the rest behind it leaves and
 * the missing one is told to have failed. Method: turn by turn; the test deletes records.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  type PrivateState,
  TIMER_FLUSH,
  UNHEARD_NUMBER_MAX,
  waitRecord,
} from "../../src/conversation/private-v1/state.ts";
import { couple, type Hand, onlyPublish, type Publish, publishesOf, say } from "./by-hand.ts";

type Private = Hand<PrivateState>;

async function flush(hand: Private): Promise<Publish[]> {
  const published: Publish[] = [];
  while (hand.row.timers.has(TIMER_FLUSH)) published.push(...publishesOf(await hand.fire(TIMER_FLUSH)));
  return published;
}

const failuresOf = ({ events }: Private) => events.filter(({ type }) => type === "message.failed");

/** A, of whose messages so many wait for a number; B has read none of them. */
async function waiting(count: number) {
  const { a, b } = await couple();
  const sent: Publish[] = [];
  for (let n = 1; n <= UNHEARD_NUMBER_MAX; n += 1) sent.push(...(await say(a, `sent ${n}`)));
  for (let n = 0; n < count; n += 1) assert.deepEqual(await say(a, `waits ${n}`), []);
  return { a, b, sent };
}

describe("content whose record is gone while it waits", () => {
  for (const [name, gone] of [
    ["the first", [0]],
    ["one in the middle", [17]],
    ["several, the last among them", [2, 3, 39]],
    ["all of them", Array.from({ length: 40 }, (_, n) => n)],
  ] as const) {
    it(`fails, and the rest leaves in order: ${name}`, async () => {
      const { a, b, sent } = await waiting(40);
      const ids = [...a.row.messages.keys()].slice(-40);
      for (const n of gone) a.row.records.delete(waitRecord(n));
      for (const publish of sent) await b.read(publish);
      await a.read(onlyPublish(await b.fire("acknowledge")));
      for (const publish of await flush(a)) await b.read(publish);
      assert.deepEqual(
        failuresOf(a).map((event) => "messageId" in event && event.messageId),
        gone.map((n) => ids[n]),
      );
      const left = Array.from({ length: 40 }, (_, n) => n).filter((n) => !(gone as readonly number[]).includes(n));
      assert.deepEqual(
        b.texts().filter((text) => text.startsWith("waits")),
        left.map((n) => `waits ${n}`),
      );
      assert.equal(a.state.hasWaitGap, false);
    });
  }

  it("fails the whole that it was a part of, once, and nothing else", async () => {
    const { a, b, sent } = await waiting(1);
    await say(a, "x".repeat(60_000));
    await say(a, "after it");
    a.row.records.delete(waitRecord(a.state.waitingFirst + 2));
    for (const publish of sent) await b.read(publish);
    await a.read(onlyPublish(await b.fire("acknowledge")));
    for (const publish of await flush(a)) await b.read(publish);
    const long = [...a.row.messages.keys()].at(-2);
    assert.deepEqual(
      failuresOf(a).map((event) => "messageId" in event && event.messageId),
      [long],
    );
    assert.deepEqual(a.state.outgoing, []);
    assert.equal(
      a.state.unacknowledged.some(({ set }) => set !== 0),
      false,
    );
    assert.deepEqual(b.texts().slice(-2), ["waits 0", "after it"]);
  });
});
