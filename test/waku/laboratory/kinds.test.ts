// Goal: the knobs about answers, streams and single kinds of requests do to the real client what they say, and the
// client is well again after them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { requireWell, scene, sendAll, topic } from "./laboratory.ts";

const limit = { timeout: 120_000 };
test("answer-twice: the first answer counts, and it is carried out once", limit, async (t) => {
  const lab = await scene(t);
  lab.node.faults.set("answer-twice", "lightpush,store,filter");
  await sendAll(lab.client, ["once"]);
  await lab.client.recorder.until(() => lab.client.recorder.messages.length > 0, "the push");
  assert.deepEqual(await lab.client.history(), ["once"]);
  assert.deepEqual(lab.client.recorder.payloads(), ["once"]);
  assert.ok((lab.node.faults.struck()["answer-twice"] ?? 0) >= 2);
  lab.node.faults.reset();
  await requireWell(lab);
});

test("break-push: a push arrives, its stream breaks, and the subscription is made anew", limit, async (t) => {
  const lab = await scene(t);
  const skip = lab.client.recorder.listenings.length;
  lab.node.faults.set("break-push", "1", { next: 1 });
  await sendAll(lab.client, ["pushed"]);
  await lab.client.recorder.listening([topic], skip);
  assert.deepEqual(await lab.client.history(), ["pushed"]);
  assert.deepEqual(lab.node.faults.struck(), { "break-push": 1 });
  await requireWell(lab);
});

test("cut-on-push: the connection goes instead of the push, and history has it", limit, async (t) => {
  const lab = await scene(t);
  const skip = lab.client.recorder.listenings.length;
  lab.node.faults.set("cut-on-push", "1", { next: 1 });
  await lab.client.send("not pushed");
  await lab.client.recorder.listening([topic], skip);
  assert.deepEqual(lab.client.recorder.payloads(), []);
  assert.deepEqual(await lab.client.history(), ["not pushed"]);
  await requireWell(lab);
});

test("after: so many pass, then it strikes; one kind of request alone", limit, async (t) => {
  const lab = await scene(t);
  const texts = Array.from({ length: 45 }, (_, index) => `${index}`);
  await sendAll(lab.client, texts);
  // Three pages: the second of those after the first is refused, the first pages are not even counted.
  lab.node.faults.set("reject", "store.page:503", { next: 1, after: 1 });
  assert.deepEqual(await lab.client.transport.confirm([], new AbortController().signal), []);
  await assert.rejects(lab.client.history(), { code: "transport/unavailable" });
  assert.deepEqual(await lab.client.history(), texts);
  assert.deepEqual(lab.node.faults.struck(), { reject: 1 });
  await lab.client.recorder.until(() => lab.client.recorder.messages.length === texts.length, "all pushes");
  await requireWell(lab);
});
