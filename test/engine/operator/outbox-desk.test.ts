// Goal: what operators do to messages that wait or have failed, and what the peer sees of it. Method: two real nodes on an
// in-process network and a clock that is moved.
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { KEPT_WHOLES_MAX } from "../../../src/conversation/private-v1/state.ts";
import type { EventRow, PublishResult } from "../../../src/engine/ports.ts";
import { textOf } from "../../../src/wire/content-frame.ts";
import { createNetwork, type InProcessTransport } from "../../support/engine/in-process-transport.ts";
import { removeDir, scratchDir, startNode, type TestNode } from "../../support/engine/test-node.ts";
import { SteppingClock } from "../probe/stepping-clock.ts";

const refusal: PublishResult = { kind: "refused", status: 400, reason: "asked to refuse", retryable: false };

describe("the outbox desk", () => {
  let clock: SteppingClock;
  let directories: string[];
  let transport: InProcessTransport;
  let alice: TestNode;
  let bob: TestNode;

  /** Alice has invited Bob; they have spoken, and everything is acknowledged. */
  beforeEach(async () => {
    clock = new SteppingClock();
    const network = createNetwork({ clock });
    directories = [scratchDir("alice"), scratchDir("bob")];
    transport = network.transport("alice");
    alice = await startNode(transport, directories[0] ?? "", clock);
    bob = await startNode(network.transport("bob"), directories[1] ?? "", clock);
    const { link } = await soon(alice.engine.createInvite({ uses: 1, expiresAtMs: clock.now() + 3_600_000 }));
    await soon(bob.engine.acceptInvite({ link, text: "hello" }));
    await clock.advance(10_000);
    await soon(alice.engine.send({ conversation: "c1", text: "welcome" }));
    await clock.advance(10_000);
  });
  afterEach(async () => {
    for (const node of [alice, bob]) {
      assert.deepEqual(
        node.problems.filter(({ level }) => level === "error"),
        [],
      );
      await soon(node.stop());
    }
    for (const directory of directories) removeDir(directory);
  });

  async function soon<Result>(promise: Promise<Result>): Promise<Result> {
    promise.catch(() => {});
    await clock.advance(20);
    return promise;
  }
  async function send(text: string): Promise<string> {
    return (await soon(alice.engine.send({ conversation: "c1", text }))).messageId;
  }
  const cancel = (id: string) => soon(alice.engine.desk.outbox.cancel(id));
  const retry = (id: string) => soon(alice.engine.desk.outbox.retry(id));
  const eventsOf = (node: TestNode) => node.engine.events({ after: 0, limit: 10_000 });
  const read = ({ message }: EventRow) => (message === undefined ? "" : (textOf(message.body) ?? ""));
  const received = () =>
    eventsOf(bob)
      .filter(({ type }) => type === "message.received")
      .map(read)
      .slice(1);
  const waiting = () => alice.engine.desk.outbox.list(1_000).waiting;
  const fates = (id: string) =>
    eventsOf(alice)
      .filter(({ message }) => message?.messageId === id)
      .map(({ type }) => type.replace("message.", ""));
  const isSettled = () =>
    alice.engine
      .messages({ conversation: "c1", limit: 1_000 })
      .every(({ direction, state }) => direction === "in" || state === "delivered" || state === "failed");

  it("cancels the only message, although the chain relies on its envelope; the next arrives at once", async () => {
    transport.setOnline(false);
    const id = await send("never mind");
    // Repetitions of the same envelope wait too by now.
    await clock.advance(40_000);
    assert.ok(waiting().length >= 2);
    assert.deepEqual(await cancel(id), { messageId: id, state: "failed" });
    assert.equal(waiting().filter(({ messageId }) => messageId === id).length, 0);
    const next = await send("something else");
    transport.setOnline(true);
    await clock.advance(5_000);
    assert.deepEqual(received(), ["something else"], "and it does not wait for what never comes");
    assert.deepEqual(fates(id), ["queued", "failed"]);
    const event = eventsOf(alice).find(({ type }) => type === "message.failed");
    assert.equal(event?.data["reason"], "cancelled");
    await clock.advance(60_000);
    assert.equal(alice.engine.message(next)?.state, "delivered");
    assert.deepEqual(received(), ["something else"]);
  });

  it("cancels the newest first, the others stay; both sides agree after", async () => {
    transport.setOnline(false);
    const ids = [];
    for (let n = 0; n < 6; n += 1) ids.push(await send(`m${n}`));
    await assert.rejects(cancel(ids[2] ?? ""), { code: "message/cannot-cancel" });
    assert.equal(waiting().length, 6, "a refusal changes nothing");
    for (const n of [5, 4, 3]) await cancel(ids[n] ?? "");
    await send("m6");
    transport.setOnline(true);
    await clock.advance(10_000);
    assert.deepEqual(received(), ["m0", "m1", "m2", "m6"]);
    await soon(bob.engine.send({ conversation: "c1", text: "yes?" }));
    await send("m7");
    await clock.advance(60_000);
    assert.deepEqual(received(), ["m0", "m1", "m2", "m6", "m7"]);
    assert.ok(isSettled());
  });

  it("cancels everything of a chain, again and again, and the conversation lives", async () => {
    for (let round = 0; round < 3; round += 1) {
      transport.setOnline(false);
      const ids = [];
      for (let n = 0; n < 5; n += 1) ids.push(await send(`round ${round} m${n}`));
      for (const id of ids.reverse()) await cancel(id);
      transport.setOnline(true);
      await send(`after ${round}`);
      await clock.advance(30_000);
      assert.equal(received().at(-1), `after ${round}`);
      await soon(bob.engine.send({ conversation: "c1", text: "go on" }));
      await clock.advance(1_000);
    }
    assert.deepEqual(received(), ["after 0", "after 1", "after 2"]);
    assert.ok(isSettled());
  });

  it("cancels what is not encrypted yet wholly", async () => {
    transport.setOnline(false);
    const ids: string[] = [];
    for (let n = 0; n < 132; n += 1) ids.push(await send(`m${n}`));
    const last = waiting().find(({ messageId }) => messageId === ids[131]);
    assert.equal(last?.isEncrypted, false);
    await cancel(ids[130] ?? "");
    await assert.rejects(cancel(ids[130] ?? ""), { code: "message/already-left" });
    transport.setOnline(true);
    await clock.advance(120_000);
    const expected = ids.map((_, n) => `m${n}`).filter((text) => text !== "m130");
    assert.deepEqual(received(), expected);
    assert.ok(isSettled());
  });

  it("refuses what has left, what was received, and what nobody knows", async () => {
    const id = await send("gone");
    await assert.rejects(cancel(id), { code: "message/already-left" });
    await assert.rejects(retry(id), { code: "message/already-left" });
    const incoming = alice.engine
      .messages({ conversation: "c1", limit: 10 })
      .find(({ direction }) => direction === "in");
    await assert.rejects(cancel(incoming?.messageId ?? ""), { code: "message/received" });
    await assert.rejects(cancel("f".repeat(32)), { code: "message/unknown" });
  });

  it("does not touch a message that is leaving at this moment", async () => {
    let answer = (_: PublishResult): void => {};
    const publish = transport.publish.bind(transport);
    transport.publish = () => new Promise((resolve) => (answer = resolve));
    const id = await send("on its way");
    await assert.rejects(cancel(id), { code: "message/leaving" });
    answer({ kind: "unavailable", reason: "no answer" });
    transport.publish = publish;
    await clock.settle();
    await cancel(id);
    await clock.advance(30_000);
    assert.deepEqual(received(), []);
  });

  it("sends again what has failed: the same id, delivered once, the reason and the command told", async () => {
    transport.refusal = refusal;
    const id = await send("too much");
    await clock.advance(100);
    assert.equal(alice.engine.message(id)?.state, "failed");
    const told = eventsOf(alice).find(({ type }) => type === "message.failed");
    assert.equal(told?.data["reason"], "asked to refuse");
    transport.refusal = undefined;
    assert.equal((await retry(id)).messageId, id);
    await clock.advance(40_000);
    assert.deepEqual(received(), ["too much"]);
    assert.deepEqual(fates(id), ["queued", "failed", "retried", "published", "delivered"]);
    await assert.rejects(retry(id), { code: "message/already-left" });
  });

  it("never delivers twice what the peer had after all, and hears that it has it", async () => {
    const publish = transport.publish.bind(transport);
    // It reaches Bob; the service node says no all the same, and nothing of Bob is heard.
    transport.publish = async (message, signal) => {
      await publish(message, signal);
      return refusal;
    };
    transport.muted = true;
    const id = await send("twice?");
    await clock.advance(100);
    assert.equal(alice.engine.message(id)?.state, "failed");
    assert.deepEqual(received(), ["twice?"]);
    transport.publish = publish;
    transport.muted = false;
    await retry(id);
    await clock.advance(60_000);
    assert.deepEqual(received(), ["twice?"]);
    assert.equal(alice.engine.message(id)?.state, "delivered");
  });

  it("sends again what was cancelled, also a long text", async () => {
    const long = "x".repeat(40_000);
    transport.refusal = refusal;
    const id = await send(long);
    await clock.advance(1_000);
    assert.equal(alice.engine.message(id)?.state, "failed");
    transport.refusal = undefined;
    transport.setOnline(false);
    await retry(id);
    transport.setOnline(true);
    await clock.advance(60_000);
    assert.ok(received().join() === long, `${received().length} received, ${fates(id)}`);
    assert.equal(alice.engine.message(id)?.state, "delivered");
  });

  const sendFile = async (size: number): Promise<{ id: string; data: Uint8Array }> => {
    const data = Uint8Array.from({ length: size }, (_, index) => (index * 31 + size) & 0xff);
    const { messageId: id } = await soon(alice.engine.sendFile({ conversation: "c1", name: "a.bin", data }));
    return { id, data };
  };
  const bytesOf = (node: TestNode, id: string) => Buffer.concat([...node.engine.content(id).chunks()]);

  it("sends a file again of which a part had arrived: the same id, delivered once, and keeps nothing of it then", async () => {
    const publish = transport.publish.bind(transport);
    let left = 5;
    transport.publish = (message, signal) => (left-- > 0 ? publish(message, signal) : Promise.resolve(refusal));
    const { id, data } = await sendFile(200_000);
    await clock.advance(5_000);
    assert.equal(alice.engine.message(id)?.state, "failed");
    assert.ok(bytesOf(alice, id).equals(data), "it can still be read");
    transport.publish = publish;
    assert.equal((await retry(id)).messageId, id);
    await clock.advance(60_000);
    assert.equal(alice.engine.message(id)?.state, "delivered");
    assert.deepEqual(received().length, 1);
    assert.ok(bytesOf(bob, id).equals(data));
    assert.throws(() => alice.engine.content(id), { code: "message/content-not-kept" });
  });

  it("says so when too many files have failed since for it to have been kept", async () => {
    transport.refusal = refusal;
    const files = [];
    for (let n = 0; n <= KEPT_WHOLES_MAX; n += 1) {
      files.push(await sendFile(70_000 + n));
      await clock.advance(1_000);
    }
    transport.refusal = undefined;
    const [first, second] = files.map(({ id }) => id);
    await assert.rejects(retry(first ?? ""), { code: "message/content-not-kept" });
    assert.equal(alice.engine.message(first ?? "")?.state, "failed");
    await retry(second ?? "");
    await clock.advance(60_000);
    assert.equal(alice.engine.message(second ?? "")?.state, "delivered");
  });

  it("hastens what waits for its next try", async () => {
    transport.refusal = { ...refusal, retryable: true };
    const id = await send("patience");
    await clock.advance(20_000);
    transport.refusal = undefined;
    assert.deepEqual(received(), []);
    assert.deepEqual(await retry(id), { messageId: id, state: "queued" });
    await clock.advance(100);
    assert.deepEqual(received(), ["patience"]);
  });
});
