// Goal: what Prometheus reads is true, and no stranger can make it grow. Method: a real engine on a real store and the
// in-process network for envelopes; the real server for requests.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { failureBeginnings, failureReasons } from "../../src/admin/metrics/message-meter.ts";
import { probeTopic } from "../engine/probe/probe-type.ts";
import { createRig, publish } from "../engine/probe/rig.ts";
import { call, callTcp, startAdminFixture } from "../support/admin/admin-fixture.ts";
import { MemoryEngine } from "../support/engine/memory-engine.ts";
import { seriesOf, testMetrics } from "../support/engine/test-metrics.ts";

test("/metrics: the state of the engine as numbers, a gauge of what is not there is absent", async (t) => {
  const { socketPath, engine, host } = await startAdminFixture(t);
  await engine.consumers.read("bot");
  engine.daemonEvent("node.tick");
  const read = async () => {
    const { status, text, headers } = await call(socketPath, "GET", "/metrics");
    assert.equal(status, 200);
    assert.match(String(headers["content-type"]), /^text\/plain/);
    return seriesOf(text);
  };
  const first = await read();
  assert.equal(first.get("umbrad_ready"), 1);
  assert.equal(first.get("umbrad_waku_peers"), 1);
  assert.equal(first.has("umbrad_backup_last_success_timestamp_seconds"), false);
  assert.equal(first.has("umbrad_clock_skew_seconds"), false, "no check of the clock: nothing is known of it");
  assert.equal(first.get('umbrad_event_consumer_lag{consumer="bot"}'), 1);
  assert.equal(first.get('umbrad_check{check="peers"}'), 1);
  assert.equal(first.get('umbrad_api_clients{transport="unix"}'), 1);
  engine.state = "degraded";
  const second = await read();
  assert.equal(second.get("umbrad_ready"), 0);
  assert.equal(second.get('umbrad_check{check="peers"}'), 0);
  assert.equal(second.get('umbrad_api_requests_total{method="metrics",code="200"}'), 1);
  host.engine = undefined;
  const starting = await read();
  assert.equal(starting.get("umbrad_ready"), 0);
  assert.equal(starting.has("umbrad_waku_peers"), false, "no engine: no number rather than a zero");
});

test("messages are counted by what becomes of them, with the time it took", async () => {
  const engine = new MemoryEngine();
  const metrics = testMetrics(() => engine);
  metrics.follow(engine);
  const view = engine.open(null);
  const sent = await engine.send({ conversation: "c1", text: "hi" });
  engine.nowMs += 2_000;
  engine.advance(sent.messageId, "delivered");
  engine.receive(view, "hello");
  const series = seriesOf(await metrics.text());
  assert.equal(series.get('umbrad_messages_total{direction="out",state="queued"}'), 1);
  assert.equal(series.get('umbrad_messages_total{direction="out",state="delivered"}'), 1);
  assert.equal(series.get('umbrad_messages_total{direction="in",state="received"}'), 1);
  assert.equal(series.get('umbrad_message_latency_seconds_bucket{le="1",stage="delivered"}'), 0);
  assert.equal(series.get('umbrad_message_latency_seconds_bucket{le="2.5",stage="delivered"}'), 1);
});

test("a message that failed has one of a few reasons, whatever a service node says", async () => {
  const engine = new MemoryEngine();
  const metrics = testMetrics(() => engine);
  metrics.follow(engine);
  const before = [...seriesOf(await metrics.text()).keys()];
  const fail = (reason: unknown) => engine.daemonEvent("message.failed", { reason });
  for (const reason of ["too large", "RLN proof required", "canary-1", undefined, 7]) fail(reason);
  fail("cancelled");
  const after = seriesOf(await metrics.text());
  assert.deepEqual([...after.keys()], before);
  assert.equal(after.get('umbrad_messages_failed_total{reason="refused"}'), 5);
  assert.equal(after.get('umbrad_messages_failed_total{reason="cancelled"}'), 1);
  for (const reason of failureReasons) assert.ok(after.has(`umbrad_messages_failed_total{reason="${reason}"}`));
});

test("the reasons are those that the sources give", () => {
  const read = (path: string) => readFileSync(join(import.meta.dirname, "..", "..", "src", path), "utf8");
  const texts = [
    "resend.ts",
    "outbox/cancel.ts",
    "relations/succession.ts",
    "relations/rollback.ts",
    "segments/kept.ts",
  ]
    .map((name) => read(`conversation/private-v1/${name}`))
    .concat(read("sqlite/commit.ts"))
    .join("\n");
  for (const beginning of failureBeginnings) assert.ok(texts.includes(`"${beginning}`), beginning);
});

test("the clock's skew is known only while Store nodes keep what we publish; the last backup is the state's", async () => {
  const engine = new MemoryEngine();
  const metrics = testMetrics(() => engine);
  const says = async (kept: boolean | null, secondsOff: number) => {
    engine.health = () => [{ name: "clock", ok: true, text: "", data: { secondsOff, kept } }];
    return seriesOf(await metrics.text()).get("umbrad_clock_skew_seconds");
  };
  assert.deepEqual([await says(true, -90), await says(null, 0), await says(false, 0)], [-90, undefined, undefined]);
  engine.backedUpAtMs = 1_800_000_000_000;
  assert.equal(seriesOf(await metrics.text()).get("umbrad_backup_last_success_timestamp_seconds"), 1_800_000_000);
});

