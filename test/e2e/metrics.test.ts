// Goal: what Prometheus reads of a real daemon moves with what happens to it, and alerts and dashboard ask for nothing else.
// Method: two daemons and a service node as processes; each happening, then a look at /metrics.
import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { call } from "../support/admin/admin-fixture.ts";
import { seriesOf } from "../support/engine/test-metrics.ts";
import { connect, Party, ServiceNode } from "./stage/party.ts";
import { Stage, until } from "./stage/processes.ts";

type Series = ReadonlyMap<string, number>;

async function read(party: Party): Promise<Series> {
  const { status, text } = await call(join(party.stateDir, "admin.sock"), "GET", "/metrics");
  assert.equal(status, 200);
  return seriesOf(text);
}

const numberOf = async (party: Party, name: string) => (await read(party)).get(name);

/** Of the names and labels in these expressions those that no series has. */
function unknown(expressions: readonly string[], series: Series): string[] {
  const names = [...series.keys()];
  const selectors = expressions.flatMap((expr) => [...expr.matchAll(/(umbrad_\w+)(?:\{([^}]*)\})?/g)]);
  assert.ok(selectors.length > 60);
  return selectors.flatMap(([selector, name = "", matchers = ""]) => {
    const found = names.filter((one) => one === name || one.startsWith(`${name}{`));
    const missing = [...matchers.matchAll(/(\w+)(=~|!=|=)"([^"]*)"/g)].flatMap(([matcher, label, , values = ""]) => {
      // Prometheus puts it there.
      if (label === "instance") return [];
      return values.split("|").every((value) => found.some((one) => one.includes(`${label}="${value}"`)))
        ? []
        : [matcher];
    });
    return found.length === 0 ? [selector] : missing;
  });
}

async function expressionsInUse(): Promise<string[]> {
  const config = (path: string) => readFile(join(import.meta.dirname, "..", "..", "config", path), "utf8");
  const rules = [...(await config("prometheus/umbrad.rules.yml")).matchAll(/^\s+expr: (.+)$/gm)];
  const panels = [...(await config("grafana/umbrad.json")).matchAll(/"expr": "(.+)"/g)];
  return [...rules, ...panels].map(([, expr = ""]) => expr.replaceAll('\\"', '"'));
}

test("numbers follow what happens, and alerts and dashboard name only what there is", async (t) => {
  const stage = new Stage(t);
  const node = new ServiceNode(stage);
  await node.start();
  const flags = ["--peer", node.multiaddr];
  const [alice, bob] = [new Party(stage, "alice", flags), new Party(stage, "bob", flags)];
  for (const party of [alice, bob]) {
    await party.init();
    await party.start();
    await party.wait("ready");
  }
  const first = await read(alice);
  assert.equal(first.has("umbrad_backup_last_success_timestamp_seconds"), false, "not known is absent");
  assert.equal(first.get("umbrad_config_last_reload_success"), 1);
  assert.equal(first.get("umbrad_envelope_route_seconds_count"), 0);
  assert.ok((first.get("umbrad_waku_canary_rtt_seconds_count") ?? 0) >= 1);

  await connect(alice, bob, "from bob");
  await alice.text("send", "c1", "from alice", "--wait", "delivered", "--timeout", "120s");
  const talked = await read(alice);
  assert.ok((talked.get("umbrad_envelope_route_seconds_count") ?? 0) >= 2);
  assert.ok((talked.get("umbrad_envelope_step_seconds_sum") ?? 0) > 0);
  assert.equal(talked.get('umbrad_conversations{kind="private/v1",state="accepted"}'), 1);
  assert.equal(talked.get('umbrad_waku_protocol_peers{protocol="filter"}'), 1);
  assert.equal(talked.get('umbrad_invites_total{state="created"}'), 1);
  assert.equal(talked.get('umbrad_invites_total{state="redeemed"}'), 1);
  assert.ok((talked.get("umbrad_sync_last_success_timestamp_seconds") ?? 0) > Date.now() / 1000 - 3_600);
  assert.equal(talked.get("umbrad_event_log_events"), talked.get("umbrad_event_log_seq"));

  await reloads(alice);
  const backedUpAt = await backups(alice, stage.directory);
  await aBusyDatabase(alice);

  const skew = await until("the clock is known", () => numberOf(alice, "umbrad_clock_skew_seconds"));
  assert.ok(Math.abs(skew) <= 1);
  await alice.text("listen", "--consumer", "bot", "--timeout", "2s");
  assert.deepEqual(unknown(await expressionsInUse(), await read(alice)), []);

  await alice.stop();
  await alice.start();
  await alice.wait("ready");
  const again = await read(alice);
  assert.equal(again.get("umbrad_backup_last_success_timestamp_seconds"), backedUpAt, "it is kept in the state");
  assert.equal(again.get('umbrad_backups_total{result="made"}'), 0);
  for (const party of [alice, bob]) await party.stop();
});

