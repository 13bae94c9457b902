/**
 * Goal: whoever sets the machine's clock back, by an hour or a day, makes no conversation wait for that hour: a lost message
 * is asked for and comes, a superseded one closes in time. Method: two nodes with the real types and stores on the
 * in-process network, whose clock of the wall alone is set.
 */
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { createNetwork, type InProcessNetwork } from "../../support/engine/in-process-transport.ts";
import { removeDir, scratchDir, startNode, type TestNode } from "../../support/engine/test-node.ts";
import { SteppingClock } from "../probe/stepping-clock.ts";

const hourMs = 3_600_000;
const dirs: string[] = [];
let clock: SteppingClock;
let network: InProcessNetwork;
let alice: TestNode;
let bob: TestNode;

async function settled<Result>(doing: Promise<Result>): Promise<Result> {
  let isDone = false;
  const done = doing.finally(() => {
    isDone = true;
  });
  while (!isDone) await clock.advance(10);
  return done;
}

const start = (name: string, dir: string) => settled(startNode(network.transport(name), dir, clock));

async function within(limitMs: number, what: string, holds: () => boolean): Promise<void> {
  const endMs = clock.steady() + limitMs;
  while (!holds()) {
    assert.ok(clock.steady() < endMs, `${what} not within ${limitMs / 1000} s`);
    await clock.advance(500);
  }
}

const say = (text: string) => settled(alice.engine.send({ conversation: "c1", text }));
const texts = (node: TestNode) =>
  node.engine
    .events({ after: 0, limit: 1_000 })
    .filter(({ type }) => type === "message.received")
    .map(({ message }) => Buffer.from(message?.body.bytes.subarray(2) ?? []).toString());

beforeEach(async () => {
  clock = new SteppingClock();
  network = createNetwork({ clock });
  dirs.push(scratchDir("alice"), scratchDir("bob"));
  alice = await start("alice", dirs.at(-2) ?? "");
  bob = await start("bob", dirs.at(-1) ?? "");
  const { link } = await settled(alice.engine.createInvite({ uses: 1, expiresAtMs: clock.now() + 100 * hourMs }));
  await settled(bob.engine.acceptInvite({ link, text: "hello" }));
  await within(60_000, "the meeting", () => texts(alice).length === 1);
  await say("zero");
  await within(60_000, "a first message", () => texts(bob).length === 1);
  await clock.advance(60_000);
});
afterEach(async () => {
  for (const node of [alice, bob]) await settled(node.stop());
  for (const dir of dirs.splice(0)) removeDir(dir);
});

/** Two messages, of which the first reaches nobody until somebody asks for it. */
async function loseOne(): Promise<void> {
  // The first of a chain is repeated by itself.
  await say("first");
  await within(5_000, "the first", () => texts(bob).length === 2);
  network.faults.losePush = 1;
  await say("lost");
  await clock.advance(50);
  network.faults.losePush = 0;
  await say("last");
  await clock.advance(1_000);
  assert.deepEqual(texts(bob).slice(-1), ["first"], "the last waits for the lost one");
}

for (const [name, byMs] of [
  ["an hour", hourMs],
  ["a day", 24 * hourMs],
] as const) {
  describe(`a clock that is set back by ${name} while a message is missing`, () => {
    it("has it asked for and sent again within minutes", async () => {
      await loseOne();
      clock.set(-byMs);
      await within(10 * 60_000, "the lost message", () => texts(bob).length === 4);
      assert.deepEqual(texts(bob).slice(-3), ["first", "lost", "last"]);
      await within(10 * 60_000, "all acknowledgements", () =>
        alice.engine
          .messages({ conversation: "c1", limit: 9 })
          .every(({ direction, state }) => direction === "in" || state === "delivered"),
      );
    });
  });
}
