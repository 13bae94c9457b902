import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type Config, type LoadedConfig, loadConfig, resolveConfigFile } from "../../../src/daemon/config/config.ts";
import { renderConfigFile } from "../../../src/daemon/config/config-file.ts";
import type { FlagValues } from "../../../src/daemon/config/layers.ts";
import { ConfigError, problemText } from "../../../src/daemon/config/problem.ts";
import { temporaryDirectory } from "../../support/cli/umbrad-command.ts";

const peer = "/ip4/127.0.0.1/tcp/60000/p2p/16Uiu2HAmPLe7Mzm8TsYUubgCAW1aJoeFScxrLj8ppHFivPo97bUZ";
const day = 86_400_000;

const defaults: Config = {
  name: null,
  network: { name: "devnet", clusterId: 66, shards: 8 },
  peers: [],
  unknownSenders: "ask",
  log: { level: "info", components: new Map(), format: "json" },
  retention: { eventsMs: 90 * day, eventsMax: 1_000_000, unacknowledgedMs: 365 * day, messagesMs: undefined },
  limits: { invitesPerSecond: 50, messagesPerMinute: 20_000 },
  admin: { listen: undefined, socketGroup: undefined },
};

const publicQuota = { publications: 100, windowMs: 600_000 };

interface Layers {
  readonly flags?: FlagValues;
  readonly env?: Record<string, string>;
  readonly toml?: string;
  /** Files of conf.d by name. */
  readonly extra?: Record<string, string>;
  readonly required?: boolean;
}

async function loadAll(directory: string, layers: Layers): Promise<LoadedConfig> {
  const { flags = {}, env = {}, toml, extra = {}, required = false } = layers;
  const path = join(directory, "config.toml");
  if (toml !== undefined) await writeFile(path, toml);
  if (layers.extra !== undefined) await mkdir(join(directory, "conf.d"));
  for (const [name, text] of Object.entries(extra)) await writeFile(join(directory, "conf.d", name), text);
  return loadConfig({ flags, env, file: { path, required } });
}

async function load(t: TestContext, layers: Layers): Promise<Config> {
  return (await loadAll(await temporaryDirectory(t), layers)).config;
}

/** The problems, without the random directory. */
async function problems(t: TestContext, layers: Layers): Promise<string[]> {
  const directory = await temporaryDirectory(t);
  try {
    await loadAll(directory, layers);
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    assert.equal(error.code, "config/invalid");
    const texts = error.problems.map((problem) => problemText(problem).replaceAll(`${directory}/`, ""));
    assert.equal(error.message.replaceAll(`${directory}/`, ""), texts.join("; "));
    return texts;
  }
  assert.fail("the configuration was accepted");
}

test("nothing given: the local devnet, quiet JSON, no peers", async (t) => {
  assert.deepEqual(await load(t, {}), defaults);
});

test("flags before environment before file before defaults", async (t) => {
  const toml = '[network]\nname = "logos.dev"\n[log]\nlevel = "warn"\nformat = "pretty"\n';
  const env = { UMBRAD_NETWORK: "logos.test", UMBRAD_LOG_LEVEL: "debug", UMBRAD_PEERS: `${peer} ${peer},${peer}` };
  assert.deepEqual(await load(t, { flags: { "log.level": "error" }, env, toml }), {
    ...defaults,
    network: { name: "logos.test", clusterId: 2, shards: 8, quota: publicQuota },
    peers: [peer],
    log: { ...defaults.log, level: "error", format: "pretty" },
  });
  assert.deepEqual((await load(t, { toml })).network, {
    name: "logos.dev",
    clusterId: 3,
    shards: 8,
    quota: publicQuota,
  });
});

test("files of conf.d: the last name wins key by key, other files and a missing main file do not matter", async (t) => {
  const extra = {
    "20-b.toml": 'log.level = "debug"\n',
    "10-a.toml": '[log]\nlevel = "warn"\nformat = "pretty"\ncomponents = ["waku=error"]\n',
    "30-c.toml": "retention = { events_max = 200 }\n",
    "40-d.txt": "not read",
    ".50-e.toml": "not read either",
  };
  const log = { level: "debug", format: "pretty", components: new Map([["waku", "error"]]) };
  assert.deepEqual((await load(t, { extra })).log, log);
  const directory = await temporaryDirectory(t);
  const { config, settings, files } = await loadAll(directory, { toml: 'name = "x"\n[log]\nlevel = "info"\n', extra });
  assert.deepEqual(config.log, log);
  assert.deepEqual(
    files.map((path) => path.replace(`${directory}/`, "")),
    ["config.toml", "conf.d/10-a.toml", "conf.d/20-b.toml", "conf.d/30-c.toml"],
  );
  const origins = [...settings].map(([key, { origin }]) => [key, origin.replace(`${directory}/`, "")]);
  assert.deepEqual(
    origins.filter(([, origin]) => origin !== "default"),
    [
      ["name", "config.toml:1"],
      ["log.level", "conf.d/20-b.toml:1"],
      ["log.components", "conf.d/10-a.toml:4"],
      ["log.format", "conf.d/10-a.toml:3"],
      ["retention.events_max", "conf.d/30-c.toml:1"],
    ],
  );
});

