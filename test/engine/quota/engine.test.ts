// Goal: the engine under a quota: what leaves, what waits, what is told. Method: probes on a clock that the test moves.
import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { OUTBOX_METERED_PAUSE_MAX_MS } from "../../../src/engine/limits.ts";
import { diskFull } from "../probe/faulty-store.ts";
import type { Script } from "../probe/probe-type.ts";
import { createRig, type Rig } from "../probe/rig.ts";

let rig: Rig;
afterEach(() => rig.dispose());

const rule = { publications: 10, windowMs: 60_000 };
const idents = (count: number) => Array.from({ length: count }, (_, n) => `p${n}`);
const carried = () => rig.network.archive.length;
const types = () => rig.store.events({ after: 0, limit: 10_000 }).map(({ type }) => type);
const counted = (type: string) => types().filter((each) => each === type).length;

async function send(count: number, conversation = "c0"): Promise<void> {
  for (let n = 0; n < count; n += 1) void rig.engine.send({ conversation, text: `${n}` });
  await rig.clock.advance(10);
}

/** Sets a timer that would publish `count` repetitions. */
async function owe(number: number, needs: "acknowledgement" | "resend", count = 1): Promise<void> {
  const script: Script = { op: "schedule", name: `repeat ${count}`, atMs: rig.clock.now(), needs };
  void rig.engine.send({ conversation: `c${number}`, text: `!${JSON.stringify(script)}` });
  await rig.clock.settle();
}

/** Tokens that each conversation has used. */
const used = (count: number) => Array.from({ length: count }, (_, n) => rig.state(n).log.length);

