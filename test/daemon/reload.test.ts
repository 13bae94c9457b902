// Goal: a running daemon takes a new configuration by command and by signal, all of it or nothing, however often. Method:
// the real process, its files, its log.
import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type RunningCommand, startUmbrad, temporaryDirectory, umbrad } from "../support/cli/umbrad-command.ts";

interface Place {
  readonly stateDir: string;
  readonly file: string;
  readonly env: Readonly<Record<string, string>>;
  run(...args: string[]): ReturnType<typeof umbrad>;
  json<Answer>(...args: string[]): Promise<Answer>;
}

interface Line {
  readonly level: string;
  readonly event: string;
  readonly [field: string]: unknown;
}

interface Reloaded {
  readonly changed: readonly string[];
  readonly needRestart: readonly string[];
}

async function place(t: TestContext): Promise<Place> {
  const stateDir = join(await temporaryDirectory(t), "state");
  const env = { UMBRAD_STATE_DIR: stateDir };
  const run = (...args: string[]) => umbrad(t, args, { env });
  const init = await run("init", "--insecure-plaintext-state");
  assert.equal(init.code, 0, init.stderr);
  const json = async <Answer>(...args: string[]): Promise<Answer> => {
    const { stdout, stderr, code } = await run(...args, "--json");
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout) as Answer;
  };
  return { stateDir, file: join(stateDir, "config.toml"), env, run, json };
}

async function started(t: TestContext, { env }: Place, ...args: string[]): Promise<RunningCommand> {
  const daemon = startUmbrad(t, ["run", ...args], { env });
  await daemon.line((line) => line.includes('"daemon.started"'));
  return daemon;
}

function logOf(daemon: RunningCommand): Line[] {
  const lines = daemon.stdout().split("\n").slice(0, -1);
  return lines.map((line) => JSON.parse(line) as Line);
}

/** Resolves when there are so many lines of an event. */
async function events(daemon: RunningCommand, event: string, count: number): Promise<Line[]> {
  const all = (): Line[] => logOf(daemon).filter((line) => line.event === event);
  await daemon.line(() => all().length >= count);
  return all();
}

async function ends(daemon: RunningCommand, here: Place): Promise<void> {
  assert.equal((await here.run("stop")).code, 0);
  const { code, stderr } = await daemon.ended;
  assert.deepEqual([code, stderr], [0, ""]);
  assert.deepEqual(
    logOf(daemon).filter(({ level }) => level === "error"),
    [],
  );
}

const peer = "/ip4/127.0.0.1/tcp/9/p2p/12D3KooWR7FmThbEMUNM7bfn8EfkHCaz8RZTXzd2FRRypAXHh1Hy";

test("reload: what may change holds at once, the rest is named until the restart, a wrong file changes nothing", async (t) => {
  const here = await place(t);
  const daemon = await started(t, here, "--log-format", "json");
  assert.deepEqual(await here.json<Reloaded>("reload").then(({ changed, needRestart }) => [changed, needRestart]), [
    [],
    [],
  ]);

  // The flag stays above the file.
  await writeFile(
    here.file,
    `name = "anna"\n[log]\nlevel = "debug"\nformat = "pretty"\n[network]\nname = "logos.dev"\npeers = ["${peer}"]\n`,
  );
  await mkdir(join(here.stateDir, "conf.d"));
  await writeFile(join(here.stateDir, "conf.d", "10.toml"), 'retention.events = "30d"\n');
  const first = await here.json<Reloaded>("reload");
  assert.deepEqual(first.changed, ["name", "log.level", "retention.events"]);
  assert.deepEqual(
    first.needRestart.toSorted(),
    ["cluster_id", "name", "peers", "quota", "quota_window"].map((key) => `network.${key}`),
  );
  assert.equal((await here.json<{ name: string }>("status")).name, "anna");
  assert.ok((await events(daemon, "admin.request", 1)).length > 0, "debug lines are written now");
  const again = await here.run("reload");
  assert.equal(
    again.stdout,
    "only after a restart: network.name, network.cluster_id, network.quota, network.quota_window, network.peers\n",
  );

  await writeFile(here.file, 'name = "bert"\n[log]\nlevel = "wran"\nlvel = 1\n');
  const wrong = await here.run("reload");
  assert.equal(wrong.code, 78);
  assert.match(
    wrong.stderr,
    /config\.toml:3: log\.level: .*config\.toml:4: log\.lvel: .*did you mean log\.level\?.*\[config\/invalid\]/,
  );
  assert.equal((await here.json<{ name: string }>("status")).name, "anna", "nothing of a wrong file holds");
  assert.equal((await here.json<{ level: string }>("log", "level")).level, "debug");
  const [rejected] = await events(daemon, "config.rejected", 1);
  assert.deepEqual([rejected?.level, rejected?.["why"]], ["warn", "api"]);

  await writeFile(here.file, "");
  assert.deepEqual((await here.json<Reloaded>("reload")).changed, ["name", "log.level"]);
  assert.doesNotMatch(daemon.stdout(), /anna|bert|12D3/, "the log names settings, not values");
  await ends(daemon, here);
});

