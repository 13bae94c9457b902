/**
 * Goal: of what arrives, everything that is ours gets its turn exactly once, whatever fails in between; the rest costs little.
 * Method: a whole engine with probes, on a store that can fail.
 */
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { INTAKE_QUEUE_MAX, PARKED_RETRY_MIN_MS } from "../../src/engine/limits.ts";
import type { IncomingMessage, Store } from "../../src/engine/ports.ts";
import { toIncoming, toNanoseconds } from "../../src/waku/message.ts";
import { diskFull } from "./probe/faulty-store.ts";
import { probeEnvelope, probeTopic, probeType, type Script, WINDOW } from "./probe/probe-type.ts";
import { createRig, publish, type Rig } from "./probe/rig.ts";
import { rounds } from "./probe/stepping-clock.ts";

let rig: Rig;
const dispose: (() => Promise<void>)[] = [];

async function start(idents?: readonly string[]): Promise<Rig> {
  rig = await createRig(idents);
  dispose.push(() => rig.dispose());
  return rig;
}

beforeEach(() => dispose.splice(0));
afterEach(async () => {
  for (const end of dispose) await end();
});

const say = (text: string): Script => ({ op: "say", text });
const received = () => rig.texts("message.received");
const count = (name: string) => rig.engine.counters.get(name);
const payload = (bytes: Uint8Array) => ({ topic: probeTopic("all"), payload: bytes });
const signal = new AbortController().signal;
const failing = (...methods: (keyof Store)[]) => {
  rig.faults.before = ({ method }) => {
    if (methods.includes(method)) throw diskFull();
  };
};
const heal = () => {
  rig.faults.before = () => {};
};

/** As the network gives it; the same bytes sent at another time are another Waku message. */
function message(ident: string, n: number, script: Script, atMs: number): IncomingMessage {
  const topic = probeTopic("all");
  const parts = { payload: probeEnvelope(ident, n, script), contentTopic: topic, timestamp: toNanoseconds(atMs) };
  return toIncoming("/waku/2/rs/66/6", parts) as IncomingMessage;
}

