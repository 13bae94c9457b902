/** The Transport suite over the in-process network, and its knobs. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Clock } from "../../../src/engine/ports.ts";
import { transportConformance } from "../../conformance/transport/transport.ts";
import { historyOf, publishText, Recorder, topicOf } from "../../conformance/transport/transport-recorder.ts";
import { createNetwork } from "./in-process-transport.ts";

const clock: Clock = {
  now: () => Date.now(),
  steady: () => performance.now(),
  random: (length) => new Uint8Array(length),
  after: (delayMs, run) => {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
};

transportConformance("in process", async () => {
  const network = createNetwork({ clock });
  let made = 0;
  return {
    transport: () => {
      made += 1;
      return network.transport(`participant ${made}`);
    },
    away: async () => network.setOnline(false),
    back: async () => network.setOnline(true),
    close: async () => undefined,
  };
});

/** Two hundred messages through a bad network; what arrived, in order of arrival. */
async function run(seed: number): Promise<{ readonly pushed: string[]; readonly archived: number }> {
  const pending: { atMs: number; run: () => void }[] = [];
  let nowMs = 1_000;
  const virtual: Clock = {
    now: () => nowMs,
    steady: () => nowMs,
    random: (length) => new Uint8Array(length),
    after: (delayMs, then) => {
      const entry = { atMs: nowMs + delayMs, run: then };
      pending.push(entry);
      return () => void (pending.includes(entry) && pending.splice(pending.indexOf(entry), 1));
    },
  };
  const network = createNetwork({ clock: virtual, seed });
  Object.assign(network.faults, { losePush: 0.2, duplicatePush: 0.2, loseArchive: 0.1, delayMs: [0, 50] });
  const receiver = network.transport("receiver");
  const sender = network.transport("sender");
  const recorder = new Recorder();
  await receiver.start(recorder);
  await sender.start(new Recorder());
  receiver.listen([topicOf(1)]);
  const advance = async (): Promise<void> => {
    pending.sort((one, other) => one.atMs - other.atMs);
    const next = pending.shift();
    nowMs = Math.max(nowMs, next?.atMs ?? 0);
    next?.run();
    await new Promise((resolve) => setImmediate(resolve));
  };
  while (pending.length > 0) await advance();
  for (let index = 0; index < 200; index += 1) {
    nowMs += 1;
    void sender.publish({ topic: topicOf(1), payload: Buffer.from(`${index}`) }, new AbortController().signal);
    await new Promise((resolve) => setImmediate(resolve));
  }
  while (pending.length > 0) await advance();
  return { pushed: recorder.payloads(), archived: network.archive.length };
}

test("faults happen, and the same seed repeats them exactly", async () => {
  const one = await run(7);
  assert.deepEqual(await run(7), one);
  assert.notDeepEqual((await run(8)).pushed, one.pushed);
  const distinct = new Set(one.pushed);
  assert.ok(distinct.size < 180 && distinct.size > 130, `${distinct.size} of 200 arrived`);
  assert.ok(one.pushed.length > distinct.size, "some arrived twice");
  assert.notDeepEqual(
    one.pushed.map(Number),
    one.pushed.map(Number).sort((a, b) => a - b),
    "some were overtaken",
  );
  assert.ok(one.archived < 200 && one.archived > 150, `${one.archived} of 200 were archived`);
});

test("the knobs of one participant: refusal, mute, a lost answer, a lost message", async () => {
  const network = createNetwork({ clock });
  const sender = network.transport("sender");
  const receiver = network.transport("receiver");
  const recorder = new Recorder();
  await sender.start(new Recorder());
  await receiver.start(recorder);
  receiver.listen([topicOf(1)]);
  await recorder.listening([topicOf(1)]);
  const send = (text: string) =>
    sender.publish({ topic: topicOf(1), payload: Buffer.from(text) }, new AbortController().signal);

  sender.refusal = { kind: "refused", status: 429, reason: "busy", retryable: true };
  assert.equal((await send("refused")).kind, "refused");
  sender.refusal = undefined;

  network.faults.loseAnswer = 1;
  assert.equal((await send("carried without an answer")).kind, "unavailable");
  network.faults.loseAnswer = 0;
  await recorder.until(() => recorder.messages.length === 1, "the message whose answer was lost");

  network.faults.losePublish = 1;
  assert.equal((await send("swallowed")).kind, "published");
  network.faults.losePublish = 0;

  receiver.muted = true;
  await publishText(sender, topicOf(1), "to deaf ears");
  receiver.muted = false;
  await publishText(sender, topicOf(1), "heard");
  await recorder.until(() => recorder.payloads().includes("heard"), "the message after the mute");
  const archived = await historyOf(receiver, [topicOf(1)], 0, 3);
  assert.deepEqual(archived.map(({ payload }) => Buffer.from(payload).toString()).sort(), [
    "carried without an answer",
    "heard",
    "to deaf ears",
  ]);
  assert.ok(!recorder.payloads().includes("to deaf ears"));
});
