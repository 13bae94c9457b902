// Goal: who brings too much makes only itself slow, and nothing within the bound is lost. Method: probes and a real store on
// a clock that is moved.
import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { utf8 } from "../../../src/crypto/bytes.ts";
import { Counters } from "../../../src/engine/counters.ts";
import { INVITES_PER_SECOND_MAX, PARKED_RETRY_MIN_MS, QUARANTINE_MAX } from "../../../src/engine/limits.ts";
import type { IncomingMessage } from "../../../src/engine/ports.ts";
import { Admission } from "../../../src/engine/routing/admission.ts";
import { diskFull } from "../probe/faulty-store.ts";
import { probeTopic, probeType, type Script } from "../probe/probe-type.ts";
import { createRig, type LogLine, publish, type Rig, recorder } from "../probe/rig.ts";
import { rounds } from "../probe/stepping-clock.ts";

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

  it("is read again from a Store node when the disk did not take it", async () => {
    rig = await createRig(["p0"], "off", undefined, { messagesPerMinute: 10 });
    let failures = 3;
    rig.faults.before = ({ method }) => {
      if (method === "parkAll" && failures-- > 0) throw diskFull();
    };
    for (let n = 0; n < 13; n += 1) {
      await rig.push("p0", n, say(`a${n}`));
      await rig.clock.advance(1);
    }
    assert.equal(rig.engine.status().parked, 0, "neither read nor parked");
    await rig.clock.advance(120_000);
    assert.equal(rig.texts("message.received").length, 13);
    assert.equal(rig.engine.status().state, "ready");
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

describe("more than may wait", () => {
  const flood = 1_500;
  const invitesPerSecond = 50;
  /** As an inbox: any number of envelopes finds it. */
  const open: typeof probeType = {
    ...probeType,
    *expectedHints({ ident }) {
      yield { kind: "static", id: utf8(ident) };
    },
    step: (state, input, context) =>
      probeType.step(state, input.kind === "envelope" ? { ...input, ref: state.next } : input, context),
  };
  const isMissing = () => rig.engine.health().find(({ name }) => name === "history")?.text !== "nothing is missing";
  /** Turns take rounds of the event loop, which a clock that jumps does not give them. */
  const pass = async (seconds: number): Promise<void> => {
    await rounds(500);
    for (let second = 0; second < seconds; second += 1) {
      await rig.clock.advance(1_000);
      await rounds(200);
    }
  };
  it("is read from a Store node at the allowed rate, all of it and once, and no cursor passes it before", async () => {
    rig = await (await createRig(["p0", "p1"], "off", undefined, { invitesPerSecond })).restart([open]);
    for (let n = 0; n < flood; n += 1) {
      await publish(rig.stranger, "p0", n, say(`a${n}`));
      if (n % 20 === 0) await rig.clock.advance(1);
    }
    await pass(1);
    await rig.push("p1", 0, say("b0"));
    assert.ok(rig.texts("message.received").includes("b0"), "others are not concerned");
    const floodedAtMs = rig.clock.now();
    await pass(7);
    assert.ok(isMissing());
    assert.ok((rig.store.cursor(probeTopic("all")) ?? 0) <= floodedAtMs, "a restart would read it");
    assert.equal(rig.engine.status().state, "ready", "nobody can make a node unready so");
    await pass(flood / invitesPerSecond + 5);
    const texts = rig.texts("message.received");
    assert.deepEqual([texts.length, new Set(texts).size], [flood + 1, flood + 1]);
    assert.equal(isMissing(), false);
    const told = rig.lines.filter(({ fields }) => fields["reason"] === "limited");
    assert.equal(told.length, 1);
    assert.equal(rig.lines.filter(({ level }) => level === "error").length, 0);
  });
});

describe("more invites than an inbox takes", () => {
  it("are parked up to a bound, all in one transaction, and counted above it", async () => {
    rig = await createRig();
    const counters = new Counters();
    const lines: LogLine[] = [];
    const { store, clock } = rig;
    const onParked = (): void => {};
    let transactions = 0;
    const parkAll = store.parkAll.bind(store);
    store.parkAll = (rows) => {
      transactions += 1;
      return parkAll(rows);
    };
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
    const admitted = Array.from({ length: flood }, (_, n) => admission.admit(inbox, invite(n), clock.now())).filter(
      Boolean,
    ).length;
    assert.equal(admitted, INVITES_PER_SECOND_MAX);
    assert.ok(admission.unkeptSinceMs() <= clock.now(), "no cursor passes what is not written");
    await clock.settle();
    assert.deepEqual([store.parkedCount(), transactions], [QUARANTINE_MAX, 1]);
    assert.equal(counters.get("envelope.dropped.limited"), 5);
    assert.deepEqual(
      lines.map(({ fields }) => fields["code"]),
      ["limit/invites"],
    );
    assert.ok(
      admission.admit({ conversation: 7, ref: 1 }, invite(flood + 1), clock.now()),
      "of this conversation only",
    );
    await clock.settle();
    assert.equal(store.parkedList(1)[0]?.errorCode, "limit/invites");
    assert.equal(count("envelope.parked"), 0);
  });
});
