/**
 * Goal: whoever sets the machine's clock by an hour, back or forwards, makes nothing wait for that hour and nothing look
 * deaf. Method: an engine on the in-process network, whose clock of the wall alone is set.
 */
import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import {
  CANARY_DEADLINE_MS,
  CANARY_INTERVAL_MS,
  OUTBOX_RETRY_MAX_MS,
  PARKED_RETRY_MIN_MS,
} from "../../../src/engine/limits.ts";
import { probeTopic, type Script } from "../probe/probe-type.ts";
import { createRig, type Rig } from "../probe/rig.ts";

let rig: Rig;
afterEach(() => rig.dispose());

const hourMs = 3_600_000;
const defaults = { intervalMs: CANARY_INTERVAL_MS, deadlineMs: CANARY_DEADLINE_MS };
const start = async (): Promise<void> => {
  rig = await createRig(["p0"], defaults);
  await rig.clock.advance(10);
};
const say = (text: string): Script => ({ op: "say", text });
const canaries = (): number => rig.network.archive.filter(({ topic }) => topic !== probeTopic("all")).length;
const events = (type: string) => rig.store.events({ after: 0, limit: 1_000 }).filter((event) => event.type === type);
const check = (name: string) => rig.engine.health().find((one) => one.name === name);
const lines = (event: string) => rig.lines.filter(({ fields }) => fields.event === event);
const send = async (text: string): Promise<void> => {
  const sent = rig.engine.send({ conversation: "c0", text });
  await rig.clock.settle();
  await sent;
};

async function pass(holds: () => boolean, limitMs: number): Promise<number> {
  const began = rig.clock.steady();
  while (!holds()) {
    assert.ok(rig.clock.steady() - began <= limitMs, `not within ${limitMs} ms`);
    await rig.clock.advance(1_000);
  }
  return rig.clock.steady() - began;
}

/** As it is when the service nodes keep their time. */
function setOurs(byMs: number): void {
  rig.clock.set(byMs);
  rig.network.faults.archiveAheadMs = -byMs;
}

for (const [name, byMs] of [
  ["back", -hourMs],
  ["forwards", hourMs],
] as const) {
  describe(`a clock that is set ${name}`, () => {
    it("lets canaries go on, makes nobody deaf, and health tells the truth", async () => {
      await start();
      await rig.clock.advance(3 * CANARY_INTERVAL_MS);
      const before = canaries();
      rig.clock.set(byMs);
      for (let passed = 0; passed < 10 * CANARY_INTERVAL_MS; passed += 5_000) {
        await rig.clock.advance(5_000);
        const { state, canary } = rig.engine.status();
        assert.equal(state, "ready");
        assert.ok(canary.ageMs !== null && canary.ageMs >= 0 && canary.ageMs <= 70_000, `${canary.ageMs} ms`);
        for (const { text } of rig.engine.health()) assert.doesNotMatch(text, /-\d/);
      }
      assert.ok(canaries() - before >= 10, `${canaries() - before} canaries in ten minutes`);
      assert.deepEqual([events("network.deaf"), events("network.node-deaf")], [[], []]);
    });

    it("lets deafness be found as soon as ever", async () => {
      await start();
      await rig.clock.advance(CANARY_INTERVAL_MS);
      rig.clock.set(byMs);
      rig.transport.muted = true;
      await pass(() => rig.engine.status().canary.state === "deaf", CANARY_INTERVAL_MS + 3 * CANARY_DEADLINE_MS);
      await rig.clock.advance(2 * CANARY_INTERVAL_MS);
      const silentMs = Number(events("network.deaf")[0]?.data["silentMs"]);
      assert.ok(silentMs >= CANARY_DEADLINE_MS && silentMs <= 3 * CANARY_INTERVAL_MS, `silent for ${silentMs} ms`);
      assert.match(check("canary")?.text ?? "", /has not come back for \d+ s/);
    });

    it("is found out without anybody's push, and the network's time is gone on with", async (t) => {
      await start();
      await rig.clock.advance(2 * CANARY_INTERVAL_MS);
      setOurs(byMs);
      const ms = await pass(() => Number(check("clock")?.data["secondsOff"]) !== 0, 5 * CANARY_INTERVAL_MS);
      assert.equal(check("clock")?.data["secondsOff"], -byMs / 1000);
      t.diagnostic(`an hour ${name}: known after ${ms} ms`);
    });
  });
}

describe("cursors while the clock is set forwards", () => {
  it("never pass the network's time, not even before it is found out", async () => {
    await start();
    await rig.clock.advance(2 * CANARY_INTERVAL_MS);
    setOurs(hourMs);
    const topic = probeTopic("all");
    for (let passed = 0; passed < 5 * CANARY_INTERVAL_MS; passed += 5_000) {
      await rig.clock.advance(5_000);
      const networkMs = rig.clock.now() - hourMs;
      assert.ok((rig.store.cursor(topic) ?? 0) <= networkMs, `after ${passed} ms`);
    }
    assert.ok((rig.store.cursor(topic) ?? 0) > rig.clock.now() - hourMs - 3 * CANARY_INTERVAL_MS, "and they go on");
  });
});

describe("rows that wait while the clock is set back", () => {
  it("leave as if it had not been: one that was refused, one that was queued offline", async () => {
    await start();
    rig.transport.refusal = { kind: "refused", status: 500, reason: "asked to refuse", retryable: true };
    await send("refused");
    await rig.clock.advance(10_000);
    rig.transport.setOnline(false);
    await send("offline");
    rig.clock.set(-hourMs);
    rig.transport.refusal = undefined;
    rig.transport.setOnline(true);
    await pass(() => rig.store.outboxCount() === 0, 2 * OUTBOX_RETRY_MAX_MS);
    assert.equal(events("message.published").length, 2);
    const [line] = lines("clock.set-back");
    assert.equal(line?.fields["seconds"], 3_600);
    assert.equal(lines("clock.set-back").length, 1);
  });

  it("are not older or younger for it", async () => {
    await start();
    rig.transport.setOnline(false);
    await send("offline");
    await rig.clock.advance(30_000);
    rig.clock.set(-hourMs);
    await rig.clock.advance(30_000);
    const oldestMs = Number(check("outbox")?.data["oldestMs"]);
    assert.ok(oldestMs >= 60_000 && oldestMs < 70_000, `${oldestMs} ms`);
  });

  it("are taken up again when they were parked", async () => {
    rig = await createRig(["p0"], "off", undefined, { messagesPerMinute: 10 });
    for (let n = 0; n < 12; n += 1) await rig.push("p0", n, say(`a${n}`));
    assert.ok(rig.engine.status().parked > 0);
    rig.clock.set(-hourMs);
    await pass(() => rig.engine.status().parked === 0, 60_000 + 2 * PARKED_RETRY_MIN_MS);
    assert.equal(rig.texts("message.received").length, 12);
  });

  it("are looked for in Store nodes", async () => {
    await start();
    rig.network.faults.loseArchive = 1;
    await send("published");
    await rig.clock.advance(3_000);
    rig.clock.set(-hourMs);
    rig.network.faults.loseArchive = 0;
    await pass(() => events("message.stored").length === 1, 5 * CANARY_INTERVAL_MS);
  });

  it("stay where they are when the clock is set forwards, or corrected little by little", async () => {
    await start();
    rig.clock.set(hourMs);
    await send("one");
    for (let n = 0; n < 120; n += 1) {
      rig.clock.set(-30);
      await rig.clock.advance(60_000);
    }
    await send("two");
    await rig.clock.advance(1_000);
    assert.deepEqual(lines("clock.set-back"), []);
  });
});
