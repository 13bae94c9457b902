/**
 * Goal: `stored` is said of what a Store node has, what none has is published again, and silence proves nothing.
 * Method: the in-process network, whose archive can have holes, and a clock that steps.
 */
import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import {
  CONFIRM_LOOK_MAX_MS,
  CONFIRM_LOOK_MIN_MS,
  CONFIRM_TIMES_MAX,
  OUTBOX_PAUSE_MS,
} from "../../../src/engine/limits.ts";
import type { MessageId } from "../../../src/wire/ids.ts";
import { diskFull } from "../probe/faulty-store.ts";
import { createRig, type Rig } from "../probe/rig.ts";

let rig: Rig;
afterEach(() => rig.dispose());

async function send(text: string): Promise<MessageId> {
  const sent = rig.engine.send({ conversation: "c0", text });
  await rig.clock.settle();
  return (await sent).messageId as MessageId;
}
const types = () => rig.store.events({ after: 0, limit: 1_000 }).map(({ type }) => type);
const state = (id: MessageId) => rig.engine.message(id)?.state;
const published = () => rig.engine.counters.get("outbox.published");

describe("confirmation", () => {
  it("says stored, once, when a Store node has it", async (t) => {
    rig = await createRig();
    const id = await send("one");
    assert.equal(state(id), "published");
    await rig.clock.advance(CONFIRM_LOOK_MIN_MS);
    assert.equal(state(id), "stored");
    assert.deepEqual(types(), ["message.queued", "message.published", "message.stored"]);
    const [, first, second] = rig.store.events({ after: 0, limit: 9 });
    assert.deepEqual(first?.data, { peers: 1 });
    t.diagnostic(`stored ${(second?.atMs ?? 0) - (first?.atMs ?? 0)} ms after it was published`);
    await rig.clock.advance(3_600_000);
    assert.deepEqual([published(), types().length], [1, 3]);
    assert.equal(rig.store.publicationsNextDueMs(), undefined);
  });

  it("asks for many at once and loses none", async () => {
    rig = await createRig();
    const ids: MessageId[] = [];
    for (let index = 0; index < 60; index += 1) ids.push(await send(String(index)));
    await rig.clock.advance(CONFIRM_LOOK_MIN_MS + 10);
    assert.deepEqual([...new Set(ids.map(state))], ["stored"]);
  });

  it("publishes the same bytes again when a Store answers that it does not have them, and then it is stored", async () => {
    rig = await createRig();
    rig.network.faults.losePublish = 1;
    const id = await send("one");
    assert.equal(state(id), "published");
    rig.network.faults.losePublish = 0;
    const { envelope } = rig.store.trace(id)?.publication ?? {};
    await rig.clock.advance(10_000);
    assert.equal(published(), 1, "archives lag: one look proves nothing");
    await rig.clock.advance(2 * CONFIRM_LOOK_MAX_MS);
    assert.equal(published(), 2);
    assert.deepEqual(Buffer.from(rig.network.archive[0]?.payload ?? []), Buffer.from(envelope ?? []));
    assert.equal(state(id), "stored");
    assert.deepEqual(types(), ["message.queued", "message.published", "message.stored"]);
  });

  it("stops after a few publishings: what a Store never keeps is the reader's to ask for", async () => {
    rig = await createRig();
    rig.network.faults.loseArchive = 1;
    const id = await send("one");
    await rig.clock.advance(24 * 3_600_000);
    assert.equal(published(), CONFIRM_TIMES_MAX);
    assert.equal(state(id), "published");
    assert.deepEqual([rig.store.outboxCount(), rig.store.publicationsNextDueMs()], [0, undefined]);
  });

  it("publishes nothing again while no Store answers, and goes on when one does", async () => {
    rig = await createRig();
    rig.network.faults.losePublish = 1;
    rig.transport.storeIsSilent = true;
    const id = await send("one");
    await rig.clock.advance(24 * 3_600_000);
    assert.equal(published(), 1);
    assert.equal(rig.store.trace(id)?.publication?.looks, 0);
    rig.network.faults.losePublish = 0;
    rig.transport.storeIsSilent = false;
    await rig.clock.advance(3 * CONFIRM_LOOK_MAX_MS);
    assert.deepEqual([published(), state(id)], [2, "stored"]);
  });

  it("a hash of any of its publishings will do", async () => {
    rig = await createRig();
    rig.network.faults.loseAnswer = 1;
    const id = await send("one");
    rig.network.faults.loseAnswer = 0;
    await rig.clock.advance(OUTBOX_PAUSE_MS);
    await rig.clock.advance(CONFIRM_LOOK_MIN_MS);
    assert.equal(state(id), "stored");
  });

  it("asks again after a restart, and after the disk was full", async () => {
    rig = await createRig();
    const id = await send("one");
    rig = await rig.restart();
    rig.faults.before = ({ method }) => {
      if (method === "looked") throw diskFull();
    };
    await rig.clock.advance(CONFIRM_LOOK_MIN_MS);
    assert.equal(state(id), "published");
    rig.faults.before = () => {};
    await rig.clock.advance(2 * CONFIRM_LOOK_MIN_MS);
    assert.equal(state(id), "stored");
  });

  it("does not look for what has failed", async () => {
    rig = await createRig();
    rig.network.faults.loseArchive = 1;
    const id = await send("one");
    assert.ok(rig.store.trace(id)?.publication);
    const number = 0;
    const revision = rig.store.conversation(number)?.revision ?? 0;
    const { conversationWrite } = await import("../../conformance/store/store-rows.ts");
    const failed = conversationWrite(number, {
      type: "probe/v1",
      expectedRevision: revision,
      state: rig.store.conversation(number)?.state ?? new Uint8Array(),
      messageStates: [{ messageId: id, state: "failed" }],
    });
    rig.store.commit({ atMs: rig.clock.now(), conversations: [failed] });
    assert.equal(rig.store.trace(id)?.publication, undefined);
    await rig.clock.advance(CONFIRM_LOOK_MAX_MS);
    assert.equal(published(), 1);
  });
});
