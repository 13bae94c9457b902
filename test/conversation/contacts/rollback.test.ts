/** Goal: a conversation that learns that its state is an older copy sends nothing any more, whatever happens to it, and says so. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type PrivateState, TIMER_FORGET } from "../../../src/conversation/private-v1/state.ts";
import { utf8 } from "../../../src/crypto/bytes.ts";
import { answered, fatesOf, type Hand, type Publish, publishesOf, say } from "../by-hand.ts";

type Private = Hand<PrivateState>;

const rollBack = (hand: Private) => hand.take({ kind: "rolled-back" });
const prefixed = ({ row }: Private, prefix: string) => [...row.records.keys()].filter((key) => key.startsWith(prefix));

describe("a rolled-back conversation", () => {
  it("is told once, keeps nothing that could leave, and fires no timer that sends", async () => {
    const { a } = await answered();
    await say(a, "on its way");
    const told = await rollBack(a);
    assert.deepEqual(publishesOf(told), []);
    assert.deepEqual(fatesOf(a).slice(-1), ["message.failed"]);
    for (const prefix of ["out/", "repeat/", "bundle/ours"]) assert.deepEqual(prefixed(a, prefix), [], prefix);
    await a.refuses({ kind: "rolled-back" }, "known");
    for (const name of ["acknowledge", "resend", "flush", "bundle", "move"])
      await a.refuses({ kind: "timer", name }, "sends nothing");
    const refused = await a.decide({ kind: "command", command: { kind: "send", text: "more" } });
    assert.equal((refused as { reason: string }).reason, "conversation/rolled-back");
    assert.equal(a.type.summary(a.state).standing, "rolled-back");
  });

  it("tells of all content that waited for a number, a few a turn", async () => {
    const { a } = await answered();
    let sent = 1;
    while (prefixed(a, "wait/").length < 150) {
      await say(a, `text ${sent}`);
      sent += 1;
    }
    await rollBack(a);
    while ((a.row.timers.get(TIMER_FORGET) ?? Number.POSITIVE_INFINITY) <= a.nowMs)
      assert.deepEqual(publishesOf(await a.fire(TIMER_FORGET)), []);
    assert.deepEqual(prefixed(a, "wait/"), []);
    // The first is the invite's, which was acknowledged.
    assert.deepEqual(fatesOf(a).slice(1), Array(sent - 1).fill("message.failed"));
  });

  it("reads on, asks its inbox for a new conversation once, and answers neither content nor marks", async () => {
    const { a, b } = await answered();
    await rollBack(a);
    const [first] = (await say(b, "one")) as [Publish];
    const read = await a.read(first);
    assert.deepEqual(publishesOf(read), []);
    assert.ok(a.texts().includes("one"));
    assert.equal(wordsOf(read, "rolled-back"), 1);
    const more = await a.read(((await say(b, "two")) as [Publish])[0]);
    assert.equal(wordsOf(more, "rolled-back"), 0);
    await a.refuses({ kind: "timer", name: "acknowledge" }, "sends nothing");
    const copy = await a.decide(a.input(first.envelope));
    assert.notEqual(copy.kind, "accept", "a copy of a marked envelope is not answered");
  });

  it("gives content back that another conversation gave it", async () => {
    const { a } = await answered();
    await rollBack(a);
    const word = {
      kind: "content",
      ident: "5".repeat(32),
      messageId: "6".repeat(32),
      timestampMs: 1,
      domain: 0,
      tag: 5,
      bytes: "",
    };
    const told = await a.take({ kind: "told", name: "content", data: utf8(JSON.stringify(word)) });
    assert.deepEqual(publishesOf(told), []);
    assert.equal(wordsOf(told, "failed"), 1);
  });
});

function wordsOf({ effects }: Awaited<ReturnType<Private["take"]>>, kind: string): number {
  return effects.filter(
    (effect) => effect.kind === "tell" && new TextDecoder().decode(effect.data).includes(`"kind":"${kind}"`),
  ).length;
}
