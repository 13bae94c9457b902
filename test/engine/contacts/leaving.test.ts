/** Goal: who leaves a conversation loses no message in silence: what cannot arrive any more fails, and nothing stays behind that takes more. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { systemClock } from "../../../src/daemon/clock.ts";
import { createNetwork } from "../../support/engine/in-process-transport.ts";
import { eventOf, removeDir, scratchDir, startNode, type TestNode, until } from "../../support/engine/test-node.ts";

describe("leaving", () => {
  const network = createNetwork({ clock: systemClock });
  const directories = [scratchDir("alice"), scratchDir("bob")] as const;
  let alice: TestNode;
  let bob: TestNode;

  before(async () => {
    alice = await startNode(network.transport("alice"), directories[0]);
    bob = await startNode(network.transport("bob"), directories[1]);
    for (const text of ["first", "second"]) {
      const { link } = await alice.engine.createInvite({ uses: 1, expiresAtMs: Date.now() + 60_000 });
      const { conversation, messageId } = await bob.engine.acceptInvite({ link, text });
      await eventOf(
        bob.engine,
        ({ type, message }) => type === "message.delivered" && message?.messageId === messageId,
      );
      await until(() => bob.engine.findConversation(conversation).isHeard === true, `${conversation} is heard`);
    }
  });
  after(async () => {
    await alice.stop();
    await bob.stop();
    for (const directory of directories) removeDir(directory);
  });

  it("tells which conversation took the place of the other", () => {
    for (const { engine } of [alice, bob])
      assert.deepEqual(
        ["c1", "c2"].map((handle) => engine.conversationState(handle)),
        ["superseded", "open"],
      );
  });

  it("the conversation that superseded another leaves that one too, and fails what has not arrived", async () => {
    // Bob is away, so nothing more is acknowledged.
    await bob.stop();
    const { messageId, conversation } = await alice.engine.send({ conversation: "c1", text: "never acknowledged" });
    assert.equal(conversation, "c2", "what is sent in a superseded conversation goes to its successor");
    await until(() => alice.engine.message(messageId)?.state !== "queued", "it is out");
    await alice.engine.people.leaveConversation("c2");
    const failed = await eventOf(alice.engine, ({ type }) => type === "message.failed");
    assert.equal(failed.message?.messageId, messageId);
    assert.equal(alice.engine.message(messageId)?.state, "failed");
    await until(() => alice.engine.people.contacts().length === 0, "the superseded conversation is closed too");
    await assert.rejects(alice.engine.send({ conversation: "c1", text: "nobody gives this on" }), {
      code: "conversation/unknown",
    });
    assert.equal(alice.store.outboxCount(), 0);
  });
});
