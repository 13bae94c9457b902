// Goal: alerts, their tests and the dashboard name only metrics and label values that the daemon has, and every alert has a
// test. Method: ask a real Metrics for its text, and hold every name in the files against it. promtool runs where it is.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { dropReasons } from "../../src/admin/metrics/envelope-counts.ts";
import { Metrics } from "../../src/admin/metrics/metrics.ts";
import { MemoryEngine } from "../support/memory-engine.ts";

const root = join(import.meta.dirname, "..", "..");
const read = (path: string): string => readFileSync(join(root, path), "utf8");
const rules = read("config/prometheus/umbrad.rules.yml");
const ruleTests = read("config/prometheus/umbrad.rules.test.yml");
const dashboard = JSON.parse(read("config/grafana/umbrad.json")) as {
  panels: { title: string; type: string; targets?: { expr: string; legendFormat: string }[] }[];
  annotations: { list: { expr: string }[] };
};

/** Names as they stand in expressions: a histogram has three. */
async function knownNames(): Promise<Set<string>> {
  const engine = new MemoryEngine();
  await engine.consumers.read("bot");
  const storage = () => ({ databaseBytes: 1, walBytes: 1, freeBytes: 1 });
  const metrics = new Metrics({ version: "0", now: Date.now, engine: () => engine, storage, isProcess: true });
  const text = await metrics.text();
  const types = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)];
  return new Set(
    types.flatMap(([, name = "", type]) =>
      type === "histogram" ? ["_bucket", "_sum", "_count"].map((end) => name + end) : [name],
    ),
  );
}

const namesIn = (text: string): string[] => [...text.matchAll(/\bumbrad_\w+/g)].map(([name]) => name);
const expressions = [...rules.matchAll(/^\s+expr: (.+)$/gm)].map((match) => match[1] ?? "");
const panels = dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));

test("every metric that an alert, its test or a panel names exists", async () => {
  const known = await knownNames();
  const shown = [...panels, ...dashboard.annotations.list.map(({ expr }) => expr)];
  const series = [...ruleTests.matchAll(/series: '([^']+)'/g)].map((match) => match[1] ?? "");
  const used = [...expressions, ...shown, ...series].flatMap(namesIn);
  assert.ok(used.length > 80);
  assert.deepEqual([...new Set(used)].filter((name) => !known.has(name)).sort(), []);
});

test("a reason in an expression is one that envelopes are dropped for", () => {
  const reasons = [...rules.matchAll(/reason=~"([^"]+)"/g)].flatMap((match) => (match[1] ?? "").split("|"));
  assert.ok(reasons.length >= 4);
  assert.deepEqual(
    reasons.filter((reason) => !(dropReasons as readonly string[]).includes(reason)),
    [],
  );
});

test("every alert says what to do, has a test in which it fires and one in which it does not", () => {
  const alerts = [...rules.matchAll(/- alert: (\w+)\n([\s\S]*?)(?=\n\s+- alert:|$)/g)];
  assert.ok(alerts.length >= 17, `${alerts.length} alerts`);
  for (const [, name = "", body = ""] of alerts) {
    assert.match(body, /severity: (?:critical|warning)/, name);
    assert.match(body, /summary: "[^"]{10,}", next: "[^"]{5,}"/, name);
    assert.match(ruleTests, new RegExp(`alertname: ${name}\\n\\s+exp_alerts:\\n`), `${name} fires in a test`);
    assert.match(ruleTests, new RegExp(`alertname: ${name}, exp_alerts: \\[\\]`), `${name} is quiet in a test`);
  }
});

test("the dashboard has its six rows, and every panel shows something", () => {
  const rows = dashboard.panels.filter(({ type }) => type === "row").map(({ title }) => title);
  assert.deepEqual(rows, ["At a glance", "Flow", "Network", "Delivery", "Storage", "Process and API"]);
  for (const { title, type, targets = [] } of dashboard.panels) {
    if (type === "row") continue;
    assert.ok(targets.length > 0 && targets.every(({ expr }) => namesIn(expr).length > 0), title);
  }
});

test("promtool agrees, where there is one", (t) => {
  const directory = join(root, "config", "prometheus");
  const { error, status, stdout, stderr } = spawnSync("promtool", ["test", "rules", "umbrad.rules.test.yml"], {
    cwd: directory,
    encoding: "utf8",
  });
  if (error !== undefined) return t.diagnostic("promtool is not on this machine: the rules' own tests were not run");
  assert.equal(status, 0, stdout + stderr);
});

test("docs/metrics.md lists every metric of ours with its type, and no other", async () => {
  const engine = new MemoryEngine();
  const storage = () => ({ databaseBytes: 1, walBytes: 1, freeBytes: 1 });
  const metrics = new Metrics({ version: "0", now: Date.now, engine: () => engine, storage, isProcess: false });
  const types = [...(await metrics.text()).matchAll(/^# TYPE (\S+ \S+)$/gm)].map((match) => match[1]);
  const listed = [...read("docs/metrics.md").matchAll(/^\| `(umbrad_\w+)` \| (\w+) \|/gm)].map(
    ([, name, type]) => `${name} ${type}`,
  );
  assert.deepEqual(listed.toSorted(), types.toSorted());
});
