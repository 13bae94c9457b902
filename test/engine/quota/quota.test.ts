// Goal: never more in any window than the network takes, whatever is asked, killed and restarted. Method: the real store
// on a clock that the test moves; a model that counts.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { Quota } from "../../../src/engine/quota/quota.ts";
import { temporaryStore } from "../../sqlite/temporary-store.ts";
import { SteppingClock } from "../probe/stepping-clock.ts";

const rule = { publications: 10, windowMs: 60_000 };

/** Takes tokens as a timer does: in hand, then in the commit of its turn. */
function useTokens(quota: Quota, store: Awaited<ReturnType<typeof temporaryStore>>["store"], atMs: number): boolean {
  if (quota.tokens() === 0) return false;
  quota.take(1);
  store.commit({ atMs, conversations: [], spend: quota.shareSpend(1) });
  return true;
}

type Step = "publish" | "token" | "canary" | "kill" | number;
const steps = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom<Step>("publish", "publish", "token") },
    { weight: 1, arbitrary: fc.constantFrom<Step>("canary", "kill") },
    { weight: 3, arbitrary: fc.integer({ min: 1, max: 30_000 }) as fc.Arbitrary<Step> },
  ),
  { minLength: 20, maxLength: 120 },
);

describe("quota", () => {
  it("holds in every window and over every kill, and is used in full", async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (script) => {
        const files = await temporaryStore();
        try {
          const clock = new SteppingClock();
          let { store } = files;
          let quota = new Quota({ store, clock, rule });
          const published: number[] = [];
          const tokens: number[] = [];
          const inWindow = () => published.filter((atMs) => atMs > clock.now() - rule.windowMs).length;
          for (const step of script) {
            if (typeof step === "number") await clock.advance(step);
            else if (step === "kill") {
              // Only what is on disk is left.
              store = await files.reopen();
              quota = new Quota({ store, clock, rule });
            } else if (step === "canary") {
              const waitMs = quota.canaryWaitMs();
              if (waitMs === 0) published.push(clock.now());
              else assert.equal(inWindow(), rule.publications, "a canary waits only when nothing is left");
              quota.canaryGone();
            } else if (step === "token") {
              if (useTokens(quota, store, clock.now())) tokens.push(clock.now());
            } else {
              assert.equal(quota.left(), rule.publications - inWindow(), "neither too many nor too few");
              if (quota.left() === 0) continue;
              quota.spend(1);
              published.push(clock.now());
            }
            assert.ok(inWindow() <= rule.publications);
            // A bucket of 2, one token in 30 s: in any time t at most 2 + t / 30 s.
            for (const since of tokens)
              assert.ok(tokens.filter((atMs) => atMs >= since).length <= 2 + (clock.now() - since) / 30_000);
          }
        } finally {
          files.dispose();
        }
      }),
      { numRuns: 15 },
    );
  });

  it("says when the next may leave, and then it may", async () => {
    const files = await temporaryStore();
    const clock = new SteppingClock();
    const quota = new Quota({ store: files.store, clock, rule });
    quota.spend(4);
    await clock.advance(20_000);
    quota.spend(6);
    assert.equal(quota.left(), 0);
    assert.equal(quota.nextAtMs(), clock.now() + 40_000);
    assert.deepEqual(quota.status(), {
      ...rule,
      left: 0,
      nextAtMs: clock.now() + 40_000,
      share: { tokens: 2, left: 2 },
    });
    await clock.advance(39_999);
    assert.equal(quota.left(), 0);
    await clock.advance(1);
    assert.equal(quota.left(), 4);
    files.dispose();
  });

  it("keeps a place for a canary that waits, and canaries small", async () => {
    const files = await temporaryStore();
    const clock = new SteppingClock();
    const quota = new Quota({ store: files.store, clock, rule });
    quota.spend(10);
    assert.equal(quota.canaryWaitMs(), 60_000);
    await clock.advance(60_000);
    assert.equal(quota.left(), 9, "one place is the canary's");
    assert.equal(quota.canaryWaitMs(), 0);
    assert.equal(quota.left(), 9);
    assert.equal(quota.canaryIntervalMs(1_000), 60_000, "one in ten envelopes");
    files.dispose();
  });

  it("is given back what a turn did not use, and fills at its pace", async () => {
    const files = await temporaryStore();
    const clock = new SteppingClock();
    const quota = new Quota({ store: files.store, clock, rule: { publications: 100, windowMs: 600_000 } });
    assert.equal(quota.tokens(), 20);
    quota.take(4);
    quota.giveBack(3);
    assert.equal(quota.tokens(), 19);
    quota.take(19);
    assert.equal(quota.tokens(), 0);
    assert.equal(quota.nextTokenAtMs(), clock.now() + 30_000);
    await clock.advance(29_999);
    assert.equal(quota.tokens(), 0);
    await clock.advance(1);
    assert.equal(quota.tokens(), 1);
    await clock.advance(10_000_000);
    assert.equal(quota.tokens(), 20, "never more than the bucket holds");
    files.dispose();
  });

  it("is as shut as ever when the clock is put forward, or back", async () => {
    const files = await temporaryStore();
    for (const byMs of [3_600_000, -3_600_000]) {
      const clock = new SteppingClock();
      const quota = new Quota({ store: files.store, clock, rule });
      await clock.advance(3 * rule.windowMs);
      quota.spend(10);
      for (let n = 0; n < 2; n += 1) assert.ok(useTokens(quota, files.store, clock.now()));
      await clock.advance(rule.windowMs / 2);
      clock.set(byMs);
      assert.deepEqual([quota.left(), quota.nextAtMs() - clock.now()], [0, rule.windowMs / 2]);
      const tokens = quota.tokens();
      assert.ok(tokens < 2);
      await clock.advance(rule.windowMs / 2 - 1);
      assert.equal(quota.left(), 0);
      await clock.advance(1);
      assert.equal(quota.left(), 10);
    }
    files.dispose();
  });

  it("is no longer shut than a window when the clock was set back", async () => {
    const files = await temporaryStore();
    const ahead = new SteppingClock(1_900_000_000_000);
    const before = new Quota({ store: files.store, clock: ahead, rule });
    before.spend(10);
    for (let n = 0; n < 2; n += 1) assert.ok(useTokens(before, files.store, ahead.now()));
    const clock = new SteppingClock(1_800_000_000_000);
    const quota = new Quota({ store: await files.reopen(), clock, rule });
    assert.equal(quota.left(), 0);
    assert.equal(quota.tokens(), 0);
    await clock.advance(rule.windowMs);
    assert.equal(quota.left(), 10);
    await clock.advance(rule.windowMs);
    assert.equal(quota.tokens(), 2);
    files.dispose();
  });
});