test("store errors are counted by a closed set of codes, and the schema is absent until the store is open", async () => {
  const all = testMetrics(() => undefined);
  assert.equal(seriesOf(await all.text()).has("umbrad_store_schema_version"), false);
  all.upkeep.opened(1);
  for (const code of ["store/full", "store/full", "store/conflict", "store/canary"]) all.upkeep.storeFailed(code);
  const series = seriesOf(await all.text());
  assert.equal(series.get("umbrad_store_schema_version"), 1);
  assert.equal(series.get('umbrad_store_errors_total{code="full"}'), 2);
  assert.equal([...series.keys()].filter((name) => name.startsWith("umbrad_store_errors_total")).length, 6);
});

test("what the engine measures: envelopes of ours only, retries, what history brought back", async (t) => {
  const metrics = testMetrics(() => rig.engine);
  const rig = await createRig(["a"], "off", undefined, {}, metrics.meter);
  t.after(() => rig.dispose());
  const number = async (name: string) => seriesOf(await metrics.text()).get(`umbrad_${name}`);
  await rig.push("stranger", 0, { op: "say", text: "x" });
  assert.equal(await number("envelope_route_seconds_count"), 0);
  await rig.push("a", 0, { op: "say", text: "ours" });
  assert.equal(await number("envelope_route_seconds_count"), 1);
  assert.equal(await number("envelope_step_seconds_count"), 1);

  rig.transport.setOnline(false);
  await publish(rig.stranger, "a", 1, { op: "say", text: "missed" });
  const sent = rig.engine.send({ conversation: "c0", text: "waits" });
  await rig.clock.advance(10_000);
  await sent;
  assert.ok(((await number("outbox_retries_total")) ?? 0) >= 2);
  assert.equal(await number("sync_messages_recovered_total"), 0);
  rig.transport.setOnline(true);
  await rig.clock.advance(10_000);
  assert.equal(await number("sync_messages_recovered_total"), 1);
  assert.equal(await number("sync_last_success_timestamp_seconds").then((at) => (at ?? 0) > 1_800_000_000), true);
});

test("callers make no series: paths, methods, names and tokens of theirs are no labels", async (t) => {
  const tcp = { host: "127.0.0.1", port: 0 } as const;
  const { socketPath, server } = await startAdminFixture(t, { tcp });
  const port = Number(server.tcp?.split(":").at(-1));
  const ask = async (n: number) => {
    await call(socketPath, "GET", `/v1/canary-${n}`);
    await call(socketPath, "GET", `/v1/messages/canary-${n}`);
    await call(socketPath, "DELETE", `/v1/consumers/canary-${n}`);
    await call(socketPath, "PUT", `/v1/canary-${n}`);
    await callTcp(port, "GET", `/canary-${n}`, { headers: { authorization: `Bearer canary-${n}` } });
    await callTcp(port, "GET", "/v1/status", { headers: { authorization: `Bearer umbrad_t${n}_${"A".repeat(43)}` } });
  };
  await ask(1);
  const before = (await call(socketPath, "GET", "/metrics")).text;
  for (let n = 2; n < 60; n += 1) await ask(n);
  await call(socketPath, "GET", "/metrics");
  const after = (await call(socketPath, "GET", "/metrics")).text;
  const grown = [...seriesOf(after).keys()].filter((name) => !seriesOf(before).has(name));
  // The answer to the first /metrics was not yet counted in itself.
  assert.deepEqual(
    grown.filter((name) => !name.includes('method="metrics"')),
    [],
  );
  assert.equal(after.includes("canary-"), false);
  assert.equal(seriesOf(after).get("umbrad_api_auth_failures_total"), 2 * 59);
});

test("strangers make no series: topics, hints, forgeries and junk are numbers of a closed set of reasons", async (t) => {
  const rig = await createRig(["a"]);
  t.after(() => rig.dispose());
  const metrics = testMetrics(() => rig.engine);
  metrics.follow(rig.engine);
  const before = new Set(seriesOf(await metrics.text()).keys());
  const signal = new AbortController().signal;
  const topic = probeTopic("all");
  for (let n = 0; n < 100; n += 1) {
    await rig.push(`stranger ${n}`, n, { op: "say", text: "x" });
    void rig.stranger.publish({ topic: probeTopic(`other-${n}`), payload: new Uint8Array([n]) }, signal);
    void rig.stranger.publish({ topic, payload: new Uint8Array(n + 1).fill(n) }, signal);
  }
  await rig.push("a", 0, { op: "say", text: "ours" });
  await rig.clock.settle();
  const after = seriesOf(await metrics.text());
  assert.deepEqual(
    [...after.keys()].filter((name) => !before.has(name)),
    [],
  );
  assert.equal(after.get('umbrad_envelopes_dropped_total{reason="unknown_hint"}'), 100);
  assert.equal(after.get('umbrad_envelopes_dropped_total{reason="malformed"}'), 100);
  assert.equal(after.get("umbrad_envelopes_accepted_total"), 1);
});
