import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import {
  type Config,
  loadConfig,
  renderConfigFile,
  resolveConfigFile,
  type Settings,
} from "../../src/daemon/config.ts";
import { UmbradError } from "../../src/engine/errors.ts";
import { temporaryDirectory } from "../support/umbrad-command.ts";

const peer = "/ip4/127.0.0.1/tcp/60000/p2p/16Uiu2HAmPLe7Mzm8TsYUubgCAW1aJoeFScxrLj8ppHFivPo97bUZ";

interface Layers {
  readonly flags?: Settings;
  readonly env?: Record<string, string>;
  readonly toml?: string;
  readonly required?: boolean;
}

async function load(t: TestContext, { flags = {}, env = {}, toml, required = false }: Layers): Promise<Config> {
  const path = join(await temporaryDirectory(t), "config.toml");
  if (toml !== undefined) await writeFile(path, toml);
  return loadConfig({ flags, env, file: { path, required } });
}

/** The problems, without the random directory. */
async function problems(t: TestContext, layers: Layers): Promise<string[]> {
  const path = join(await temporaryDirectory(t), "config.toml");
  if (layers.toml !== undefined) await writeFile(path, layers.toml);
  const { flags = {}, env = {}, required = false } = layers;
  try {
    loadConfig({ flags, env, file: { path, required } });
  } catch (error) {
    assert.ok(error instanceof UmbradError);
    assert.equal(error.code, "config/invalid");
    return error.message.replaceAll(path, "FILE").split("; ");
  }
  assert.fail("the configuration was accepted");
}

test("nothing given: the local devnet, quiet JSON, no peers", async (t) => {
  assert.deepEqual(await load(t, {}), {
    name: null,
    network: { name: "devnet", clusterId: 66, shards: 8 },
    peers: [],
    log: { level: "info", format: "json" },
    unknownSenders: "ask",
    retention: {},
    limits: {},
  });
});

test("flags before environment before file before defaults", async (t) => {
  const toml = '[network]\nname = "logos.dev"\n[log]\nlevel = "warn"\nformat = "pretty"\n';
  const env = { UMBRAD_NETWORK: "logos.test", UMBRAD_LOG_LEVEL: "debug", UMBRAD_PEERS: `${peer} ${peer},${peer}` };
  const config = await load(t, { flags: { logLevel: "error" }, env, toml });
  assert.deepEqual(config, {
    name: null,
    network: { name: "logos.test", clusterId: 2, shards: 8, quota: { publications: 100, windowMs: 600_000 } },
    peers: [peer],
    log: { level: "error", format: "pretty" },
    unknownSenders: "ask",
    retention: {},
    limits: {},
  });
  assert.deepEqual((await load(t, { toml })).network, {
    ...{ name: "logos.dev", clusterId: 3, shards: 8 },
    quota: { publications: 100, windowMs: 600_000 },
  });
});

test("a custom network brings its numbers, also when a flag overrules the file's", async (t) => {
  const toml = '[network]\nname = "custom"\ncluster_id = 99\nshards = 4\n';
  assert.deepEqual((await load(t, { toml })).network, { name: "custom", clusterId: 99, shards: 4 });
  assert.deepEqual((await load(t, { toml, flags: { network: "devnet" } })).network, {
    name: "devnet",
    clusterId: 66,
    shards: 8,
  });
  const flags = { network: "custom", clusterId: 1, shards: 1 };
  assert.deepEqual((await load(t, { flags })).network, { name: "custom", clusterId: 1, shards: 1 });
});

test("all problems at once, each with its place", async (t) => {
  const toml = '[network]\nname = "moon"\npeers = ["localhost", 3]\n[log]\nlevel = 7\n';
  const found = await problems(t, { toml, env: { UMBRAD_SHARDS: "many", UMBRAD_LOG_FORMAT: "xml" } });
  const places = found.map((problem) =>
    problem
      .split(": ")
      .slice(0, problem.startsWith("FILE") ? 2 : 1)
      .join(": "),
  );
  assert.deepEqual(places.sort(), [
    "FILE: log.level",
    "FILE: network.name",
    "FILE: network.peers[0]",
    "FILE: network.peers[1]",
    "UMBRAD_LOG_FORMAT",
    "UMBRAD_SHARDS",
  ]);
});

