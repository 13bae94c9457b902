/**
 * Goal: after this machine's clock was set back, by an hour or by ten years, what a conversation waits for comes as soon as
 * without the step: nothing in its state or records makes it wait until the clock has caught up. Method: turn by turn; the
 * timers are brought forward as the engine does it, unless they are dates.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { SKIPPED_KEY_MS } from "../../src/conversation/private-v1/forgetting/trail.ts";
import {
  LOST_AFTER_MS,
  LOST_GRACE_MS,
  type PrivateState,
  QUIET_MS,
  RECORD_ZERO,
  REPAIR_AFTER_MS,
  RESEND_FIRST_MS,
  SKIPPED_PREFIX,
  SYNC_NUMBER_MAX,
  TIMER_ACKNOWLEDGE,
  TIMER_PARTS,
  TIMER_REPAIR,
  TIMER_RESEND,
} from "../../src/conversation/private-v1/state.ts";
import { messageIdOf } from "../../src/protocol/reliability/sds-message.ts";
import { SET_REST_MAX_MS } from "../../src/protocol/segmentation/reassembly.ts";
import { encodeSegments } from "../../src/protocol/segmentation/segment.ts";
import {
  answered,
  couple,
  fatesOf,
  type Hand,
  onlyPublish,
  type Publish,
  publishesOf,
  say,
  sayMany,
} from "./by-hand.ts";
import { craftSds, peek, sdsOf, textFrame } from "./crafted/message.ts";

type Private = Hand<PrivateState>;
const hourMs = 3_600_000;
const steps = [
  ["an hour", hourMs],
  ["ten years", 10 * 365 * 24 * hourMs],
] as const;

function setBack(hand: Private, byMs: number): void {
  hand.nowMs -= byMs;
  for (const [name, atMs] of hand.row.timers) hand.row.timers.set(name, atMs - byMs);
}

async function firesWithin(hand: Private, timer: string, ms: number) {
  const began = hand.nowMs;
  const fired = await hand.fire(timer);
  assert.ok(hand.nowMs - began <= ms, `${timer} fired after ${hand.nowMs - began} ms`);
  return fired;
}

for (const [name, byMs] of steps) {
  describe(`a clock that is set back by ${name}`, () => {
    it("asks for what is missing, gets it, and gives it up no later than ever", async () => {
      const { a, b } = await answered();
      const sent = await sayMany(a, 3);
      await b.read(sent[2] as Publish);
      b.nowMs += 5_000;
      for (const hand of [a, b]) setBack(hand, byMs);
      // The first may come too early for what is missing since then by the clock of now.
      for (let round = 0; round < 2; round += 1) await firesWithin(b, TIMER_REPAIR, REPAIR_AFTER_MS);
      const sync = onlyPublish(await firesWithin(b, TIMER_ACKNOWLEDGE, 5_000));
      assert.equal(peek(a, sync).sds.repairRequest.length, 1);
      a.nowMs = b.nowMs;
      // Dated by the other clock, it counts as sent just now.
      assert.deepEqual(publishesOf(await a.read(sync)), []);
      a.nowMs += REPAIR_AFTER_MS;
      const again = publishesOf(await firesWithin(a, TIMER_RESEND, 2 * RESEND_FIRST_MS));
      assert.ok(again.some(({ messageId }) => messageId === sent[1]?.messageId));

      const began = b.nowMs;
      b.nowMs += LOST_AFTER_MS - REPAIR_AFTER_MS;
      while (b.state.held.length > 0) await firesWithin(b, TIMER_REPAIR, REPAIR_AFTER_MS);
      assert.ok(b.nowMs - began <= LOST_AFTER_MS + LOST_GRACE_MS + REPAIR_AFTER_MS, `${b.nowMs - began} ms`);
    });

    it("resends what is not acknowledged after the usual pause, also when that is worked out anew", async () => {
      const { a, b } = await answered();
      await b.read(onlyPublish(await a.take({ kind: "command", command: { kind: "send", text: "one" } })));
      await say(a, "two");
      setBack(a, byMs);
      b.nowMs = a.nowMs;
      await a.read(onlyPublish(await b.fire(TIMER_ACKNOWLEDGE)));
      assert.equal(a.state.unacknowledged.length, 1);
      const fired = await firesWithin(a, TIMER_RESEND, 1.3 * RESEND_FIRST_MS);
      assert.equal(publishesOf(fired).length, 1);
    });

    it("resends an invite that nobody answers", async () => {
      const { a } = await couple(null);
      setBack(a, byMs);
      await say(a, "y".repeat(40_000));
      assert.equal(publishesOf(await firesWithin(a, TIMER_RESEND, 1.3 * RESEND_FIRST_MS)).length, 1);
    });

    it("answers a mark", async () => {
      const { a, b } = await answered();
      const [sent] = await say(a, "one");
      await b.read(sent as Publish);
      b.nowMs += 60_000;
      const mark = b.input((sent as Publish).envelope);
      assert.equal(publishesOf(await b.take(mark)).length, 1);
      await b.refuses(mark, "mark");
      setBack(b, byMs);
      assert.equal(publishesOf(await b.take(mark)).length, 1, "once, at once");
      await b.refuses(mark, "mark");
    });

    it("names what is new as the newest, so that it is acknowledged", async () => {
      const { a, b } = await answered();
      await b.read((await say(a, "before"))[0] as Publish);
      for (const hand of [a, b]) setBack(hand, byMs);
      for (const text of ["one", "two"]) await b.read((await say(a, text))[0] as Publish);
      b.nowMs += 5_000;
      await a.read(onlyPublish(await b.fire(TIMER_ACKNOWLEDGE)));
      assert.deepEqual(fatesOf(a), Array(4).fill("message.delivered"));
      assert.deepEqual(b.texts(), ["hello", "before", "one", "two"]);
    });

    it("acknowledges where only a repetition may go", async () => {
      const { a, b } = await answered();
      const [one, two] = [...(await say(a, "one")), ...(await say(a, "two"))];
      await b.read(one as Publish);
      await sayMany(b, SYNC_NUMBER_MAX + 1);
      await b.read(two as Publish);
      setBack(b, byMs);
      // Something left just now, so that it may have to wait once.
      const fired = await firesWithin(b, TIMER_ACKNOWLEDGE, 5_000);
      const left = publishesOf(fired).length === 0 ? await firesWithin(b, TIMER_ACKNOWLEDGE, QUIET_MS) : fired;
      assert.deepEqual(onlyPublish(left).envelope, b.row.records.get(RECORD_ZERO));
    });

    it("deletes keys of skipped messages, those of before and those of after it", async () => {
      const { a, b } = await answered();
      const early = await sayMany(b, 3);
      await a.read(early[2] as Publish);
      setBack(a, byMs);
      const late = await sayMany(b, 2);
      await a.read(late[1] as Publish);
      const countOf = () => [...a.row.records.keys()].filter((key) => key.startsWith(SKIPPED_PREFIX)).length;
      assert.equal(countOf(), 3);
      const began = a.nowMs;
      while (a.row.timers.has("forget-skipped")) await a.fire("forget-skipped");
      assert.equal(countOf(), 0);
      assert.ok(a.nowMs - began <= SKIPPED_KEY_MS + hourMs, `${a.nowMs - began} ms`);
    });

    it("drops content that never becomes whole", async () => {
      const { a, b } = await answered();
      const [content = new Uint8Array()] = encodeSegments(textFrame(a, "y".repeat(40_000))).encoded;
      await b.read(
        craftSds(a, sdsOf(a, "", { content, messageId: messageIdOf({ count: 3, payload: content }, content) })),
      );
      setBack(b, byMs);
      const began = b.nowMs;
      while (b.row.timers.has(TIMER_PARTS)) await b.fire(TIMER_PARTS);
      assert.ok(b.nowMs - began <= 2 * SET_REST_MAX_MS, `${b.nowMs - began} ms`);
    });
  });
}

describe("times that the peer is told", () => {
  it("follow the last one after a step of hours, and the clock after one of years", async () => {
    const { a } = await answered();
    await say(a, "before");
    const before = a.state.lastFrameMs;
    setBack(a, hourMs);
    await say(a, "after");
    assert.equal(a.state.lastFrameMs, before + 1);
    setBack(a, 10 * 365 * 24 * hourMs);
    await say(a, "long after");
    assert.equal(a.state.lastFrameMs, a.nowMs);
  });
});
