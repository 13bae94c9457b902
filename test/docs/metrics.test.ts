// Goal: alerts, their tests and the dashboard name only metrics and label values that the daemon has, and every alert has a
// test. Method: ask a real Metrics for its text, and hold every name in the files against it. promtool runs where it is.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { dropReasons } from "../../src/admin/metrics/envelope-counts.ts";
import { Metrics } from "../../src/admin/metrics/metrics.ts";
import { createProgram } from "../../src/cli/program.ts";
import { MemoryEngine } from "../support/engine/memory-engine.ts";

const root = join(import.meta.dirname, "..", "..");
const read = (path: string): string => readFileSync(join(root, path), "utf8");
const rules = read("config/prometheus/umbrad.rules.yml");
const ruleTests = read("config/prometheus/umbrad.rules.test.yml");
const dashboard = JSON.parse(read("config/grafana/umbrad.json")) as {
  panels: { title: string; type: string; targets?: { expr: string; legendFormat: string }[] }[];
  annotations: { list: { expr: string }[] };
};

function metricsOf(engine: MemoryEngine, isProcess: boolean): Metrics {
  const storage = () => ({ databaseBytes: 1, walBytes: 1, freeBytes: 1 });
  const lines = () => ({ debug: 0, info: 0, warn: 0, error: 0 });
  return new Metrics({ version: "0", now: Date.now, engine: () => engine, storage, lines, isProcess });
}

/** Names as they stand in expressions: a histogram has three. */
async function knownNames(): Promise<Set<string>> {
  const engine = new MemoryEngine();
  await engine.consumers.read("bot");
  const metrics = metricsOf(engine, true);
  const text = await metrics.text();
  const types = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)];
  return new Set(
    types.flatMap(([, name = "", type]) =>
      type === "histogram" ? ["_bucket", "_sum", "_count"].map((end) => name + end) : [name],
    ),
  );
}

const namesIn = (text: string): string[] => [...text.matchAll(/\bumbrad_\w+/g)].map(([name]) => name);
const panels = dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));

