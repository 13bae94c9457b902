// Goal: under a quota many conversations of one node still get everything through and acknowledged, and the network never
// sees more of it than it allows. Method: real engines, types and files, an in-process network, a clock that is moved.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { createNetwork } from "../../support/engine/in-process-transport.ts";
import { removeDir, scratchDir, startNode, type TestNode } from "../../support/engine/test-node.ts";
import { SteppingClock } from "../probe/stepping-clock.ts";

const rule = { publications: 40, windowMs: 600_000 };
const SHARE = 8;
const REFILL_MS = rule.windowMs / SHARE;
const PEERS = 11;

describe("a node with many contacts under a quota", () => {
  const clock = new SteppingClock();
  const network = createNetwork({ clock });
  const directories = Array.from({ length: PEERS + 1 }, (_, n) => scratchDir(`quota-${n}`));
  const published: { readonly atMs: number; readonly bytes: string }[] = [];
  const peers: TestNode[] = [];
  let hub: TestNode;

  before(async () => {
    const transport = network.transport("hub");
    const publish = transport.publish.bind(transport);
    transport.publish = (message, signal) => {
      published.push({ atMs: clock.now(), bytes: Buffer.from(message.payload).toString("hex") });
      return publish(message, signal);
    };
    hub = await startNode(transport, directories[0] ?? "", clock, "off", rule);
    for (let n = 1; n <= PEERS; n += 1)
      peers.push(await startNode(network.transport(`peer ${n}`), directories[n] ?? "", clock));
  });
  after(async () => {
    for (const node of [hub, ...peers]) {
      const stopped = node.stop();
      await clock.settle();
      await stopped;
    }
    for (const directory of directories) removeDir(directory);
  });

  const delivered = () =>
    peers.filter(({ engine }) => engine.messages({ conversation: "c1", limit: 50 }).every(isDelivered)).length;
  const isDelivered = ({ direction, state }: { direction: string; state: string }) =>
    direction === "in" || state === "delivered";
  const assertWithinRule = () => {
    for (const { atMs } of published) {
      const since = published.filter((other) => other.atMs >= atMs && other.atMs < atMs + rule.windowMs);
      assert.ok(since.length <= rule.publications, `${since.length} in one window`);
    }
  };

  it("meets them; the bundle that it gives each of them acknowledges too, and needs no token", async () => {
    const { link } = await hub.engine.createInvite({ uses: PEERS, expiresAtMs: clock.now() + 3_600_000 });
    const accepted = peers.map(({ engine }) => engine.acceptInvite({ link, text: "hello" }));
    await clock.advance(1_500);
    await Promise.all(accepted);
    assert.equal(hub.engine.conversations().length, PEERS);
    assert.equal(published.length, 0);
    await clock.advance(1_500);
    assert.equal(delivered(), PEERS);
    await clock.advance(rule.windowMs * 2);
    assertWithinRule();
  });

  it("acknowledges them after 2 s, as many as it has tokens for, then one after the other", async () => {
    const before = published.length;
    const sent = peers.map(({ engine }) => engine.send({ conversation: "c1", text: "again" }));
    await clock.advance(1_500);
    await Promise.all(sent);
    assert.equal(published.length, before, "an acknowledgement may yet find content to ride on");
    await clock.advance(1_500);
    assert.deepEqual([published.length - before, delivered()], [SHARE, SHARE]);
    await clock.advance(REFILL_MS - 3_000);
    assert.equal(delivered(), SHARE);
    await clock.advance(REFILL_MS);
    assert.equal(delivered(), SHARE + 1);
    await clock.advance(REFILL_MS * (PEERS - SHARE) * 4);
    assert.equal(delivered(), PEERS);
    assertWithinRule();
  });

  it("acknowledges by answering, without a token", async () => {
    await clock.advance(rule.windowMs * 2);
    const before = published.length;
    const sending = peers[0]?.engine.send({ conversation: "c1", text: "how are you?" });
    await clock.advance(100);
    await sending;
    const [conversation] = hub.engine.conversations();
    const { quota } = hub.engine.status();
    const answer = hub.engine.send({ conversation: conversation?.handle ?? "", text: "fine" });
    await clock.advance(100);
    await answer;
    assert.equal(published.length, before + 1);
    assert.equal(hub.engine.status().quota?.share.left, quota?.share.left);
    assert.equal(delivered(), PEERS);
  });

  it("gets through more than a window takes, to everybody, within the rule", async () => {
    const sent = hub.engine
      .conversations()
      .flatMap(({ handle }) =>
        Array.from({ length: 5 }, (_, n) => hub.engine.send({ conversation: handle, text: `${handle} ${n}` })),
      );
    await clock.advance(100);
    await Promise.all(sent);
    await clock.advance(rule.windowMs * 4);
    for (const { handle } of hub.engine.conversations()) {
      const rows = hub.engine.messages({ conversation: handle, limit: 50 });
      assert.ok(rows.every(isDelivered), `${handle}: everything is acknowledged`);
    }
    assertWithinRule();
    assert.deepEqual(
      [hub, ...peers].flatMap(({ problems }) => problems.filter(({ level }) => level === "error")),
      [],
    );
  });
});
