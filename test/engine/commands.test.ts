// Goal: a caller that repeats a command with its key gets one message, whatever happened to the first attempt.
import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import type { SendRequest } from "../../src/engine/api.ts";
import { TEXT_BYTES_MAX } from "../../src/engine/limits.ts";
import { diskFull } from "./probe/faulty-store.ts";
import { createRig, type Rig } from "./probe/rig.ts";

let rig: Rig;
afterEach(() => rig.dispose());

const settled = async <Result>(work: Promise<Result>): Promise<Result> => {
  const [result] = await Promise.all([work, rig.clock.settle()]);
  return result;
};
const send = (request: Partial<SendRequest>) => rig.engine.send({ conversation: "c0", text: "x", ...request });

describe("sending with a key", () => {
  it("gives the same message for the same key and text, also at the same time and after a restart", async () => {
    rig = await createRig();
    const [one, two] = await settled(Promise.all([send({ key: "k" }), send({ key: "k" })]));
    assert.equal(one.messageId, two.messageId);
    assert.equal((await settled(send({ key: "k" }))).state, "published");
    rig = await rig.restart();
    assert.equal((await settled(send({ key: "k" }))).messageId, one.messageId);
    assert.deepEqual(rig.texts("message.queued"), ["x"]);
  });

  it("refuses another text or another conversation under the same key, also at the same time", async () => {
    rig = await createRig(["p0", "p1"]);
    const conflict = { code: "message/key-conflict" };
    const first = send({ key: "k" });
    await settled(Promise.all([first, assert.rejects(send({ key: "k", text: "y" }), conflict)]));
    await settled(assert.rejects(send({ key: "k", conversation: "c1" }), conflict));
    const race = [send({ key: "j" }), send({ key: "j", conversation: "c1" })];
    const outcomes = await settled(Promise.allSettled(race));
    const refused = outcomes.filter(({ status }) => status === "rejected") as PromiseRejectedResult[];
    assert.deepEqual(
      refused.map(({ reason }) => reason.code),
      ["message/key-conflict"],
    );
    assert.deepEqual(rig.texts("message.queued"), ["x", "x"]);
  });

  it("sends once when the first attempt failed before or after its commit", async () => {
    rig = await createRig();
    rig.faults.before = ({ method }) => {
      if (method === "commitAll") throw diskFull();
    };
    await settled(assert.rejects(send({ key: "before" }), { code: "store/full" }));
    rig.faults.before = () => {};
    await settled(send({ key: "before" }));
    rig.faults.after = ({ method }) => {
      if (method === "commitAll") throw diskFull();
    };
    // Durable, and reported as failed: the answer is found under the key.
    const outcome = await settled(send({ key: "after" }));
    assert.equal(rig.engine.message(outcome.messageId)?.direction, "out");
    rig.faults.after = () => {};
    await settled(send({ key: "after" }));
    assert.equal(rig.texts("message.queued").length, 2);
  });
});

describe("a command", () => {
  it("is refused with a code that says what is wrong", async () => {
    rig = await createRig();
    await assert.rejects(send({ conversation: "nobody" }), { code: "conversation/unknown" });
    await assert.rejects(send({ text: "" }), { code: "message/empty" });
    await assert.rejects(send({ text: "ä".repeat(TEXT_BYTES_MAX / 2 + 1) }), { code: "message/too-large" });
    await settled(assert.rejects(send({ text: '!{"op":"refuse"}' }), { code: "command/refused" }));
    await assert.rejects(rig.engine.createInvite({ uses: 1, expiresAtMs: 1 }), { code: "command/malformed" });
    await settled(send({ text: '!{"op":"close"}' }));
    await assert.rejects(send({}), { code: "conversation/unknown" });
  });

  it("is refused while the engine is draining", async () => {
    rig = await createRig();
    await settled(rig.engine.stop(100));
    await assert.rejects(send({}), { code: "daemon/not-running" });
  });
});