test("a custom network brings its numbers, also when a flag overrules the file's", async (t) => {
  const toml = '[network]\nname = "custom"\ncluster_id = 99\nshards = 4\n';
  assert.deepEqual((await load(t, { toml })).network, { name: "custom", clusterId: 99, shards: 4 });
  assert.deepEqual((await load(t, { toml, flags: { "network.name": "devnet" } })).network, defaults.network);
  const flags = { "network.name": "custom", "network.cluster_id": 1, "network.shards": 1 };
  assert.deepEqual((await load(t, { flags })).network, { name: "custom", clusterId: 1, shards: 1 });
});

test("all problems at once, each with its place", async (t) => {
  const toml = '[network]\nname = "moon"\npeers = ["localhost",\n 3]\n[log]\nlevel = 7\n';
  const extra = { "a.toml": "[log]\ncomponents = ['moon=debug', 'waku=loud']\n", "b.toml": "network = 5\n" };
  const env = { UMBRAD_SHARDS: "many", UMBRAD_LOG_FORMAT: "xml", UMBRAD_PEERS: "/x" };
  const found = await problems(t, { toml, env, extra, flags: { "network.cluster_id": -1 } });
  assert.deepEqual(
    found.map((problem) => /^(?:[^:]+\.toml:\d+: )?[^:]+/.exec(problem)?.[0]),
    [
      "--cluster-id",
      "UMBRAD_SHARDS",
      "UMBRAD_PEERS[0]",
      "UMBRAD_LOG_FORMAT",
      "config.toml:2: network.name",
      "config.toml:3: network.peers[0]",
      "config.toml:4: network.peers[1]",
      "config.toml:6: log.level",
      "conf.d/a.toml:2: log.components[0]",
      "conf.d/a.toml:2: log.components[1]",
      "conf.d/b.toml:1: network",
    ],
  );
});

test("what is wrong with the log does not hide what is wrong with the network", async (t) => {
  const toml = '[log]\nlevel = "x"\n[network]\ncluster_id = 5\n';
  const found = await problems(t, { toml });
  assert.equal(found.length, 2);
  assert.match(found[1] ?? "", /^config\.toml:4: cluster id and shards of devnet are fixed/);
});

test("unknown keys are errors, with what was meant", async (t) => {
  const toml = 'nmae = "x"\npeers = []\n[network]\n"a b" = 1\nshrads = 1\n[netwrok]\nname = "x"\n[log.levle]\n';
  assert.deepEqual(await problems(t, { toml }), [
    "config.toml:1: nmae: there is no such setting; did you mean name?",
    "config.toml:2: peers: there is no such setting; did you mean network.peers?",
    'config.toml:4: network."a b": there is no such setting',
    "config.toml:5: network.shrads: there is no such setting; did you mean network.shards?",
    "config.toml:6: netwrok: there is no such setting; did you mean network?",
    "config.toml:8: log.levle: there is no such setting; did you mean log.level?",
  ]);
});

test("a variable that is nearly one of ours is an error, any other is not ours", async (t) => {
  const others = {
    UMBRAD_PORT: "tcp://10.0.0.1:80",
    UMBRAD_SERVICE_HOST: "10.0.0.1",
    UMBRAD_SOCKET: "/x",
    LOG_LEVEL: "x",
  };
  assert.deepEqual(await load(t, { env: others }), defaults);
  assert.deepEqual(await problems(t, { env: { ...others, UMBRAD_PEER: "x", UMBRAD_LOG_LEVLE: "debug" } }), [
    "UMBRAD_PEER: there is no such variable; did you mean UMBRAD_PEERS?",
    "UMBRAD_LOG_LEVLE: there is no such variable; did you mean UMBRAD_LOG_LEVEL?",
  ]);
});

test("broken TOML, missing file, numbers where they do not belong", async (t) => {
  assert.match((await problems(t, { toml: "[network]\nname = \n" })).join(), /^config\.toml:2: /);
  assert.match((await problems(t, { required: true })).join(), /^config\.toml: cannot be read \(ENOENT\)$/);
  assert.match((await problems(t, { flags: { "network.name": "custom" } })).join(), /needs --cluster-id and --shards/);
  assert.match((await problems(t, { flags: { "network.cluster_id": 5 } })).join(), /of devnet are fixed/);
  assert.match((await problems(t, { flags: { "network.peers": ["1.2.3.4:30303"] } })).join(), /^--peer\[0\]: /);
});

test("no problem repeats a value: it may be a secret in the wrong place", async (t) => {
  const secret = "hunter2-zebra";
  const values = [`"${secret}"`, `["${secret}"]`, `{ x = "${secret}" }`, `"${secret}`, `${secret}`, `'''\n${secret}\n`];
  const keys = [
    "name.x",
    "passphrase",
    "network.name",
    "network.peers",
    "network.shards",
    "log.level",
    "log",
    "retention.events",
  ];
  for (const key of keys) {
    for (const value of values) {
      const found = await problems(t, { toml: `${key} = ${value}\n` }).catch(() => []);
      assert.equal(found.join().includes(secret), false, `${key} = ${value}: ${found}`);
    }
  }
  const env = { UMBRAD_SHARDS: secret, UMBRAD_PEERS: secret, UMBRAD_RETENTION_EVENTS: secret, UMBRAD_NETWORK: secret };
  const found = await problems(t, { env });
  assert.equal(found.length, 4);
  assert.equal(found.join().includes(secret), false);
});