describe("intake", () => {
  it("gives each envelope of ours its turn, in order, and counts the others", async () => {
    await start(["a", "b"]);
    await rig.push("a", 0, say("a0"));
    await rig.push("b", 0, say("b0"));
    await rig.push("a", 1, say("a1"));
    await rig.push("somebody else", 0, say("x"));
    void rig.stranger.publish(payload(new Uint8Array([1, 2, 3])), signal);
    void rig.stranger.publish(payload(probeEnvelope("a", 2, say("plain"), "plaintext")), signal);
    await rig.clock.settle();
    assert.deepEqual(received(), ["a0", "b0", "a1"]);
    assert.equal(count("envelope.accepted"), 3);
    assert.equal(count("envelope.dropped.elsewhere"), 1);
    assert.equal(count("envelope.dropped.badly-formed"), 2);
    assert.deepEqual(
      rig.lines.filter(({ level }) => level === "warn" || level === "error"),
      [],
    );
  });

  it("drops an exact repetition only once its turn is committed", async () => {
    await start();
    rig.network.faults.duplicatePush = 1;
    await rig.push("p0", 0, say("one"));
    rig.network.faults.duplicatePush = 0;
    assert.deepEqual(received(), ["one"]);
    assert.equal(count("envelope.accepted"), 1);

    failing("commitAll", "park");
    await publish(rig.stranger, "p0", 1, say("two"));
    await rig.clock.settle();
    assert.deepEqual(received(), ["one"]);
    heal();
    // The same bytes of the same moment come again from history: they must not count as seen.
    await rig.clock.advance(60_000);
    assert.deepEqual(received(), ["one", "two"]);
  });

  it("lets a new publication of the same envelope through to its conversation", async () => {
    await start();
    await rig.push("p0", 0, say("one"));
    await rig.clock.advance(10);
    await rig.push("p0", 0, say("one"));
    assert.equal(count("envelope.dropped.duplicate"), 0);
    assert.equal(count("envelope.dropped.elsewhere"), 1, "the probe expects a used hint no more");
  });

  it("remembers committed envelopes over a restart", async () => {
    await start();
    await rig.push("p0", 0, say("one"));
    rig = await rig.restart();
    await rig.clock.advance(5_000);
    assert.ok(count("envelope.dropped.duplicate") >= 1, "history gave it again");
    assert.deepEqual(received(), ["one"]);
  });

  it("keeps an envelope that comes before its window opens, and adopts it then", async () => {
    await start();
    await rig.push("p0", WINDOW, say("early"));
    assert.deepEqual(received(), []);
    assert.equal(count("envelope.dropped.elsewhere"), 1);
    await rig.push("p0", 0, say("opens the window"));
    assert.deepEqual(received(), ["opens the window", "early"]);
  });

  it("adopts an envelope that comes before its conversation is opened", async () => {
    await start();
    await rig.push("child", 0, say("early"));
    await rig.push("p0", 0, { op: "open", idents: ["child"] });
    assert.deepEqual(received(), ["early"]);
    assert.deepEqual(rig.engine.findConversation("c1").id, "/probe/v1/child");
  });

  it("refuses without a trace on disk", async () => {
    await start();
    const before = rig.store.conversation(0);
    await rig.push("p0", 0, { op: "refuse" });
    await rig.push("p0", 1, { op: "ignore" });
    assert.deepEqual(rig.store.conversation(0), before);
    assert.deepEqual(rig.store.recentWakuHashes(10), []);
    assert.equal(rig.store.parkedCount(), 0);
    assert.equal(count("envelope.rejected"), 1);
    assert.equal(count("envelope.ignored"), 1);
    await rig.push("p0", 0, say("the real one"));
    assert.deepEqual(received(), ["the real one"]);
  });

  it("is bounded: drops the rest of a flood, and history brings it back", async () => {
    await start();
    const atMs = rig.clock.now();
    rig.deliver(message("p0", 0, { op: "slow", rounds: 40, text: "blocks" }, atMs));
    for (let n = 1; n < INTAKE_QUEUE_MAX; n += 1) rig.deliver(message("p0", 1, say("flood"), atMs + n));
    await publish(rig.stranger, "p0", 2, say("behind the flood"));
    await rig.clock.settle();
    assert.equal(count("envelope.dropped.full"), 1);
    assert.ok(!rig.engine.status().synced);
    await rig.clock.advance(5_000);
    assert.deepEqual(received(), ["blocks", "flood", "behind the flood"]);
    assert.ok(rig.engine.status().synced);
    assert.equal(rig.lines.filter(({ fields }) => fields.event === "sync.gap-found").length, 1);
  });
});

