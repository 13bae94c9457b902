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

describe("a clock that was ten years ahead and is corrected while the daemon is down", () => {
  const yearsMs = 10 * 365 * 24 * hourMs;
  const told = (node: TestNode) => node.problems.filter(({ fields }) => fields["event"] === "clock.set-back");

  it("holds nothing up at the next start, hears what came meanwhile, and is said once", async () => {
    const dir = dirs.at(-1) ?? "";
    clock.set(yearsMs);
    await say("in the wrong year");
    await within(60_000, "a message", () => texts(bob).includes("in the wrong year"));
    await clock.advance(60_000);
    network.setOnline(false);
    await settled(bob.engine.send({ conversation: "c1", text: "waits for the network" }));
    await settled(bob.stop());
    clock.set(-yearsMs);
    network.setOnline(true);
    await say("while you were down");
    await clock.advance(30 * 60_000);

    bob = await start("bob", dir);
    await within(60_000, "what came meanwhile", () => texts(bob).includes("while you were down"));
    await within(60_000, "what waited", () => texts(alice).includes("waits for the network"));
    await within(5 * 60_000, "acknowledgements", () =>
      [alice, bob].every(({ engine }) =>
        engine
          .messages({ conversation: "c1", limit: 9 })
          .every(({ direction, state }) => direction === "in" || state === "delivered"),
      ),
    );
    const [line, ...more] = told(bob);
    assert.deepEqual([line?.fields["when"], more], ["before this start", []]);
    assert.ok(Math.abs(Number(line?.fields["seconds"]) * 1_000 - yearsMs) <= hourMs, "less the time that it was down");
    assert.equal(bob.engine.status().state, "ready");
    for (const { ok, text } of bob.engine.health()) assert.ok(ok && !/-\d/.test(text), text);

    await settled(bob.stop());
    bob = await start("bob", dir);
    await clock.advance(60_000);
    assert.deepEqual(told(bob), [], "the next start has nothing to say");
  });

  it("is found after a kill too: no last word is needed", async () => {
    clock.set(yearsMs);
    await say("dated by the wrong clock");
    await clock.advance(60_000);
    const ranAtMs = alice.store.ranAtMs() ?? 0;
    assert.ok(
      clock.now() - ranAtMs <= 2 * 60_000 && ranAtMs > clock.now() - yearsMs / 2,
      "it is on disk while it runs",
    );
  });

  it("has its links used all the same", async () => {
    const dir = scratchDir("carol");
    dirs.push(dir);
    let carol = await start("carol", dir);
    const stopped = async () => settled(carol.stop());
    try {
      network.setOnline(false);
      clock.set(yearsMs);
      const link = await settled(carol.engine.createInvite({ uses: 1, expiresAtMs: clock.now() + 100 * hourMs }));
      await stopped();
      clock.set(-yearsMs);
      network.setOnline(true);
      carol = await start("carol", dir);
      await settled(alice.engine.acceptInvite({ link: link.link, text: "hello carol" }));
      await within(60_000, "an invite by a link of the wrong year", () => texts(carol).includes("hello carol"));
    } finally {
      await stopped();
    }
  });
});
