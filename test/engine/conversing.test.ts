// Goal: two nodes with the real engine, types, cryptography and SQLite files converse over an in-process network.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { systemClock } from "../../src/daemon/clock.ts";
import { createNetwork } from "../support/engine/in-process-transport.ts";
import { eventOf, removeDir, scratchDir, startNode, type TestNode, until } from "../support/engine/test-node.ts";

const textOf = (event: { message: { body: { bytes: Uint8Array } } | undefined }) =>
  Buffer.from(event.message?.body.bytes ?? []).toString();

describe("two nodes", () => {
  const network = createNetwork({ clock: systemClock });
  const directories = [scratchDir("alice"), scratchDir("bob")] as const;
  let alice: TestNode;
  let bob: TestNode;
  let conversation: string;

  before(async () => {
    alice = await startNode(network.transport("alice"), directories[0]);
    bob = await startNode(network.transport("bob"), directories[1]);
  });
  after(async () => {
    await alice.stop();
    await bob.stop();
    for (const directory of directories) removeDir(directory);
  });

  it("meet by an invite link whose first message arrives and is acknowledged", async () => {
    const { link } = await alice.engine.createInvite({ uses: 1, expiresAtMs: Date.now() + 60_000 });
    const accepted = await bob.engine.acceptInvite({ link, text: "hello alice" });
    conversation = accepted.conversation;
    const received = await eventOf(alice.engine, (event) => event.type === "message.received");
    assert.match(textOf(received), /hello alice/);
    await eventOf(bob.engine, (event) => event.type === "message.delivered");
    assert.equal(bob.engine.message(accepted.messageId ?? "")?.state, "delivered");
    assert.equal(alice.engine.conversations()[0]?.peer, bob.engine.status().clientAddress);
  });

  it("exchange messages both ways, each delivered once and in order", async () => {
    for (let i = 0; i < 30; i += 1) {
      await bob.engine.send({ conversation, text: `to alice ${i}` });
      await alice.engine.send({ conversation: "c1", text: `to bob ${i}` });
    }
    for (const [node, name] of [
      [alice, "alice"],
      [bob, "bob"],
    ] as const) {
      const texts = () =>
        node.engine
          .events({ after: 0, limit: 10_000 })
          .filter((event) => event.type === "message.received")
          .map(textOf)
          .filter((text) => text.includes(`to ${name}`));
      await until(() => texts().length >= 30, `${name} has received 30`);
      assert.deepEqual(
        texts().map((text) => Number(/(\d+)$/.exec(text)?.[1])),
        Array.from({ length: 30 }, (_, i) => i),
      );
    }
    await until(() => alice.store.outboxCount() === 0 && bob.store.outboxCount() === 0, "outboxes empty");
    await until(
      () =>
        [alice, bob].every((node) =>
          node.engine
            .messages({ conversation: "c1", limit: 100 })
            .every((row) => row.direction === "in" || row.state === "delivered"),
        ),
      "everything acknowledged",
    );
  });

  it("numbers events without gaps, and logs no errors", () => {
    for (const node of [alice, bob]) {
      const seqs = node.engine.events({ after: 0, limit: 10_000 }).map((event) => event.seq);
      assert.deepEqual(
        seqs,
        Array.from({ length: seqs.length }, (_, i) => i + 1),
      );
      assert.deepEqual(
        node.problems.filter((problem) => problem.level === "error"),
        [],
      );
    }
  });
});
