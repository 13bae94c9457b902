/**
 * Goal: a service node that looks healthy and pushes nothing is found out, nothing is lost by it, and nobody else notices
 * the canary. Method: the in-process network with its `muted` knob, and a clock that steps; times are printed.
 */
import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { CANARY_DEADLINE_MS, CANARY_INTERVAL_MS, CURSOR_SAVE_IDLE_MS } from "../../../src/engine/limits.ts";
import { parseBucketTopic } from "../../../src/wire/content-topic.ts";
import { decodeEnvelope } from "../../../src/wire/envelope.ts";
import { diskFull } from "../probe/faulty-store.ts";
import { probeTopic, type Script } from "../probe/probe-type.ts";
import { createRig, type Rig } from "../probe/rig.ts";

let rig: Rig;
afterEach(() => rig.dispose());

const defaults = { intervalMs: CANARY_INTERVAL_MS, deadlineMs: CANARY_DEADLINE_MS };
const start = async (): Promise<void> => {
  rig = await createRig(["p0"], defaults);
  await rig.clock.advance(10);
};
const say = (text: string): Script => ({ op: "say", text });
const status = () => rig.engine.status();
const canaries = () => rig.network.archive.filter(({ topic }) => topic !== probeTopic("all"));
const events = (type: string) => rig.store.events({ after: 0, limit: 1_000 }).filter((event) => event.type === type);

/** Second by second; returns how many milliseconds it took. */
async function pass(holds: () => boolean, limitMs: number): Promise<number> {
  const began = rig.clock.now();
  while (!holds()) {
    assert.ok(rig.clock.now() - began <= limitMs, `not within ${limitMs} ms`);
    await rig.clock.advance(1_000);
  }
  return rig.clock.now() - began;
}

