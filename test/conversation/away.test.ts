/**
 * Goal: a laptop that slept, a daemon that was down and a clock that was put forward call nothing lost or failed before what
 * came meanwhile could be read. Method: turn by turn, with a clock that jumps.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  AWAY_MS,
  GIVE_UP_MAX_MS,
  GIVE_UP_MS,
  LOST_AFTER_MS,
  LOST_GRACE_MS,
  LOST_MAX_MS,
  REPAIR_AFTER_MS,
  TIMER_ACKNOWLEDGE,
  TIMER_REPAIR,
  TIMER_RESEND,
} from "../../src/conversation/private-v1/state.ts";
import { answered, type Couple, fatesOf, onlyPublish, type Publish, publishesOf, say } from "./by-hand.ts";

/** B has read A's second message, and not the first. */
async function lacking(): Promise<Couple & { readonly lost: Publish }> {
  const made = await answered();
  const [lost] = await say(made.a, "lost");
  await made.b.read((await say(made.a, "follower"))[0] as Publish);
  return { ...made, lost: lost as Publish };
}

const verdicts = ({ b }: Couple) => b.events.filter(({ type }) => type === "message.lost").length;

describe("a message that is missing while the machine sleeps for days", () => {
  it("is not called lost when it wakes: it is asked for, read, and delivered in its order", async () => {
    const { lost, ...couple } = await lacking();
    const { b } = couple;
    await b.fire(TIMER_REPAIR);
    b.nowMs += 3 * LOST_AFTER_MS;
    await b.fire(TIMER_REPAIR);
    assert.equal(verdicts(couple), 0);
    // From a Store node, a moment later.
    await b.read(lost);
    assert.deepEqual(b.texts(), ["hello", "lost", "follower"]);
  });

  it("is lost ten minutes after it wakes if nobody gives it", async () => {
    const couple = await lacking();
    const { b } = couple;
    b.nowMs += 3 * LOST_AFTER_MS;
    const began = b.nowMs;
    while (verdicts(couple) === 0) await b.fire(TIMER_REPAIR);
    assert.ok(b.nowMs - began >= LOST_GRACE_MS && b.nowMs - began <= LOST_GRACE_MS + 2 * REPAIR_AFTER_MS);
    assert.deepEqual(b.texts(), ["hello", "follower"]);
  });

  it("is lost in the end on a machine that wakes for a minute a day, and holds up nothing for ever", async () => {
    const couple = await lacking();
    const { b } = couple;
    const began = b.nowMs;
    while (verdicts(couple) === 0) {
      b.nowMs += LOST_AFTER_MS;
      await b.fire(TIMER_REPAIR);
      assert.ok(b.nowMs - began <= 1.1 * LOST_MAX_MS);
    }
    assert.ok(b.nowMs - began >= LOST_MAX_MS);
    assert.deepEqual(b.texts(), ["hello", "follower"]);
  });
});

describe("a message that nobody acknowledges while the machine is off for more than a month", () => {
  it("goes again when it is back, and is delivered when its acknowledgement is read", async () => {
    const { a, b } = await answered();
    await b.read((await say(a, "one"))[0] as Publish);
    const acknowledgement = onlyPublish(await b.fire(TIMER_ACKNOWLEDGE));
    a.nowMs += GIVE_UP_MS + AWAY_MS;
    assert.equal(publishesOf(await a.fire(TIMER_RESEND)).length, 1);
    assert.equal(fatesOf(a).at(-1), "message.queued");
    await a.read(acknowledgement);
    assert.equal(fatesOf(a).at(-1), "message.delivered");
  });

  it("has failed a day later", async () => {
    const { a } = await answered();
    await say(a, "one");
    a.nowMs += GIVE_UP_MS + AWAY_MS;
    const began = a.nowMs;
    while (fatesOf(a).at(-1) === "message.queued") await a.fire(TIMER_RESEND);
    assert.equal(fatesOf(a).at(-1), "message.failed");
    assert.ok(a.nowMs - began >= AWAY_MS && a.nowMs - began <= 1.2 * AWAY_MS);
  });

  it("has failed in the end on a machine that wakes for a minute a day", async () => {
    const { a } = await answered();
    await say(a, "one");
    const began = a.nowMs;
    while (fatesOf(a).at(-1) === "message.queued") {
      a.nowMs += AWAY_MS;
      await a.fire(TIMER_RESEND);
      assert.ok(a.nowMs - began <= 1.1 * GIVE_UP_MAX_MS);
    }
    assert.equal(fatesOf(a).at(-1), "message.failed");
    assert.ok(a.nowMs - began >= GIVE_UP_MAX_MS);
  });
});
