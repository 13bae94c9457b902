// Goal: each fault knob of the devnet does to the real client what it says, and the client is well again after it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { deadlineMs, eventually, requireWell, scene, sendAll, startClient, startNode, topic } from "./laboratory.ts";

const limit = { timeout: 120_000 };

test("drop: the next two pushes are lost and in the archive", limit, async (t) => {
  const lab = await scene(t);
  lab.node.faults.set("drop", "1", { next: 2 });
  await sendAll(lab.client, ["one", "two", "three"]);
  await lab.client.recorder.until(() => lab.client.recorder.messages.length > 0, "a push");
  assert.deepEqual(lab.client.recorder.payloads(), ["three"]);
  assert.deepEqual(await lab.client.history(), ["one", "two", "three"]);
  assert.equal(lab.node.counters.filterPushesDropped, 2);
  await requireWell(lab);
});

test("drop by chance: the same seed loses the same pushes", limit, async (t) => {
  const texts = Array.from({ length: 20 }, (_, index) => `${index}`);
  const runs: string[][] = [];
  for (let run = 0; run < 2; run += 1) {
    const { node, client } = await scene(t);
    node.faults.set("drop", "0.5");
    await sendAll(client, texts);
    node.faults.set("drop", "off");
    await sendAll(client, ["end"]);
    await client.recorder.until(() => client.recorder.payloads().includes("end"), "the last push");
    runs.push(client.recorder.payloads());
  }
  assert.deepEqual(runs[0], runs[1]);
  assert.ok((runs[0]?.length ?? 0) > 4 && (runs[0]?.length ?? 0) < 18, `${runs[0]?.length} of 21 arrived`);
});

test("delay: pushes wait and keep their order", limit, async (t) => {
  const lab = await scene(t);
  lab.node.faults.set("delay", "100-300ms");
  const texts = Array.from({ length: 10 }, (_, index) => `${index}`);
  const begun = performance.now();
  await sendAll(lab.client, texts);
  await lab.client.recorder.until(() => lab.client.recorder.messages.length > 0, "the first");
  assert.ok(performance.now() - begun >= 95);
  await lab.client.recorder.until(() => lab.client.recorder.messages.length === texts.length, "all");
  assert.deepEqual(lab.client.recorder.payloads(), texts);
  lab.node.faults.set("delay", "off");
  await requireWell(lab);
});

test("duplicate and reorder: the same bytes twice, and the other way round", limit, async (t) => {
  const lab = await scene(t);
  lab.node.faults.set("duplicate", "1", { next: 1 });
  await sendAll(lab.client, ["twice"]);
  await lab.client.recorder.until(() => lab.client.recorder.messages.length === 2, "both copies");
  const [first, second] = lab.client.recorder.messages;
  assert.deepEqual(first, second);
  lab.node.faults.set("reorder", "1", { next: 1 });
  await sendAll(lab.client, ["earlier", "later"]);
  await lab.client.recorder.until(() => lab.client.recorder.messages.length === 4, "both messages");
  assert.deepEqual(lab.client.recorder.payloads().slice(2), ["later", "earlier"]);
  await requireWell(lab);
});

test("reorder with nothing after it: the push comes all the same", limit, async (t) => {
  const lab = await scene(t);
  lab.node.faults.set("reorder", "1", { next: 1 });
  await sendAll(lab.client, ["alone"]);
  await lab.client.recorder.until(() => lab.client.recorder.messages.length === 1, "the push");
  await requireWell(lab);
});

test("withhold and clock-skew: carried, never archived", limit, async (t) => {
  const lab = await scene(t);
  lab.node.faults.set("withhold", "1", { next: 1 });
  await sendAll(lab.client, ["withheld"]);
  lab.node.faults.set("clock-skew", "-90s");
  await sendAll(lab.client, ["from the future"]);
  lab.node.faults.set("clock-skew", "15s");
  await sendAll(lab.client, ["within 20 s"]);
  lab.node.faults.set("clock-skew", "off");
  await requireWell(lab);
  assert.deepEqual(lab.client.recorder.payloads(), ["withheld", "from the future", "within 20 s", "well again"]);
  assert.deepEqual(await lab.client.history(), ["within 20 s", "well again"]);
  const { withheld, notArchived } = lab.node.counters;
  assert.deepEqual({ withheld, notArchived }, { withheld: 1, notArchived: 1 });
});

