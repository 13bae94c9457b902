import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import {
  LOOK_RETRY_MS,
  OUTBOX_PARALLEL_MAX,
  OUTBOX_PAUSE_MS,
  OUTBOX_RETRY_MIN_MS,
  OUTBOX_UNTAKEN_MAX_MS,
  PUBLISH_DEADLINE_MS,
} from "../../../src/engine/limits.ts";
import type { PublishResult } from "../../../src/engine/ports.ts";
import { decodeEnvelope } from "../../../src/wire/envelope.ts";
import { diskFull } from "../probe/faulty-store.ts";
import { createRig, type Rig } from "../probe/rig.ts";

let rig: Rig;
afterEach(() => rig.dispose());

async function send(text: string, conversation = "c0"): Promise<string> {
  const sent = rig.engine.send({ conversation, text });
  await rig.clock.settle();
  return (await sent).messageId;
}

/** Texts that the network has, in the order in which it got them. */
function carried(): string[] {
  return rig.network.archive.map(({ payload }) => {
    const envelope = decodeEnvelope(payload);
    assert.equal(envelope.kind, "readable");
    if (envelope.kind !== "readable") return "";
    return JSON.parse(Buffer.from(envelope.value.encryptedBytes.bytes).toString()).text;
  });
}
const types = () => rig.store.events({ after: 0, limit: 1_000 }).map(({ type }) => type);
const outboxCheck = () => rig.engine.health().find(({ name }) => name === "outbox");
const refused = (isRetryable: boolean): PublishResult => ({
  kind: "refused",
  status: 500,
  reason: "asked to refuse",
  retryable: isRetryable,
});