async function reloads(alice: Party): Promise<void> {
  const before = await read(alice);
  const file = join(alice.stateDir, "config.toml");
  const right = await readFile(file, "utf8");
  await writeFile(file, `${right}\nnonsense = 1\n`);
  assert.equal((await alice.command(["reload"])).code, 78);
  const wrong = await read(alice);
  assert.equal(wrong.get("umbrad_config_last_reload_success"), 0);
  const readAt = "umbrad_config_last_reload_success_timestamp_seconds";
  assert.equal(wrong.get(readAt), before.get(readAt), "what is in force was read then");
  const warnings = 'umbrad_log_lines_total{level="warn"}';
  assert.equal((wrong.get(warnings) ?? 0) - (before.get(warnings) ?? 0), 1, "config.rejected");
  await writeFile(file, right);
  await alice.text("reload");
  const mended = await read(alice);
  assert.equal(mended.get("umbrad_config_last_reload_success"), 1);
  assert.ok((mended.get(readAt) ?? 0) > (before.get(readAt) ?? 0));
}

/** Returns when the one that counts was made. */
async function backups(alice: Party, directory: string): Promise<number> {
  const notADirectory = join(directory, "a file");
  await writeFile(notADirectory, "");
  assert.notEqual((await alice.command(["store", "backup", notADirectory])).code, 0);
  assert.equal(await numberOf(alice, 'umbrad_backups_total{result="failed"}'), 1);
  assert.equal(await numberOf(alice, "umbrad_backup_last_success_timestamp_seconds"), undefined);
  const target = join(directory, "backups");
  await mkdir(target, { mode: 0o700 });
  const beganAt = Date.now() / 1000;
  await alice.text("store", "backup", target);
  const series = await read(alice);
  const atSeconds = series.get("umbrad_backup_last_success_timestamp_seconds") ?? 0;
  assert.ok(atSeconds >= beganAt && atSeconds <= Date.now() / 1000, `${atSeconds}`);
  assert.equal(series.get('umbrad_backups_total{result="made"}'), 1);
  const { backedUpAt } = await alice.status();
  assert.equal(Date.parse(backedUpAt ?? "") / 1000, atSeconds);
  assert.match(await alice.text("status"), new RegExp(`last backup +${backedUpAt}`));
  return atSeconds;
}

/** Another program holds the database for a moment. */
async function aBusyDatabase(alice: Party): Promise<void> {
  const busy = 'umbrad_store_errors_total{code="busy"}';
  assert.equal(await numberOf(alice, busy), 0);
  const intruder = new DatabaseSync(join(alice.stateDir, "umbrad.db"), { timeout: 5_000 });
  try {
    intruder.exec("BEGIN IMMEDIATE");
    const { code } = await alice.command(["send", "c1", "while it is held"]);
    assert.notEqual(code, 0);
    assert.ok(((await numberOf(alice, busy)) ?? 0) >= 1);
    intruder.exec("ROLLBACK");
  } finally {
    intruder.close();
  }
  await alice.wait("ready");
}