test("what init writes is what run reads", async (t) => {
  for (const network of [
    { name: "logos.test", clusterId: 2, shards: 8, quota: publicQuota },
    { name: "custom", clusterId: 7, shards: 3 },
    { name: "custom", clusterId: 7, shards: 3, quota: { publications: 40, windowMs: 90_000 } },
  ] as const) {
    const name = 'Ada\'s "node" \u{1F512} \\';
    const config = await load(t, { toml: renderConfigFile({ name, network, peers: [peer] }) });
    assert.deepEqual(config, { ...defaults, name, network, peers: [peer] });
  }
});

test("the file is where the flag or the environment says, else in the state directory", () => {
  assert.deepEqual(resolveConfigFile(undefined, "/s", {}), { path: "/s/config.toml", required: false });
  assert.deepEqual(resolveConfigFile(undefined, "/s", { UMBRAD_CONFIG: "/e" }), { path: "/e", required: true });
  assert.deepEqual(resolveConfigFile("/f", "/s", { UMBRAD_CONFIG: "/e" }), { path: "/f", required: true });
});

test("retention is in ages", async (t) => {
  const toml = '[retention]\nevents = "12h"\nevents_max = 5000\nunacknowledged = "30d"\nmessages = "7d"\n';
  const { retention } = await load(t, { toml });
  assert.deepEqual(retention, {
    eventsMs: 43_200_000,
    eventsMax: 5_000,
    unacknowledgedMs: 30 * day,
    messagesMs: 7 * day,
  });
  assert.deepEqual(await problems(t, { toml: '[retention]\nevents = "0d"\nevents_max = 1\n' }), [
    'config.toml:2: retention.events: must be an age like "12h" or "90d"',
    "config.toml:3: retention.events_max: Too small: expected number to be >=100",
  ]);
  assert.equal((await load(t, { env: { UMBRAD_RETENTION_EVENTS_MAX: "200" } })).retention.eventsMax, 200);
});

test("the TCP listener is on loop-back only", async (t) => {
  const listen = async (text: string) => (await load(t, { toml: `[admin]\nlisten = "${text}"\n` })).admin.listen;
  assert.deepEqual(await listen("127.0.0.1:7777"), { host: "127.0.0.1", port: 7777 });
  assert.deepEqual(await listen("[::1]:0"), { host: "::1", port: 0 });
  for (const text of ["0.0.0.0:1", "[::]:1", "192.168.1.1:1", "localhost:1", "127.0.0.1", "127.0.0.1:65536", ""]) {
    const found = await problems(t, { toml: `[admin]\nlisten = "${text}"\n` });
    assert.equal(found.length, 1);
    assert.match(found[0] ?? "", /:2: admin\.listen:? must be a loop-back address and a port/);
  }
});

test("the group of the socket has the name of a group", async (t) => {
  const { admin } = await load(t, { toml: '[admin]\nsocket_group = "umbrad"\n' });
  assert.equal(admin.socketGroup, "umbrad");
  assert.equal((await problems(t, { toml: '[admin]\nsocket_group = "a b"\n' })).length, 1);
});

test("public networks have their quota, devnet none, a custom one what the file says", async (t) => {
  const quotaOf = async (toml: string) => (await load(t, { toml })).network.quota;
  const custom = '[network]\nname = "custom"\ncluster_id = 7\nshards = 3\n';
  assert.equal(await quotaOf(""), undefined);
  assert.deepEqual(await quotaOf('[network]\nname = "logos.dev"\n'), publicQuota);
  assert.equal(await quotaOf(custom), undefined);
  assert.deepEqual(await quotaOf(`${custom}quota = 20\n`), { publications: 20, windowMs: 600_000 });
  const short = { publications: 20, windowMs: 120_000 };
  assert.deepEqual(await quotaOf(`${custom}quota = 20\nquota_window = "2m"\n`), short);
  assert.equal((await problems(t, { toml: `${custom}quota = 1\nquota_window = "soon"\n` })).length, 2);
  assert.match((await problems(t, { toml: `${custom}quota_window = "2m"\n` })).join(), /says nothing without/);
  assert.match((await problems(t, { toml: '[network]\nname = "logos.dev"\nquota = 500\n' })).join(), /is fixed/);
});

test("limits are in the file", async (t) => {
  const toml = "[limits]\ninvites_per_second = 5\nmessages_per_minute = 600\n";
  assert.deepEqual((await load(t, { toml })).limits, { invitesPerSecond: 5, messagesPerMinute: 600 });
  assert.equal((await problems(t, { toml: "[limits]\nmessages_per_minute = 1\n" })).length, 1);
});