describe("outbox", () => {
  it("publishes what is committed, and tells so once", async () => {
    rig = await createRig();
    const id = await send("one");
    assert.deepEqual(carried(), ["one"]);
    assert.equal(rig.engine.message(id)?.state, "published");
    assert.deepEqual(types(), ["message.queued", "message.published"]);
    assert.equal(rig.store.outboxCount(), 0);
  });

  it("never lets bytes out whose commit has failed", async () => {
    rig = await createRig();
    rig.faults.before = ({ method }) => {
      if (method === "commitAll") throw diskFull();
    };
    const sent = rig.engine.send({ conversation: "c0", text: "lost" });
    await Promise.all([assert.rejects(sent, { code: "store/full" }), rig.clock.settle()]);
    rig.faults.before = () => {};
    await rig.clock.advance(10_000);
    assert.deepEqual(carried(), []);
    await send("kept");
    assert.deepEqual(carried(), ["kept"]);
  });

  it("keeps the order within a conversation, however long answers take", async () => {
    rig = await createRig(["p0", "p1"]);
    rig.network.faults.delayMs = [0, 50];
    const texts = Array.from({ length: 20 }, (_, n) => String(n));
    for (const text of texts) {
      void rig.engine.send({ conversation: "c0", text: `a${text}` });
      void rig.engine.send({ conversation: "c1", text: `b${text}` });
    }
    await rig.clock.advance(20_000);
    for (const name of ["a", "b"])
      assert.deepEqual(
        carried().filter((text) => text.startsWith(name)),
        texts.map((text) => `${name}${text}`),
      );
    assert.equal(rig.store.outboxCount(), 0);
  });

  it("has a bounded number under way, and gets all done", async () => {
    const idents = Array.from({ length: OUTBOX_PARALLEL_MAX + 10 }, (_, n) => `p${n}`);
    rig = await createRig(idents);
    rig.network.faults.delayMs = [100, 100];
    for (const number of idents.keys()) void rig.engine.send({ conversation: `c${number}`, text: String(number) });
    await rig.clock.settle();
    assert.equal(carried().length, OUTBOX_PARALLEL_MAX);
    await rig.clock.advance(1_000);
    assert.equal(new Set(carried()).size, idents.length);
    assert.equal(rig.store.outboxCount(), 0);
  });

  it("goes on when a node carries out what it never answers: a Store node knows, and who is behind waits for nobody", async () => {
    rig = await createRig();
    rig.network.faults.loseAnswer = 1;
    for (const text of ["one", "two", "three"]) await send(text);
    await rig.clock.advance(4 * OUTBOX_PAUSE_MS);
    assert.deepEqual(carried(), ["one", "two", "three"], "each once");
    assert.equal(rig.store.outboxCount(), 0);
    assert.ok(outboxCheck()?.ok);
  });

  it("says so when no node takes anything for a minute, though pushes come", async () => {
    rig = await createRig();
    rig.transport.refusal = { kind: "unavailable", reason: "a closed stream" };
    await send("one");
    // Only passing time counts, not a clock that is set.
    rig.clock.set(OUTBOX_UNTAKEN_MAX_MS);
    await rig.clock.advance(OUTBOX_UNTAKEN_MAX_MS - OUTBOX_PAUSE_MS);
    assert.ok(outboxCheck()?.ok, "a node may be starting anew");
    await rig.clock.advance(OUTBOX_PAUSE_MS);
    assert.match(outboxCheck()?.text ?? "", /no service node takes them \(a closed stream\): 1 wait/);
    assert.equal(outboxCheck()?.ok, false);
    rig.transport.refusal = undefined;
    await rig.clock.advance(OUTBOX_PAUSE_MS);
    assert.ok(outboxCheck()?.ok);
  });

  it("repeats the same bytes when an answer was lost, and no Store node has them", async () => {
    rig = await createRig();
    rig.network.faults.loseAnswer = 1;
    rig.transport.storeIsSilent = true;
    await send("one");
    assert.equal(rig.store.outboxCount(), 1);
    rig.network.faults.loseAnswer = 0;
    await rig.clock.advance(OUTBOX_PAUSE_MS);
    assert.deepEqual(carried(), ["one", "one"]);
    const [first, second] = rig.network.archive;
    assert.deepEqual(first?.payload, second?.payload);
    assert.notDeepEqual(first?.hash, second?.hash, "a fresh Waku timestamp: nodes refuse old ones");
    assert.deepEqual(types(), ["message.queued", "message.published"]);
  });

  it("repeats the same bytes after a restart, also when the crash came after the publishing", async () => {
    rig = await createRig();
    rig.faults.before = ({ method }) => {
      if (method === "outboxDone") throw diskFull();
    };
    await send("one");
    await rig.clock.advance(10);
    rig = await rig.restart();
    await rig.clock.settle();
    assert.deepEqual(carried(), ["one", "one"]);
    assert.deepEqual(rig.network.archive[0]?.payload, rig.network.archive[1]?.payload);
    assert.deepEqual(types(), ["message.queued", "message.published"]);
  });

  it("waits without a network, and goes on as soon as it is back", async () => {
    rig = await createRig();
    rig.transport.setOnline(false);
    await send("one");
    await send("two");
    await rig.clock.advance(60_000);
    assert.deepEqual(carried(), []);
    assert.equal(rig.store.outboxDue(Number.MAX_SAFE_INTEGER, 10)[0]?.attempts, 0);
    rig.transport.setOnline(true);
    await rig.clock.settle();
    assert.deepEqual(carried(), ["one", "two"]);
    assert.deepEqual(
      rig.lines.filter(({ level }) => level === "error"),
      [],
    );
  });

  it("looks by itself, if nobody says that the network is back", async () => {
    rig = await createRig();
    rig.transport.refusal = { kind: "unavailable", reason: "a deadline" };
    await send("one");
    rig.transport.refusal = undefined;
    await rig.clock.advance(OUTBOX_PAUSE_MS);
    assert.deepEqual(carried(), ["one"]);
  });

  it("repeats a refused envelope less and less often, and lets nothing of its conversation past it", async () => {
    rig = await createRig(["p0", "p1"]);
    rig.transport.refusal = refused(true);
    await send("one");
    await send("two");
    await rig.clock.advance(OUTBOX_RETRY_MIN_MS * 8);
    assert.equal(rig.store.outboxDue(Number.MAX_SAFE_INTEGER, 10)[0]?.attempts, 4);
    rig.transport.refusal = undefined;
    await send("other", "c1");
    assert.deepEqual(carried(), ["other"]);
    await rig.clock.advance(60_000);
    assert.deepEqual(carried(), ["other", "one", "two"]);
  });

  it("gives up what can never pass: the message has failed, the row is gone, the next one goes", async () => {
    rig = await createRig();
    rig.transport.refusal = refused(false);
    const id = await send("one");
    rig.transport.refusal = undefined;
    await rig.clock.settle();
    assert.equal(rig.engine.message(id)?.state, "failed");
    assert.equal(rig.store.outboxCount(), 0);
    assert.deepEqual(types(), ["message.queued", "message.failed"]);
    await send("two");
    assert.deepEqual(carried(), ["two"]);
  });

  it("gives up what can never pass of a conversation that is closed", async () => {
    rig = await createRig();
    rig.transport.setOnline(false);
    await send("one");
    const closed = rig.engine.send({ conversation: "c0", text: '!{"op":"close"}' });
    await Promise.all([closed, rig.clock.settle()]);
    rig.transport.refusal = refused(false);
    rig.transport.setOnline(true);
    await rig.clock.settle();
    assert.equal(rig.store.outboxCount(), 0);
  });

  it("ends a publishing that hangs at its deadline, and repeats it", async () => {
    rig = await createRig();
    rig.network.faults.delayMs = [PUBLISH_DEADLINE_MS * 2, PUBLISH_DEADLINE_MS * 2];
    await send("one");
    await rig.clock.advance(PUBLISH_DEADLINE_MS);
    assert.equal(rig.engine.counters.get("outbox.unavailable"), 1);
    rig.network.faults.delayMs = [0, 0];
    await rig.clock.advance(OUTBOX_PAUSE_MS);
    assert.equal(rig.store.outboxCount(), 0);
  });

  it("goes on after the store could not be read or written, and the turn that woke it is not harmed", async () => {
    rig = await createRig();
    rig.faults.before = ({ method }) => {
      if (method === "outboxDue") throw diskFull();
    };
    await send("one");
    assert.deepEqual(carried(), []);
    rig.faults.before = ({ method }) => {
      if (method === "outboxDone") throw diskFull();
    };
    await rig.clock.advance(LOOK_RETRY_MS);
    rig.faults.before = () => {};
    await rig.clock.advance(OUTBOX_PAUSE_MS);
    assert.deepEqual(carried(), ["one", "one"]);
    assert.equal(rig.store.outboxCount(), 0);
  });

  it("is aborted by a stop: nothing hangs, nothing is marked that was not carried", async () => {
    rig = await createRig();
    rig.network.faults.delayMs = [1_000, 1_000];
    await send("one");
    const stopped = rig.engine.stop(100);
    await rig.clock.settle();
    await stopped;
    assert.equal(rig.store.outboxCount(), 1);
    rig.network.faults.delayMs = [0, 0];
    rig = await rig.restart();
    await rig.clock.settle();
    assert.equal(rig.store.outboxCount(), 0);
    assert.deepEqual(types(), ["message.queued", "message.published"]);
  });
});
