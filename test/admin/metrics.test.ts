// Goal: what Prometheus reads is true, and no stranger can make it grow. Method: a real engine on a real store and the
// in-process network for envelopes; the real server for requests.
import assert from "node:assert/strict";
import { test } from "node:test";
import { probeTopic } from "../engine/probe/probe-type.ts";
import { createRig } from "../engine/probe/rig.ts";
import { call, callTcp, startAdminFixture } from "../support/admin-fixture.ts";
import { MemoryEngine } from "../support/memory-engine.ts";
import { seriesOf, testMetrics } from "../support/test-metrics.ts";

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
  assert.equal(first.get("umbrad_waku_canary_rtt_seconds"), 0.012);
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
