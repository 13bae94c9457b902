// Goal: with two service nodes nothing is lost, whichever of them fails in whichever way; and old nodes are of use.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Devnet } from "../../../src/devnet/node.ts";
import { messageBytesMax } from "../../../src/devnet/waku-message.ts";
import type { PublishResult } from "../../../src/engine/ports.ts";
import { sendAll, startClient, startNode, topic } from "./laboratory.ts";

const limit = { timeout: 120_000 };

/** How many nodes took the message; what else a result can be fails the test in words. */
function peersThatTook(result: PublishResult): number | PublishResult {
  return result.kind === "published" ? result.peers : result;
}

test("a message goes to two nodes with one hash, and the result counts them", limit, async (t) => {
  const one = await startNode(t);
  const two = await startNode(t);
  const three = await startNode(t);
  const client = await startClient(t, [one, two, three]);
  assert.equal(peersThatTook(await client.send("hello")), 2);
  assert.deepEqual(
    [one, two, three].map(({ counters }) => counters.archived),
    [1, 1, 0],
  );
  // Two timestamps would make two messages of it, which the merged history would show.
  assert.deepEqual(await client.history(), ["hello"]);
  two.faults.set("reject", "lightpush:503", { next: 1 });
  assert.equal(peersThatTook(await client.send("one will do")), 1);
  assert.equal(three.counters.archived, 0, "nobody else is asked once one has it");
});

test("one node mutes pushes and withholds from Store, in turns: nothing is lost", limit, async (t) => {
  const one = await startNode(t);
  const two = await startNode(t);
  const receiver = await startClient(t, [one, two]);
  const sender = await startClient(t, [one, two]);
  await receiver.recorder.until(() => receiver.recorder.listenings.length >= 2, "a subscription at both");
  const sent: string[] = [];
  const sendWith = async (bad: Devnet, good: Devnet, name: string): Promise<void> => {
    good.faults.reset();
    bad.faults.set("drop", "1");
    bad.faults.set("withhold", "1");
    const texts = Array.from({ length: 10 }, (_, index) => `${name} ${index}`);
    await sendAll(sender, texts);
    sent.push(...texts);
  };
  await sendWith(one, two, "the first is bad");
  await sendWith(two, one, "the second is bad");
  await receiver.recorder.until(() => new Set(receiver.recorder.payloads()).size === sent.length, "every message");
  assert.deepEqual([...new Set(receiver.recorder.payloads())].sort(), sent.toSorted());
  assert.deepEqual(await receiver.history(), sent);
  assert.deepEqual([one.counters.withheld, two.counters.withheld], [10, 10]);
  assert.deepEqual([one.counters.filterPushesDropped, two.counters.filterPushesDropped], [20, 20]);
});

test("one node takes pushes and never answers: no message waits for it long", limit, async (t) => {
  const mute = await startNode(t);
  const good = await startNode(t);
  const client = await startClient(t, [mute, good]);
  mute.faults.set("mute", "lightpush");
  const asked = (): number => mute.faults.list()[0]?.struck ?? 0;
  let sent = 0;
  // The answer of the good one is enough; the other's deadline goes on behind it, and shows in the end that it is silent.
  do {
    assert.equal(peersThatTook(await client.send(`${sent}`)), 1);
    sent += 1;
    assert.ok(sent < 50, "it is still asked");
  } while (asked() === sent);
  const before = asked();
  await sendAll(client, ["not even asked"]);
  assert.equal(asked(), before);
  assert.deepEqual(await client.history(), [...Array(sent).keys()].map(String).concat("not even asked"));
});

test("a node with LightPush v2 only: pushes, refusals, silence and sizes as with v3", limit, async (t) => {
  const old = await startNode(t, { lightPushV2Only: true });
  const client = await startClient(t, [old]);
  await client.recorder.listening([topic]);
  assert.equal(peersThatTook(await client.send("by v2")), 1);
  await client.recorder.until(() => client.recorder.payloads().includes("by v2"), "the push");
  assert.deepEqual(await client.history(), ["by v2"]);

  old.faults.set("reject", "lightpush:429", { next: 1 });
  const busy = await client.send("x");
  assert.ok(busy.kind === "refused" && busy.status === 429 && busy.retryable, JSON.stringify(busy));
  old.faults.set("reject", "lightpush:400", { next: 1 });
  const refused = await client.send("x");
  assert.ok(refused.kind === "refused" && refused.status === 503 && refused.retryable, JSON.stringify(refused));
  assert.match(refused.reason, /fault knob/);

  const requests = old.counters.lightPushAccepted + old.counters.lightPushRefused;
  const large = await client.send("x".repeat(messageBytesMax));
  assert.ok(large.kind === "refused" && large.status === 413 && !large.retryable, JSON.stringify(large));
  assert.equal(old.counters.lightPushAccepted + old.counters.lightPushRefused, requests, "decided before asking");

  for (const knob of ["close-after-request", "mute"]) {
    old.faults.set(knob, "lightpush", { next: 1 });
    assert.equal((await client.send("x")).kind, "unavailable");
  }
  assert.equal(peersThatTook(await client.send("silent nodes are asked again")), 1);
});

test("an old node and a new one: both take the message", limit, async (t) => {
  const old = await startNode(t, { lightPushV2Only: true });
  const present = await startNode(t);
  const client = await startClient(t, [old, present]);
  assert.equal(peersThatTook(await client.send("both")), 2);
  assert.deepEqual(await client.history(), ["both"]);
  assert.deepEqual([old.counters.archived, present.counters.archived], [1, 1]);
});