test("unknown keys, broken TOML, missing file, numbers where they do not belong", async (t) => {
  assert.match((await problems(t, { toml: "[network]\nnmae = 'x'\n" })).join(), /^FILE: network: .*"nmae"/);
  assert.match((await problems(t, { toml: "[network]\nname = \n" })).join(), /^FILE:2:\d+: /);
  assert.match((await problems(t, { required: true })).join(), /^FILE: cannot be read \(ENOENT\)$/);
  assert.match((await problems(t, { flags: { network: "custom" } })).join(), /needs --cluster-id and --shards/);
  assert.match((await problems(t, { flags: { clusterId: 5 } })).join(), /of devnet are fixed/);
  assert.match((await problems(t, { flags: { peers: ["/ip4/1.2.3.4/tcp/1"] } })).join(), /^--peer\[0\]: /);
});

test("what init writes is what run reads", async (t) => {
  for (const network of [
    { name: "logos.test", clusterId: 2, shards: 8, quota: { publications: 100, windowMs: 600_000 } },
    { name: "custom", clusterId: 7, shards: 3 },
    { name: "custom", clusterId: 7, shards: 3, quota: { publications: 40, windowMs: 90_000 } },
  ] as const) {
    const name = 'Ada\'s "node" \u{1F512} \\';
    const config = await load(t, { toml: renderConfigFile({ name, network, peers: [peer] }) });
    assert.deepEqual(config, {
      name,
      network,
      peers: [peer],
      log: { level: "info", format: "json" },
      unknownSenders: "ask",
      retention: {},
      limits: {},
    });
  }
});

test("the file is where the flag or the environment says, else in the state directory", () => {
  assert.deepEqual(resolveConfigFile(undefined, "/s", {}), { path: "/s/config.toml", required: false });
  assert.deepEqual(resolveConfigFile(undefined, "/s", { UMBRAD_CONFIG: "/e" }), { path: "/e", required: true });
  assert.deepEqual(resolveConfigFile("/f", "/s", { UMBRAD_CONFIG: "/e" }), { path: "/f", required: true });
});

test("retention is in the file, in ages", async (t) => {
  const toml = '[retention]\nevents = "12h"\nevents_max = 5000\nunacknowledged = "30d"\n';
  const { retention } = await load(t, { toml });
  assert.deepEqual(retention, { eventsMs: 43_200_000, eventsMax: 5_000, unacknowledgedMs: 2_592_000_000 });
  assert.deepEqual(await problems(t, { toml: '[retention]\nevents = "0d"\nevents_max = 1\n' }), [
    'FILE: retention[events]: must be an age like "12h" or "90d"',
    "FILE: retention[events_max]: Too small: expected number to be >=100",
  ]);
  assert.equal((await problems(t, { toml: "[retention]\nmessages = 1\n" })).length, 1);
});

test("public networks have their quota, devnet none, a custom one what the file says", async (t) => {
  const quotaOf = async (toml: string) => (await load(t, { toml })).network.quota;
  const custom = '[network]\nname = "custom"\ncluster_id = 7\nshards = 3\n';
  assert.equal(await quotaOf(""), undefined);
  assert.deepEqual(await quotaOf('[network]\nname = "logos.dev"\n'), { publications: 100, windowMs: 600_000 });
  assert.equal(await quotaOf(custom), undefined);
  assert.deepEqual(await quotaOf(`${custom}quota = 20\n`), { publications: 20, windowMs: 600_000 });
  assert.deepEqual(await quotaOf(`${custom}quota = 20\nquota_window = "2m"\n`), {
    publications: 20,
    windowMs: 120_000,
  });
  assert.deepEqual(await problems(t, { toml: `${custom}quota = 1\nquota_window = "soon"\n` }), [
    "FILE: network.quota: quota must be at least 5",
    'FILE: network.quota_window: quota_window must be a time like "600s" or "10m"',
  ]);
  assert.match((await problems(t, { toml: `${custom}quota_window = "2m"\n` })).join(), /quota must be a whole number/);
  assert.match((await problems(t, { toml: '[network]\nname = "logos.dev"\nquota = 500\n' })).join(), /is fixed/);
});

test("limits are in the file", async (t) => {
  const toml = "[limits]\ninvites_per_second = 5\nmessages_per_minute = 600\n";
  assert.deepEqual((await load(t, { toml })).limits, { invitesPerSecond: 5, messagesPerMinute: 600 });
  assert.deepEqual(await problems(t, { toml: "[limits]\nmessages_per_minute = 1\n" }), [
    "FILE: limits[messages_per_minute]: Too small: expected number to be >=10",
  ]);
});