describe("canary", () => {
  it("proves at the start that we hear, and again at most once a minute", async () => {
    await start();
    assert.deepEqual([status().state, status().canary.state], ["ready", "hearing"]);
    await rig.clock.advance(60 * CANARY_INTERVAL_MS);
    assert.ok(canaries().length >= 60 && canaries().length <= 72, `${canaries().length} in an hour`);
    assert.equal(rig.engine.counters.get("outbox.published"), 0);
  });

  it("is not ready before the first one is back", async () => {
    rig = await createRig(["p0"], defaults);
    rig.network.faults.losePush = 1;
    rig = await rig.restart();
    await rig.clock.advance(1_000);
    assert.deepEqual([status().state, status().canary.state], ["degraded", "waiting"]);
    assert.deepEqual(status().reasons, ["no canary has come back yet"]);
    await rig.clock.advance(CANARY_INTERVAL_MS);
    assert.match(status().reasons[0] ?? "", /^what we publish has not come back: /);
    rig.network.faults.losePush = 0;
    await pass(() => status().state === "ready", 2 * CANARY_INTERVAL_MS);
  });

  it("looks like any envelope on any bucket, and differs at each start", async () => {
    await start();
    await rig.clock.advance(3 * CANARY_INTERVAL_MS);
    const first = canaries().map(({ topic }) => topic);
    assert.equal(new Set(first).size, 1);
    assert.equal(parseBucketTopic(first[0] ?? "").kind, "readable");
    for (const { payload } of canaries()) assert.equal(decodeEnvelope(payload).kind, "readable");
    assert.equal(
      new Set(canaries().map(({ payload }) => Buffer.from(payload).toString("hex"))).size,
      canaries().length,
    );
    rig = await rig.restart();
    await rig.clock.advance(10);
    assert.equal(new Set(canaries().map(({ topic }) => topic)).size, 2);
  });

  it("reaches neither intake nor counters nor cursors nor the listening that operators see", async () => {
    await start();
    await rig.clock.advance(5 * CANARY_INTERVAL_MS);
    assert.ok(canaries().length >= 5);
    assert.deepEqual(rig.engine.counters.all(), {});
    const [canary] = canaries();
    assert.ok(canary);
    assert.equal(rig.store.cursor(canary.topic), undefined);
    assert.deepEqual(status().network.listening, [probeTopic("all")]);
    const stranger = rig.stranger.publish(
      { topic: canary.topic, payload: canary.payload.slice(1) },
      new AbortController().signal,
    );
    await rig.clock.advance(10);
    await stranger;
    assert.deepEqual(rig.engine.counters.all(), {}, "nor does what others publish on its topic");
  });

  it("finds a muted node out, makes subscriptions anew, recovers by itself, and nothing is lost", async (t) => {
    await start();
    rig.transport.muted = true;
    await rig.push("p0", 0, say("unheard"));
    const detection = await pass(
      () => status().state === "degraded",
      CANARY_INTERVAL_MS + 2 * CANARY_DEADLINE_MS + 1_000,
    );
    assert.equal(status().canary.state, "deaf");
    const [deaf] = events("network.deaf");
    assert.ok(Number(deaf?.data["silentMs"]) >= CANARY_DEADLINE_MS);
    assert.equal(deaf?.conversation, undefined);
    await rig.clock.advance(10);
    assert.deepEqual(rig.texts("message.received"), ["unheard"], "the renewal read it from the Store");
    await rig.push("p0", 1, say("unheard too"));
    await rig.clock.advance(5 * CANARY_INTERVAL_MS);
    assert.ok(rig.transport.renewals >= 4, `${rig.transport.renewals} renewals`);
    assert.equal(events("network.deaf").length, 1, "said once");
    rig.transport.muted = false;
    const recovery = await pass(() => status().state === "ready", 2 * CANARY_INTERVAL_MS);
    assert.equal(events("network.recovered").length, 1);
    assert.ok(Number(events("network.recovered")[0]?.data["deafMs"]) >= 5 * CANARY_INTERVAL_MS);
    await rig.clock.advance(CANARY_DEADLINE_MS);
    assert.deepEqual(rig.texts("message.received"), ["unheard", "unheard too"]);
    t.diagnostic(`muted: degraded after ${detection} ms, ready again ${recovery} ms after the node pushed again`);
  });

  it("is cured by the renewal itself when the node had only forgotten us", async (t) => {
    await start();
    rig.transport.muted = true;
    rig.transport.renewalUnmutes = true;
    const deaf = await pass(() => events("network.deaf").length > 0, 2 * CANARY_INTERVAL_MS);
    const recovered = await pass(() => status().state === "ready", 2 * CANARY_INTERVAL_MS);
    assert.equal(rig.transport.renewals, 1);
    t.diagnostic(`forgotten: deaf after ${deaf} ms, ready ${recovered} ms later`);
  });

  it("never lets a cursor pass what we surely heard", async () => {
    await start();
    await rig.clock.advance(CANARY_INTERVAL_MS);
    rig.transport.muted = true;
    const since = rig.clock.now();
    await rig.push("p0", 0, say("in the dark"));
    await rig.clock.advance(CURSOR_SAVE_IDLE_MS + 5_000);
    assert.equal(status().state, "ready", "not found out yet");
    assert.ok((rig.store.cursor(probeTopic("all")) ?? 0) <= since);
    rig = await rig.restart();
    await rig.clock.advance(10);
    assert.deepEqual(rig.texts("message.received"), ["in the dark"], "a restart asks from before the silence");
  });

  it("one that is lost by chance costs nothing: the next follows at once", async () => {
    await start();
    rig.network.faults.losePush = 1;
    const before = canaries().length;
    await pass(() => canaries().length > before, CANARY_INTERVAL_MS);
    rig.network.faults.losePush = 0;
    await pass(() => canaries().length > before + 1, CANARY_DEADLINE_MS + 1_000);
    assert.equal(status().state, "ready");
    await rig.clock.advance(2 * CANARY_INTERVAL_MS);
    assert.deepEqual(events("network.deaf"), []);
    assert.equal(rig.transport.renewals, 0);
  });

  it("does not run without a peer, and an outage is no deafness", async () => {
    await start();
    const before = canaries().length;
    rig.transport.setOnline(false);
    await rig.clock.advance(10 * CANARY_INTERVAL_MS);
    assert.equal(canaries().length, before);
    assert.deepEqual(status().reasons, ["no service node is connected"]);
    rig.transport.setOnline(true);
    await rig.clock.advance(CANARY_DEADLINE_MS + 10);
    assert.deepEqual([status().state, canaries().length], ["ready", before + 1]);
    assert.deepEqual(events("network.deaf"), []);
  });

  it("says when nothing can be published, and that is no deafness either", async () => {
    await start();
    rig.transport.refusal = { kind: "refused", status: 429, reason: "too many requests", retryable: true };
    await pass(() => status().state === "degraded", 2 * CANARY_INTERVAL_MS);
    assert.deepEqual(status().reasons, ["no service node takes what we publish: too many requests"]);
    assert.deepEqual(events("network.deaf"), []);
    rig.transport.refusal = undefined;
    await pass(() => status().state === "ready", 2 * CANARY_INTERVAL_MS);
  });

  it("heals deafness also when the disk is full", async () => {
    await start();
    rig.transport.muted = true;
    rig.faults.before = ({ method }) => {
      if (method === "appendEvent" || method === "probe") throw diskFull();
    };
    await pass(() => status().canary.state === "deaf", 2 * CANARY_INTERVAL_MS);
    assert.deepEqual(status().reasons, ["the state cannot be written (store/full)"]);
    assert.deepEqual(
      rig.engine.health().map(({ name, ok }) => `${name} ${ok}`),
      ["store false", "peers true", "subscriptions true", "canary false", "clock true", "history true", "outbox true"],
    );
    rig.faults.before = () => {};
    assert.ok(rig.transport.renewals > 0);
    rig.transport.muted = false;
    await pass(() => status().state === "ready", 2 * CANARY_INTERVAL_MS);
  });
});