describe("an envelope that our own fault keeps from its turn", () => {
  it("is parked, and read when the fault is over", async () => {
    await start(["a", "b"]);
    failing("commitAll");
    await rig.push("a", 0, say("one"));
    assert.equal(rig.store.parkedCount(), 1);
    assert.equal(count("envelope.parked"), 1);
    heal();
    await rig.push("b", 0, say("others go on"));
    assert.deepEqual(received(), ["others go on"]);
    await rig.clock.advance(PARKED_RETRY_MIN_MS + 10);
    assert.deepEqual(received(), ["others go on", "one"]);
    assert.equal(rig.store.parkedCount(), 0);
  });

  it("is tried less and less often while the fault lasts, and told once an hour", async () => {
    await start();
    await rig.push("p0", 0, { op: "throw" });
    assert.equal(rig.store.parkedCount(), 1);
    await rig.clock.advance(3_000_000);
    const attempts = count("envelope.parked");
    assert.ok(attempts >= 5 && attempts <= 12, `${attempts} attempts in 50 minutes`);
    assert.equal(rig.lines.filter(({ level }) => level === "error").length, 1);
    await rig.push("p0", 1, say("the conversation goes on"));
    assert.deepEqual(received(), ["the conversation goes on"]);
  });

  it("is tried at once by the next process, which may have the mended code", async () => {
    await start();
    const broken = {
      ...probeType,
      step: () => {
        throw new Error("a bug of this version");
      },
    };
    rig = await rig.restart([broken]);
    await rig.push("p0", 0, say("one"));
    assert.equal(rig.store.parkedCount(), 1);
    rig = await rig.restart([probeType]);
    await rig.clock.settle();
    assert.deepEqual(received(), ["one"]);
    assert.equal(rig.store.parkedCount(), 0);
  });

  it("stays parked while its conversation is halted", async () => {
    await start();
    const broken = {
      ...probeType,
      state: {
        ...probeType.state,
        decode: () => {
          throw new Error("written by a newer version");
        },
      },
    };
    failing("commitAll");
    await rig.push("p0", 0, say("one"));
    heal();
    rig = await rig.restart([broken]);
    await rig.clock.advance(60_000);
    assert.equal(rig.store.parkedCount(), 1);
    rig = await rig.restart([probeType]);
    await rig.clock.settle();
    assert.deepEqual(received(), ["one"]);
  });

  it("is dropped from the parked ones when a copy was read meanwhile", async () => {
    await start();
    failing("commitAll");
    await rig.push("p0", 0, say("one"));
    heal();
    await rig.push("p0", 0, say("one"));
    await rig.clock.advance(PARKED_RETRY_MIN_MS + 10);
    assert.deepEqual(received(), ["one"]);
    assert.equal(rig.store.parkedCount(), 0);
  });

  it("and cannot even be parked is a gap: the cursor stands still, and history brings it back", async () => {
    await start();
    await rig.clock.advance(31_000);
    failing("commitAll", "park", "saveCursor");
    await rig.push("p0", 0, say("one"));
    assert.ok(!rig.engine.status().synced);
    await rig.clock.advance(600_000);
    assert.deepEqual(received(), []);
    const reads = rig.lines.filter(({ fields }) => fields.event === "sync.gap-found").length;
    assert.ok(reads <= 30, `history was read ${reads} times in 10 minutes of a full disk`);
    assert.ok(rig.lines.filter(({ level }) => level === "error").length <= 4);
    heal();
    await rig.clock.advance(60_000);
    assert.deepEqual(received(), ["one"]);
    assert.ok(rig.engine.status().synced);
  });
});

describe("a closed intake", () => {
  it("takes nothing more, and the cursor stays where it was closed", async () => {
    await start();
    const atMs = rig.clock.now() + 100;
    const slow = message("p0", 0, { op: "slow", rounds: 30, text: "begun" }, atMs);
    rig.deliver(slow);
    const stopped = rig.engine.stop(5_000);
    rig.deliver(message("p0", 1, say("too late"), atMs));
    await rig.clock.advance(3_000);
    await stopped;
    assert.deepEqual(received(), ["begun"]);
    assert.ok((rig.store.cursor(probeTopic("all")) ?? 0) <= atMs);
  });

  it("leaves the store alone when the time of a stop is over, whatever was still to do", async () => {
    await start();
    const atMs = rig.clock.now() + 100;
    for (let n = 0; n < 3; n += 1) {
      rig.deliver(message("p0", n, { op: "slow", rounds: 40, text: `slow ${n}` }, atMs));
    }
    const sent = rig.engine.send({ conversation: "c0", text: "late" });
    const answers: unknown[] = [];
    void sent.then(
      (answer) => answers.push(answer),
      (error: unknown) => answers.push(error),
    );
    const stopped = rig.engine.stop(1);
    await rig.clock.advance(1);
    await stopped;
    const before = rig.store.lastSeq();
    const calls: string[] = [];
    rig.faults.before = ({ method }) => {
      calls.push(method);
      throw new Error("database is not open");
    };
    await rounds(400);
    assert.deepEqual(calls, []);
    assert.deepEqual(answers, [], "nobody is answered for what is not on disk");
    heal();
    assert.equal(rig.store.lastSeq(), before);
    assert.ok(before < 5);
    assert.deepEqual(
      rig.lines.filter(({ level }) => level === "error"),
      [],
    );
  });
});
