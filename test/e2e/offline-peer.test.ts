// Goal: nobody has to be there when a message is sent: not the peer, not even the service node. Method: one side is down
// while the other writes, invites, or both start before the network does; then everything comes, once and in order.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { AcceptedView, InviteView, SentView } from "../../src/admin/views.ts";
import { assertGapFree, assertNoErrors, connect, Party, ServiceNode } from "./stage/party.ts";
import { Stage, until } from "./stage/processes.ts";

async function network(stage: Stage): Promise<{ node: ServiceNode; alice: Party; bob: Party }> {
  const node = new ServiceNode(stage);
  await node.start();
  const flags = ["--peer", node.multiaddr];
  const [alice, bob] = [new Party(stage, "alice", flags), new Party(stage, "bob", flags)];
  for (const party of [alice, bob]) await party.init();
  return { node, alice, bob };
}

test("40 messages to a peer that is down: all there when it comes back, once, in order, then delivered", async (t) => {
  const stage = new Stage(t);
  const { alice, bob } = await network(stage);
  for (const party of [alice, bob]) {
    await party.start();
    await party.wait("synced");
  }
  await connect(alice, bob, "hello");
  await alice.text("send", "c1", "are you there?", "--wait", "delivered", "--timeout", "120s");
  await bob.stop();

  const texts = Array.from({ length: 40 }, (_, index) => `message ${index + 1}`);
  const ids: string[] = [];
  for (const text of texts) {
    ids.push((await alice.admin.post<SentView>("/v1/messages", { conversation: "c1", text })).messageId);
  }
  await alice.wait("outbox-empty");
  assert.equal((await bob.command(["status"])).code, 69);

  await bob.start();
  assert.deepEqual(await bob.receive(41), ["are you there?", ...texts]);
  await bob.wait("synced");
  await until("delivered", async () => {
    const delivered = (await alice.events()).filter(({ type }) => type === "message.delivered");
    return ids.every((id) => delivered.some(({ data }) => data["messageId"] === id)) || undefined;
  });
  for (const party of [alice, bob]) assertGapFree(await party.events());
  assert.deepEqual(await bob.receivedTexts(), ["are you there?", ...texts], "and nothing came twice meanwhile");
  for (const party of [alice, bob]) await party.stop();
  assertNoErrors(stage);
});

test("an invite is used while its maker is down: the conversation and its messages wait for it", async (t) => {
  const stage = new Stage(t);
  const { alice, bob } = await network(stage);
  await alice.start();
  const { link } = await alice.json<InviteView>("invite", "create");
  await alice.stop();

  await bob.start();
  const accepted = await bob.json<AcceptedView>("invite", "accept", link, "--message", "first");
  for (const text of ["second", "third"]) await bob.text("send", accepted.conversation, text);
  await bob.wait("outbox-empty");
  await bob.stop();

  // Both were never up together.
  await alice.start();
  assert.deepEqual(await alice.receive(3), ["first", "second", "third"]);
  await alice.text("send", "c1", "answer", "--wait", "published", "--timeout", "120s");
  await bob.start();
  assert.deepEqual(await bob.receive(1), ["answer"]);
  await bob.text("send", "c1", "and back", "--wait", "delivered", "--timeout", "120s");
  assert.deepEqual(await alice.receivedTexts(), ["first", "second", "third", "and back"]);
  for (const party of [alice, bob]) await party.stop();
  assertNoErrors(stage);
});

test("daemons that start before any service node: they queue and say why; the node comes and all is sent", async (t) => {
  const stage = new Stage(t);
  const { node, alice, bob } = await network(stage);
  await node.stop();
  for (const party of [alice, bob]) await party.start();
  for (const party of [alice, bob]) {
    assert.match(await party.text("status"), /^state +degraded - no service node is connected$/m);
    assert.equal((await party.command(["wait", "ready", "--timeout", "200ms"])).code, 75);
  }
  const { link } = await alice.json<InviteView>("invite", "create");
  await bob.json<AcceptedView>("invite", "accept", link, "--message", "before the network");
  await bob.text("send", "c1", "still before it");
  assert.match(await bob.text("status"), /^outbox +2$/m);
  // A restart in between must not lose the queue.
  await bob.stop();
  await bob.start();
  assert.equal((await bob.status()).outbox, 2);

  await node.start();
  for (const party of [alice, bob]) await party.wait("synced");
  assert.deepEqual(await alice.receive(2), ["before the network", "still before it"]);
  await alice.text("send", "c1", "welcome", "--wait", "delivered", "--timeout", "120s");
  assert.deepEqual(await bob.receivedTexts(), ["welcome"]);
  for (const party of [alice, bob]) await party.stop();
  assertNoErrors(stage);
});