describe("engine under a quota", () => {
  it("lets so many leave in a window, keeps the order, and tells it once", async () => {
    rig = await createRig(["p0"], "off", rule);
    await send(25);
    assert.equal(carried(), 10);
    const { quota, outbox } = rig.engine.status();
    assert.deepEqual([quota?.left, outbox], [0, 15]);
    const trace = rig.engine.trace(rig.store.outboxDue(rig.clock.now(), 1)[0]?.messageId ?? "");
    assert.match(trace?.lastReason ?? "", /^the network takes 10 envelopes in 60 s; the next may leave at 20/);
    await rig.clock.advance(rule.windowMs);
    assert.equal(carried(), 20);
    assert.equal(counted("quota.exhausted"), 1);
    await rig.clock.advance(rule.windowMs * 2);
    assert.equal(carried(), 25);
    assert.deepEqual([counted("quota.exhausted"), counted("quota.free")], [1, 1]);
    const atMs = rig.network.archive.map(({ timestampMs }) => timestampMs);
    for (const since of atMs)
      assert.ok(atMs.filter((at) => at >= since && at < since + rule.windowMs).length <= rule.publications);
    assert.deepEqual(
      rig.texts("message.published"),
      Array.from({ length: 25 }, (_, n) => `${n}`),
    );
    assert.equal(rig.lines.filter(({ fields }) => fields.event === "quota.exhausted").length, 1);
  });

  it("gives nothing away at a restart", async () => {
    rig = await createRig(["p0"], "off", rule);
    await send(25);
    rig = await rig.restart();
    await rig.clock.advance(1_000);
    assert.equal(carried(), 10);
    await rig.clock.advance(rule.windowMs);
    assert.equal(carried(), 20);
  });

  it("lets nothing leave that could not be written down as spent", async () => {
    rig = await createRig(["p0"], "off", rule);
    rig.faults.before = ({ method, args: [turn] }) => {
      if (method === "commit" && (turn as { spend?: object }).spend !== undefined) throw diskFull();
    };
    await send(3);
    await rig.clock.advance(5_000);
    assert.equal(carried(), 0);
    rig.faults.before = () => {};
    await rig.clock.advance(5_000);
    assert.equal(carried(), 3);
  });

  it("spends nothing without a service node, and little on one that does not answer", async () => {
    rig = await createRig(["p0", "p1", "p2"], "off", rule);
    rig.network.setOnline(false);
    for (const c of ["c0", "c1", "c2"]) await send(3, c);
    await rig.clock.advance(rule.windowMs);
    assert.equal(rig.engine.status().quota?.left, 10);
    rig.transport.refusal = { kind: "unavailable", reason: "no answer" };
    rig.network.setOnline(true);
    await rig.clock.advance(30_000);
    const left = rig.engine.status().quota?.left ?? 0;
    assert.ok(left >= 3, `left: ${left}`);
    rig.transport.refusal = undefined;
    await rig.clock.advance(OUTBOX_METERED_PAUSE_MAX_MS + rule.windowMs);
    assert.equal(carried(), 9);
  });

  it("holds back timers that need a token, and no others", async () => {
    rig = await createRig(idents(12), "off", { publications: 50, windowMs: 600_000 });
    for (let n = 0; n < 12; n += 1) await owe(n, n % 2 === 0 ? "acknowledgement" : "resend");
    assert.equal(carried(), 10, "a share of one in five");
    const script: Script = { op: "schedule", name: "free", atMs: rig.clock.now() };
    void rig.engine.send({ conversation: "c11", text: `!${JSON.stringify(script)}` });
    await rig.clock.settle();
    assert.ok(rig.state(11).log.includes("timer free"));
    await rig.clock.advance(59_000);
    assert.equal(carried(), 10);
    await rig.clock.advance(1_100);
    assert.equal(carried(), 11, "a token in 60 s");
    await rig.clock.advance(60_000);
    assert.equal(carried(), 12);
  });

  it("lets one that waits alone repeat several at once, and others one each", async () => {
    rig = await createRig(idents(3), "off", { publications: 100, windowMs: 600_000 });
    await owe(0, "resend", 4);
    assert.deepEqual(rig.state(0).log, ["repeat 4: 4"]);
    assert.equal(rig.engine.status().quota?.share.left, 16);
    const script = (n: number): Script => ({ op: "schedule", name: "repeat 4", atMs: n, needs: "resend" });
    for (const n of [1, 2])
      void rig.engine.send({ conversation: `c${n}`, text: `!${JSON.stringify(script(rig.clock.now() + 1_000))}` });
    await rig.clock.advance(1_000);
    assert.deepEqual([rig.state(1).log, rig.state(2).log].flat().sort(), ["repeat 4: 1", "repeat 4: 4"]);
  });

  it("gives back a token that was not used, and keeps one that was, over a restart", async () => {
    rig = await createRig(["p0"], "off", { publications: 50, windowMs: 600_000 });
    const idle: Script = { op: "schedule", name: "idle", atMs: rig.clock.now(), needs: "acknowledgement" };
    void rig.engine.send({ conversation: "c0", text: `!${JSON.stringify(idle)}` });
    await rig.clock.settle();
    assert.equal(rig.engine.status().quota?.share.left, 10);
    for (let n = 0; n < 10; n += 1) await owe(0, "acknowledgement");
    assert.deepEqual(used(1), [10]);
    rig = await rig.restart();
    await owe(0, "acknowledgement");
    assert.deepEqual(used(1), [10], "no free token");
    await rig.clock.advance(60_000);
    assert.deepEqual(used(1), [11]);
  });

  it("counts canaries, which still leave when messages have used up everything", async () => {
    rig = await createRig(["p0"], { intervalMs: 1_000, deadlineMs: 500 }, rule);
    await send(60);
    assert.equal(carried(), 10, "canaries among them");
    await rig.clock.advance(rule.windowMs * 3);
    const canaries = rig.network.archive.filter(({ topic }) => topic.startsWith("/umbra/1/b16-")).length;
    assert.ok(canaries >= 3, `${canaries} canaries in three windows`);
    assert.equal(rig.engine.status().canary.state, "hearing");
    const atMs = rig.network.archive.map(({ timestampMs }) => timestampMs);
    for (const since of atMs)
      assert.ok(atMs.filter((at) => at >= since && at < since + rule.windowMs).length <= rule.publications);
  });

  it("has no quota where the network has none", async () => {
    rig = await createRig(["p0"]);
    await send(300);
    await rig.clock.advance(100);
    assert.equal(carried(), 300);
    assert.equal(rig.engine.status().quota, null);
  });
});
