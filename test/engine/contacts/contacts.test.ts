// Goal: people as an operator sees them, over three whole nodes: requests, names, blocking and leaving.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { systemClock } from "../../../src/daemon/clock.ts";
import { createNetwork } from "../../support/engine/in-process-transport.ts";
import { eventOf, removeDir, scratchDir, startNode, type TestNode, until } from "../../support/engine/test-node.ts";

describe("people", () => {
  const network = createNetwork({ clock: systemClock });
  const directories = [scratchDir("alice"), scratchDir("bob")] as const;
  let alice: TestNode;
  let bob: TestNode;

  before(async () => {
    alice = await startNode(network.transport("alice"), directories[0]);
    bob = await startNode(network.transport("bob"), directories[1]);
    const { link } = await alice.engine.createInvite({ uses: 1, expiresAtMs: Date.now() + 60_000 });
    await bob.engine.acceptInvite({ link, text: "hello alice" });
    await eventOf(bob.engine, (event) => event.type === "message.delivered");
  });
  after(async () => {
    await alice.stop();
    await bob.stop();
    for (const directory of directories) removeDir(directory);
  });

  it("get names that messages can be sent to, and that outlive a restart", async () => {
    const { people } = alice.engine;
    assert.deepEqual(
      people.contacts().map(({ name, conversations }) => [name, conversations]),
      [[null, ["c1"]]],
    );
    await people.renameContact("c1", "Bob");
    await people.renameConversation("c1", "chess");
    assert.equal((await people.verifyContact("Bob", true)).isVerified, true);
    await assert.rejects(people.renameContact("Bob", "c9"), { code: "contact/bad-name" });
    assert.equal((await alice.engine.send({ conversation: "Bob", text: "by contact" })).conversation, "c1");
    assert.equal((await alice.engine.send({ conversation: "chess", text: "by conversation" })).conversation, "c1");
    await alice.stop();
    alice = await startNode(network.transport("alice again"), directories[0]);
    assert.equal(alice.engine.people.findContact("Bob").address, bob.engine.status().clientAddress);
    assert.equal(alice.engine.people.findContact("Bob").isVerified, true, "a comparison outlives a restart too");
    assert.equal(alice.engine.findConversation("chess").handle, "c1");
    assert.throws(() => alice.engine.people.findContact("Eve"), { code: "contact/unknown" });
  });

  it("that are blocked are not heard until they are unblocked", async () => {
    const { people } = alice.engine;
    assert.equal((await people.blockContact("Bob", true)).isBlocked, true);
    assert.equal(people.findContact("Bob").isVerified, true);
    assert.equal((await people.verifyContact("c1", false)).isVerified, false);
    const { messageId } = await bob.engine.send({ conversation: "c1", text: "hear me" });
    await until(() => bob.engine.message(messageId)?.state === "published", "bob's message is out");
    await assert.rejects(alice.engine.send({ conversation: "c1", text: "no" }), { code: "contact/blocked" });
    assert.equal(alice.engine.findConversation("c1").standing, "blocked");
    await people.blockContact("Bob", false);
    await alice.engine.send({ conversation: "c1", text: "yes" });
    await eventOf(
      alice.engine,
      (event) => event.type === "message.received" && event.message?.messageId === messageId,
      60_000,
    );
  });

  it("are left without a word: the conversation is gone with its keys", async () => {
    assert.equal((await alice.engine.people.leaveConversation("chess")).handle, "c1");
    assert.throws(() => alice.engine.findConversation("c1"), { code: "conversation/unknown" });
    assert.deepEqual(alice.engine.people.findContact("Bob").conversations, []);
    await until(() => alice.store.timersDue(Date.now() + 1_000, 1).length === 0, "the inbox has heard of it");
    assert.deepEqual(
      [alice, bob].flatMap(({ problems }) => problems.filter(({ level }) => level === "error")),
      [],
    );
  });
});