test("every metric that an alert, its test or a panel names exists", async () => {
  const known = await knownNames();
  const shown = [...panels, ...dashboard.annotations.list.map(({ expr }) => expr)];
  const series = [...ruleTests.matchAll(/series: '([^']+)'/g)].map((match) => match[1] ?? "");
  const used = [...alerts.map(({ expr }) => expr), ...shown, ...series].flatMap(namesIn);
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

interface Alert {
  readonly name: string;
  readonly expr: string;
  readonly forMs: number;
  readonly severity: string;
  readonly summary: string;
  readonly description: string;
}

const unitMs: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000 };
const msOf = (text: string): number => Number.parseInt(text, 10) * (unitMs[text.slice(-1)] ?? Number.NaN);
const quoted = (text: string): string => JSON.parse(text) as string;

/** The file has one shape, line by line, so that no parser of YAML is needed: what it has no line for is a fault. */
function alertsOf(text: string): Alert[] {
  const body = text.split("    rules:\n")[1] ?? "";
  const one =
    /^ {6}- alert: (\w+)\n {8}expr: (.+)\n(?: {8}for: (\d+[smh])\n)? {8}labels: \{ severity: (\w+) \}\n {8}annotations:\n {10}summary: (".+")\n {10}description: (".+")\n/;
  const alerts: Alert[] = [];
  for (let rest = body; rest !== ""; ) {
    const [whole = "", name = "", expr = "", wait = "0s", severity = "", summary = '""', description = '""'] =
      one.exec(rest) ?? [];
    assert.ok(whole !== "", `no alert in its shape: ${rest.slice(0, 200)}`);
    alerts.push({
      name,
      expr,
      forMs: msOf(wait),
      severity,
      summary: quoted(summary),
      description: quoted(description),
    });
    rest = rest.slice(whole.length);
  }
  return alerts;
}

const alerts = alertsOf(rules);
/** Tests in which something fires, by alert; the one of a healthy daemon is the last. */
const cases = ruleTests.split("  - interval: 1m\n").slice(1);
const healthy = cases.at(-1) ?? "";
const seriesIn = (text: string) => [...text.matchAll(/series: '([^']+)', values: '([^']+)'/g)];

test("the alerts that an operator needs, each with its weight and a command that exists", () => {
  const wanted =
    "Down NotReady Deaf NoFilterPeers LowPeerDiversity OutboxStuck OutboxGrowing DeadLetters DecryptErrorsHigh " +
    "FloodOrSpam SyncGapOpen EventConsumerLagging DiskLow BackupStale ClockSkew EventLoopLag Restarting ConfigRejected";
  const names = alerts.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  for (const name of wanted.split(" ")) assert.ok(names.includes(`Umbrad${name}`), name);
  const program = createProgram(() => {});
  const commandsOf = (noun: string) => program.commands.find((command) => command.name() === noun);
  for (const { name, severity, summary, description } of alerts) {
    assert.match(severity, /^(?:critical|warning)$/, name);
    assert.ok(summary.length >= 10 && description.length >= 40, name);
    const advised = [...description.matchAll(/(?<!status |-u )\bumbrad (?!makes\b)([a-z]+)(?: ([a-z]+))?/g)];
    const hasCommand = /systemctl|journalctl|timedatectl|iostat|dmesg|\btop\b/.test(description);
    assert.ok(advised.length > 0 || hasCommand, `${name} says what to do`);
    for (const [whole, noun = "", verb = ""] of advised) {
      const verbs = commandsOf(noun)?.commands.map((command) => command.name());
      assert.ok(verbs !== undefined && (verbs.length === 0 || verbs.includes(verb)), `${name}: ${whole}`);
    }
  }
});

test("durations are long enough for several scrapes, and short enough to be of use", () => {
  for (const { name, expr, forMs } of alerts) {
    assert.ok(forMs <= 3_600_000, name);
    for (const [, range = ""] of expr.matchAll(/\[(\w+)\]/g)) {
      assert.ok(msOf(range) >= 5 * 60_000 && msOf(range) <= 3_600_000, `${name}: ${range}`);
    }
    // What is no rate over some time must last, or hold for long by itself.
    assert.ok(forMs > 0 || /\[\w+\]|> \d{3,}/.test(expr), `${name} fires at a single bad scrape`);
  }
});

test("every alert has a test in which it fires, with its own series for long enough, and one in which it is quiet", () => {
  for (const { name, expr, forMs, severity, summary } of alerts) {
    const firing = cases.filter((text) => text.includes(`alertname: ${name}\n`));
    assert.equal(firing.length, 1, `${name} fires in a test`);
    const [text = ""] = firing;
    assert.match(text, new RegExp(`severity: ${severity}\\b`), name);
    assert.ok(text.includes(`summary: ${JSON.stringify(summary)}`) || summary.includes("{{"), name);
    const atMs = msOf(/eval_time: (\w+)/.exec(text)?.[1] ?? "");
    assert.ok(atMs > forMs, `${name} may fire by then`);
    const series = seriesIn(text);
    for (const [, , values = ""] of series) {
      const steps = Number(/x(\d+)$/.exec(values)?.[1]);
      assert.ok(steps * 60_000 >= atMs, `${name} still has data by then`);
    }
    // The metrics it asks for are there both times: one that is quiet for want of data proves nothing.
    const asked = new Set([...expr.matchAll(/\b(?:umbrad_\w+|up)\b/g)].map(([metric]) => metric));
    for (const metric of asked) {
      const has = (all: string) => seriesIn(all).some(([, one = ""]) => one === metric || one.startsWith(`${metric}{`));
      assert.ok(has(text), `${name} fires by ${metric}`);
      assert.ok(has(healthy), `${name} is quiet although there is ${metric}`);
    }
    assert.match(healthy, new RegExp(`alertname: ${name}, exp_alerts: \\[\\]`), `${name} is quiet in a test`);
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
  const metrics = metricsOf(new MemoryEngine(), false);
  const types = [...(await metrics.text()).matchAll(/^# TYPE (\S+ \S+)$/gm)].map((match) => match[1]);
  const listed = [...read("docs/metrics.md").matchAll(/^\| `(umbrad_\w+)` \| (\w+) \|/gm)].map(
    ([, name, type]) => `${name} ${type}`,
  );
  assert.deepEqual(listed.toSorted(), types.toSorted());
});
