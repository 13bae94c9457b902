// Goal: who brings too much makes only itself slow, and nothing within the bound is lost. Method: probes and a real store on
// a clock that is moved.
import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { Counters } from "../../../src/engine/counters.ts";
import { INVITES_PER_SECOND_MAX, PARKED_RETRY_MIN_MS, QUARANTINE_MAX } from "../../../src/engine/limits.ts";
import type { IncomingMessage } from "../../../src/engine/ports.ts";
import { Admission } from "../../../src/engine/routing/admission.ts";
import { probeTopic, type Script } from "../probe/probe-type.ts";
import { createRig, type LogLine, type Rig, recorder } from "../probe/rig.ts";

let rig: Rig;
afterEach(() => rig.dispose());

const say = (text: string): Script => ({ op: "say", text });
const count = (name: string) => rig.engine.counters.get(name);

describe("more than a conversation may bring", () => {
  it("is parked, read at the allowed rate, shown, and told once; others are not concerned", async () => {
    rig = await createRig(["p0", "p1"], "off", undefined, { messagesPerMinute: 10 });
    for (let n = 0; n < 14; n += 1) await rig.push("p0", n, say(`a${n}`));
    await rig.push("p1", 0, say("b0"));
    assert.equal(rig.texts("message.received").length, 11);
    assert.ok(rig.texts("message.received").includes("b0"));
    const { parked, total } = rig.engine.desk.parked.list(10);
    assert.deepEqual([total, parked[0]?.errorCode, parked[0]?.conversation], [4, "limit/messages", "c0"]);
    assert.deepEqual(rig.store.recentWakuHashes(50).length, 11, "none of them counts as seen");
    await rig.clock.advance(PARKED_RETRY_MIN_MS + 6_000);
    const soon = rig.texts("message.received").length;
    assert.ok(soon > 11 && soon < 15, `${soon}`);
    await rig.clock.advance(60_000);
    assert.equal(rig.texts("message.received").length, 15);
    assert.equal(rig.engine.status().parked, 0);
    assert.equal(rig.lines.filter(({ fields }) => fields.event === "envelope.limited").length, 1);
    assert.equal(rig.lines.filter(({ level }) => level === "error").length, 0);
  });

  it("is not what comes after the clock was set back", async () => {
    rig = await createRig(["p0"], "off", undefined, { messagesPerMinute: 600 });
    await rig.push("p0", 0, say("before"));
    const { clock } = rig;
    clock.set(-3_600_000);
    for (let n = 1; n < 4; n += 1) await rig.push("p0", n, say(`after${n}`));
    assert.deepEqual(rig.texts("message.received"), ["before", "after1", "after2", "after3"]);
    assert.equal(count("envelope.dropped.limited"), 0);
  });

  it("is read once, however often it comes while it is parked", async () => {
    rig = await createRig(["p0"], "off", undefined, { messagesPerMinute: 10 });
    for (let n = 0; n < 11; n += 1) await rig.push("p0", n, say(`a${n}`));
    await rig.push("p0", 10, say("a10"));
    await rig.clock.advance(120_000);
    assert.deepEqual(
      rig.texts("message.received").filter((text) => text === "a10"),
      ["a10"],
    );
  });

  it("is dropped at an operator's word, and read when it comes again", async () => {
    rig = await createRig(["p0"], "off", undefined, { messagesPerMinute: 10 });
    for (let n = 0; n < 11; n += 1) await rig.push("p0", n, say(`a${n}`));
    const [parked] = rig.engine.desk.parked.list(10).parked;
    rig.engine.desk.parked.drop(parked?.id ?? -1);
    assert.throws(() => rig.engine.desk.parked.drop(parked?.id ?? -1), { code: "parked/unknown" });
    await rig.clock.advance(120_000);
    assert.ok(!rig.texts("message.received").includes("a10"));
    await rig.push("p0", 10, say("a10"));
    assert.ok(rig.texts("message.received").includes("a10"));
  });

  it("is tried at once when an operator says so", async () => {
    rig = await createRig(["p0"], "off", undefined, { messagesPerMinute: 10 });
    for (let n = 0; n < 12; n += 1) await rig.push("p0", n, say(`a${n}`));
    assert.equal(rig.engine.desk.parked.retry(), 2);
    await rig.clock.settle();
    assert.equal(rig.texts("message.received").length, 12);
    assert.throws(() => rig.engine.desk.parked.retry(99), { code: "parked/unknown" });
  });
});

describe("more invites than an inbox takes", () => {
  it("are parked up to a bound, and counted above it", async () => {
    rig = await createRig();
    const counters = new Counters();
    const lines: LogLine[] = [];
    const { store, clock } = rig;
    const onParked = (): void => {};
    const admission = new Admission({
      store,
      clock,
      log: recorder(lines),
      counters,
      limits: {},
      onParked,
      onGap: onParked,
    });
    const flood = INVITES_PER_SECOND_MAX + QUARANTINE_MAX + 5;
    const invite = (n: number): IncomingMessage => {
      const hash = new Uint8Array(32);
      new DataView(hash.buffer).setUint32(0, n);
      return { topic: probeTopic("all"), payload: new Uint8Array(8), hash, timestampMs: clock.now() };
    };
    const inbox = { conversation: 0, ref: 0, isInbox: true };
    const admitted = Array.from({ length: flood }, (_, n) => admission.admit(inbox, invite(n))).filter(Boolean).length;
    assert.equal(admitted, INVITES_PER_SECOND_MAX);
    assert.equal(store.parkedCount(), QUARANTINE_MAX);
    assert.equal(counters.get("envelope.dropped.limited"), 5);
    assert.deepEqual(
      lines.map(({ fields }) => fields["code"]),
      ["limit/invites"],
    );
    assert.ok(admission.admit({ conversation: 7, ref: 1 }, invite(flood + 1)), "of this conversation only");
    assert.equal(store.parkedList(1)[0]?.errorCode, "limit/invites");
    assert.equal(count("envelope.parked"), 0);
  });
});