test("service nodes come and go; one that can never be dialled is refused", async (t) => {
  const here = await place(t);
  const daemon = await started(t, here);
  const devnet = startUmbrad(t, ["devnet", "--json", "--state-dir", join(here.stateDir, "..", "devnet")]);
  const { multiaddr } = JSON.parse(await devnet.line((line) => line.includes("devnet.ready"))) as { multiaddr: string };
  const peers = async (...addresses: string[]): Promise<void> => {
    await writeFile(here.file, `[network]\npeers = ${JSON.stringify(addresses)}\n`);
  };
  await peers(multiaddr);
  const { changed, needRestart } = await here.json<Reloaded>("reload");
  assert.deepEqual([changed, needRestart], [["network.peers"], []]);
  const ready = await here.run("wait", "ready", "--timeout", "60s");
  assert.equal(ready.code, 0, ready.stderr);

  await writeFile(
    here.file,
    `name = "x"\n[network]\npeers = ["${multiaddr}", "/ip4/127.0.0.1/udp/9/p2p/${peer.split("/").at(-1)}"]\n`,
  );
  const refused = await here.run("reload");
  assert.equal(refused.code, 78);
  assert.match(refused.stderr, /transport\/bad-peer/);
  await events(daemon, "config.rejected", 1);
  const kept = await here.json<{ name: string | null; network: unknown }>("status");
  assert.equal(kept.name, null);
  assert.equal((kept.network as { configuredPeers: number }).configuredPeers, 1);

  await peers();
  assert.deepEqual((await here.json<Reloaded>("reload")).changed, ["network.peers"]);
  await events(daemon, "peer.lost", 1);
  const { network } = await here.json<{ network: { peers: number; configuredPeers: number } }>("status");
  assert.deepEqual([network.peers, network.configuredPeers], [0, 0]);
  await ends(daemon, here);
  devnet.child.kill("SIGTERM");
  await devnet.ended;
});

test("SIGHUP is a reload, also of a wrong file", async (t) => {
  const here = await place(t);
  const daemon = await started(t, here);
  const hangUp = (): void => assert.equal(daemon.child.kill("SIGHUP"), true) as undefined;
  await writeFile(here.file, 'name = "anna"\n');
  hangUp();
  const [line] = await events(daemon, "config.reloaded", 1);
  assert.deepEqual([line?.["why"], line?.["changed"], line?.["needRestart"]], ["SIGHUP", ["name"], []]);
  await writeFile(here.file, "name = \n");
  hangUp();
  const [rejected] = await events(daemon, "config.rejected", 1);
  assert.match(String(rejected?.["reason"]), /config\.toml:1: /);
  assert.equal((await here.json<{ name: string }>("status")).name, "anna");
  await writeFile(here.file, 'name = "bert"\n');
  hangUp();
  await events(daemon, "config.reloaded", 2);
  assert.equal((await here.json<{ name: string }>("status")).name, "bert");
  await ends(daemon, here);
});