test("answer-delay: a late answer is an answer, a too late one is none", limit, async (t) => {
  const lab = await scene(t);
  lab.node.faults.set("answer-delay", "200ms", { next: 1 });
  const begun = performance.now();
  await sendAll(lab.client, ["late"]);
  assert.ok(performance.now() - begun >= 195);
  lab.node.faults.set("answer-delay", `${deadlineMs * 2}ms`, { next: 1 });
  assert.equal((await lab.client.send("too late")).kind, "unavailable");
  await requireWell(lab);
});

for (const knob of ["mute", "close-after-request", "close-before-answer"]) {
  test(`${knob}: each protocol ends as unavailable in time`, limit, async (t) => {
    const lab = await scene(t);
    lab.node.faults.set(knob, "lightpush", { next: 1 });
    assert.equal((await lab.client.send("unanswered")).kind, "unavailable");
    // Only a node that closes before its answer has carried it out: the sender cannot tell, and has to repeat.
    const archived = knob === "close-before-answer" ? ["unanswered"] : [];
    assert.deepEqual(await lab.client.history(), archived);
    lab.node.faults.set(knob, "store", { next: 1 });
    await assert.rejects(lab.client.history(), { code: "transport/unavailable" });
    await requireWell(lab);
  });

  test(`${knob}: a subscription that gets no answer is made again`, limit, async (t) => {
    const node = await startNode(t);
    node.faults.set(knob, "filter", { next: 1 });
    const client = await startClient(t, [node]);
    await client.recorder.listening([topic]);
    await requireWell({ node, client });
  });
}

test("mute of metadata: a node that does not say its cluster is tried all the same", limit, async (t) => {
  const node = await startNode(t);
  node.faults.set("mute", "metadata");
  const client = await startClient(t, [node]);
  await client.recorder.listening([topic]);
  node.faults.reset();
  await requireWell({ node, client });
});

test("reject: the status comes through, and nothing is carried out", limit, async (t) => {
  const lab = await scene(t);
  lab.node.faults.set("reject", "lightpush:429,store:503", { next: 2 });
  const refused = await lab.client.send("refused");
  assert.ok(refused.kind === "refused" && refused.status === 429 && refused.retryable, JSON.stringify(refused));
  await assert.rejects(lab.client.history(), { code: "transport/unavailable" });
  await requireWell(lab);
  assert.deepEqual(lab.client.recorder.payloads(), ["well again"]);
});

test("reject of subscriptions: the client asks again until one is confirmed", limit, async (t) => {
  const node = await startNode(t);
  node.faults.set("reject", "filter:503", { next: 2 });
  const client = await startClient(t, [node]);
  await client.recorder.listening([topic]);
  await requireWell({ node, client });
});

test("cut-on-request: the connection goes, and comes back with its subscription", limit, async (t) => {
  const lab = await scene(t);
  const skip = lab.client.recorder.listenings.length;
  lab.node.faults.set("cut-on-request", "lightpush", { next: 1 });
  assert.equal((await lab.client.send("cut")).kind, "unavailable");
  await lab.client.recorder.listening([topic], skip);
  await requireWell(lab);
  assert.deepEqual(lab.client.recorder.payloads(), ["well again"]);
});

test("refuse-connections: nobody comes in, and everybody comes back after it", limit, async (t) => {
  const lab = await scene(t);
  const skip = lab.client.recorder.listenings.length;
  lab.node.faults.set("refuse-connections", "on");
  lab.node.disconnectAll();
  await lab.client.recorder.until(() => lab.client.transport.status().peers === 0, "the loss");
  await eventually("a refused connection", () => (lab.node.faults.list()[0]?.struck ?? 0) >= 2);
  assert.equal(lab.client.transport.status().peers, 0);
  lab.node.faults.reset();
  await lab.client.recorder.listening([topic], skip);
  await requireWell(lab);
});
