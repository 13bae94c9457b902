import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { createMailboxes } from "../../src/engine/turn/mailbox.ts";
import { rounds } from "./probe/stepping-clock.ts";

describe("mailboxes", () => {
  it("run the turns of one conversation one by one, in order; a failing one stops nobody", async () => {
    const turn = fc.record({ conversation: fc.nat(3), rounds: fc.nat(3), fails: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.array(turn, { maxLength: 40 }), async (turns) => {
        const mailboxes = createMailboxes();
        const running = new Set<number>();
        const done: number[][] = [[], [], [], []];
        const outcomes = turns.map(({ conversation, rounds: count, fails }, position) =>
          mailboxes.post(conversation, async () => {
            assert.ok(!running.has(conversation), "two turns of one conversation overlap");
            running.add(conversation);
            await rounds(count);
            running.delete(conversation);
            done[conversation]?.push(position);
            if (fails) throw new Error(`turn ${position}`);
            return position;
          }),
        );
        const settled = await Promise.allSettled(outcomes);
        for (const [position, { fails }] of turns.entries()) {
          assert.equal(settled[position]?.status, fails ? "rejected" : "fulfilled");
        }
        for (const [conversation, order] of done.entries()) {
          const posted = turns.flatMap((each, position) => (each.conversation === conversation ? [position] : []));
          assert.deepEqual(order, posted);
        }
        await mailboxes.idle();
        assert.equal(mailboxes.pending(), 0);
      }),
      { numRuns: 50 },
    );
  });

  it("let different conversations run at the same time", async () => {
    const mailboxes = createMailboxes();
    let release = (): void => {};
    const blocked = new Promise<void>((resolve) => {
      release = resolve;
    });
    const slow = mailboxes.post(1, () => blocked);
    await mailboxes.post(2, async () => {});
    assert.equal(mailboxes.pending(), 1);
    release();
    await slow;
  });

  it("queue a turn that a turn posts to its own conversation, and count one that throws at once", async () => {
    const mailboxes = createMailboxes();
    const order: string[] = [];
    let inner: Promise<void> | undefined;
    await mailboxes.post(1, async () => {
      inner = mailboxes.post(1, async () => void order.push("inner"));
      await rounds(2);
      order.push("outer");
    });
    await inner;
    assert.deepEqual(order, ["outer", "inner"]);
    const broken = (): Promise<void> => {
      throw new Error("before the first await");
    };
    await assert.rejects(mailboxes.post(1, broken), /before the first await/);
    await mailboxes.idle();
    assert.equal(mailboxes.pending(), 0);
  });

  it("are idle only when turns posted meanwhile have ended too", async () => {
    const mailboxes = createMailboxes();
    let ended = false;
    void mailboxes.post(1, async () => {
      void mailboxes.post(2, async () => {
        await rounds(3);
        ended = true;
      });
    });
    await mailboxes.idle();
    assert.ok(ended);
  });
});