test("a thousand signals, with files that change and are wrong in between, do not hurt", async (t) => {
  const here = await place(t);
  const daemon = await started(t, here);
  const texts = ['name = "one"\n', "nonsense\n", '[log]\nlevel = "warn"\n', ""];
  for (let count = 0; count < 1_000; count += 1) {
    if (count % 10 === 0) await writeFile(here.file, texts[(count / 10) % texts.length] ?? "");
    assert.equal(daemon.child.kill("SIGHUP"), true);
    // Sent without a pause, the kernel would make one of all.
    await new Promise((resolve) => setImmediate(resolve));
  }
  await writeFile(here.file, 'name = "last"\n[retention]\nevents = "3d"\n');
  const { needRestart } = await here.json<Reloaded>("reload");
  assert.deepEqual(needRestart, []);
  assert.equal((await here.json<{ name: string; pid: number }>("status")).name, "last");
  const reloads = logOf(daemon).filter(({ event }) => event.startsWith("config."));
  // How many the kernel makes of a thousand depends on the machine.
  assert.ok(reloads.length >= 2, `only ${reloads.length} reloads`);
  await ends(daemon, here);
});

test("a level for a while ends by itself", async (t) => {
  const here = await place(t);
  const daemon = await started(t, here);
  const requests = (): number => logOf(daemon).filter(({ event }) => event === "admin.request").length;
  const changed = await here.run("log", "level", "admin=debug", "waku=error", "--for", "1s");
  assert.match(changed.stdout, /^info admin=debug waku=error\nadmin=debug since a command, until \d{4}-/);
  await events(daemon, "admin.request", 1);
  await daemon.line((line) => line.includes('"expired"') && line.includes('"admin"'));
  await daemon.line((line) => line.includes('"expired"') && line.includes('"waku"'));
  const before = requests();
  assert.equal((await here.run("log", "level")).stdout, "info\n");
  assert.equal(requests(), before);
  for (const words of [["loud"], ["moon=debug"], ["waku=loud"], ["reset", "debug"], ["reset", "--for", "1s"]]) {
    assert.equal((await here.run("log", "level", ...words)).code, 64, words.join(" "));
  }
  assert.equal(
    (await here.run("log", "level", "debug")).stdout,
    "debug\ndebug since a command, until the daemon ends\n",
  );
  assert.equal((await here.run("log", "level", "reset")).stdout, "info\n");
  await ends(daemon, here);
});

test("an error is followed by the debug lines before it; tail shows them too, and follows", async (t) => {
  const here = await place(t);
  // A fault of a networking library, as they come: a promise that nobody holds.
  const fault = `process.on("SIGUSR2", () => {
    const error = new Error("dropped");
    error.stack = "Error: dropped\\n    at x (file:///a/node_modules/@waku/sdk/b.js:1:1)";
    Promise.reject(error);
  })`;
  const nodeFlags = ["--import", `data:text/javascript,${encodeURIComponent(fault)}`];
  const daemon = startUmbrad(t, ["run"], { env: here.env, nodeFlags });
  await daemon.line((line) => line.includes('"daemon.started"'));
  for (let count = 0; count < 3; count += 1) await here.run("status");
  const tail = await here.run("log", "tail", "--level", "debug", "--component", "admin", "--json");
  const kept = tail.stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Line);
  assert.deepEqual(
    kept.slice(0, 3).map(({ event, route }) => [event, route]),
    Array(3).fill(["admin.request", "/v1/status"]),
  );
  assert.doesNotMatch(daemon.stdout(), /admin\.request/);

  const follower = startUmbrad(t, ["log", "tail", "--level", "debug", "--follow", "--lines", "0"], { env: here.env });
  while (!follower.stdout().includes("/v1/status")) await here.run("status");
  daemon.child.kill("SIGUSR2");
  await daemon.line((line) => line.includes('"ring":true'));
  await follower.line((line) => line.includes("process.library-fault"));
  const lines = logOf(daemon);
  const at = lines.findIndex(({ event }) => event === "process.library-fault");
  const [header, ...ring] = lines.slice(at + 1);
  assert.equal(header?.event, "log.ring");
  await daemon.line(() => logOf(daemon).length >= at + 2 + Number(header?.["lines"]));
  assert.ok(Number(header?.["lines"]) >= 4);
  for (const line of ring) assert.deepEqual([line.level, line["ring"]], ["debug", true]);

  assert.equal((await here.run("stop")).code, 0);
  assert.equal((await follower.ended).code, 69);
  assert.equal((await daemon.ended).code, 0);
});
