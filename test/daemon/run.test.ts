// Goal: the life of the real daemon process: init, start, refuse, stop. Method: processes, a real state directory, no
// network (a daemon without peers starts, queues, and says so).
import assert from "node:assert/strict";
import { chmod, readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type RunningCommand, startUmbrad, temporaryDirectory, umbrad } from "../support/cli/umbrad-command.ts";

const peer = "/ip4/127.0.0.1/tcp/9/p2p/12D3KooWR7FmThbEMUNM7bfn8EfkHCaz8RZTXzd2FRRypAXHh1Hy";

interface Place {
  readonly stateDir: string;
  readonly passphraseFile: string;
  readonly env: Readonly<Record<string, string>>;
}

async function place(t: TestContext): Promise<Place> {
  const directory = await temporaryDirectory(t);
  const stateDir = join(directory, "state");
  const passphraseFile = join(directory, "passphrase");
  await writeFile(passphraseFile, "correct horse\n", { mode: 0o600 });
  return { stateDir, passphraseFile, env: { UMBRAD_STATE_DIR: stateDir } };
}

async function started(t: TestContext, { env }: Place, ...args: string[]): Promise<RunningCommand> {
  const daemon = startUmbrad(t, ["run", ...args], { env });
  await daemon.line((line) => line.includes('"daemon.started"'));
  return daemon;
}

test("init: an identity, sealed, private, once", async (t) => {
  const { stateDir, passphraseFile, env } = await place(t);
  const args = ["init", "--passphrase-file", passphraseFile, "--network", "logos.test", "--peer", peer, "--json"];
  const first = await umbrad(t, args, { env });
  assert.equal(first.code, 0, first.stderr);
  const { clientAddress, ...rest } = JSON.parse(first.stdout);
  assert.match(clientAddress, /^[0-9a-f]{64}$/);
  assert.deepEqual(rest, { stateDir, sealed: true, network: "logos.test" });
  assert.equal((await stat(stateDir)).mode & 0o777, 0o700);
  for (const name of await readdir(stateDir)) assert.equal((await stat(join(stateDir, name))).mode & 0o077, 0, name);

  const again = await umbrad(t, ["init", "--passphrase-file", passphraseFile], { env });
  assert.equal(again.code, 73);
  assert.match(again.stderr, /initialised already \[store\/exists\]/);
  const changed = await umbrad(t, args, { env });
  assert.equal(changed.code, 78);
  assert.match(changed.stderr, /config\.toml exists already/);
});

test("init refuses what it must: no passphrase, a passphrase for everybody, no room", async (t) => {
  const { stateDir, passphraseFile, env } = await place(t);
  assert.equal((await umbrad(t, ["init"], { env })).code, 77);
  const open = join(stateDir, "..", "open");
  await writeFile(open, "x");
  await chmod(open, 0o666);
  const exposed = await umbrad(t, ["init", "--passphrase-file", open], { env });
  assert.equal(exposed.code, 77);
  assert.match(exposed.stderr, /next: chmod 600 /);
  assert.equal((await umbrad(t, ["init", "--passphrase-file", "/nonexistent"], { env })).code, 66);
  const blocked = ["init", "--passphrase-file", passphraseFile, "--state-dir", join(passphraseFile, "x")];
  assert.equal((await umbrad(t, blocked, { env })).code, 73);
  assert.equal(
    (await umbrad(t, ["init", "--passphrase-file", passphraseFile, "--network", "custom"], { env })).code,
    78,
  );
});

test("run refuses: nothing there, no passphrase, a wrong one, a bad configuration, a bad peer", async (t) => {
  const here = await place(t);
  const { env, stateDir, passphraseFile } = here;
  const nothing = await umbrad(t, ["run", "--passphrase-file", passphraseFile], { env });
  assert.equal(nothing.code, 66);
  assert.match(nothing.stderr, /next: umbrad init --passphrase-file FILE/);
  assert.equal((await umbrad(t, ["init", "--passphrase-file", passphraseFile], { env })).code, 0);

  const without = await umbrad(t, ["run"], { env });
  assert.equal(without.code, 77);
  assert.match(without.stderr, /\[passphrase\/missing\]/);
  const wrongFile = join(stateDir, "..", "wrong");
  await writeFile(wrongFile, "battery staple\n", { mode: 0o600 });
  const wrong = await umbrad(t, ["run", "--passphrase-file", wrongFile, "--json"], { env });
  assert.equal(wrong.code, 77);
  assert.equal(JSON.parse(wrong.stderr).error.code, "store/wrong-passphrase");
  assert.equal(wrong.stderr.includes("staple"), false);
  const badPeer = ["run", "--passphrase-file", passphraseFile, "--peer"];
  assert.equal((await umbrad(t, [...badPeer, "localhost"], { env })).code, 78);
  assert.equal((await umbrad(t, [...badPeer, "/ip4/1.2.3.4/tcp/1/p2p/nonsense"], { env })).code, 78);
  await writeFile(join(stateDir, "config.toml"), "network = 5\n");
  const config = await umbrad(t, ["run", "--passphrase-file", passphraseFile], { env });
  assert.equal(config.code, 78);
  assert.match(config.stderr, /config\.toml:1: network: must be a table.*\[config\/invalid\]/);
});

test("a sealed daemon without peers: starts, says why it is not ready, stops on a signal in time", async (t) => {
  const here = await place(t);
  const { env, passphraseFile, stateDir } = here;
  await umbrad(t, ["init", "--passphrase-file", passphraseFile], { env });
  const daemon = await started(t, here, "--passphrase-file", passphraseFile);

  const status = JSON.parse((await umbrad(t, ["status", "--json"], { env })).stdout);
  assert.equal(status.state, "degraded");
  assert.match(status.reasons.join(), /--peer/);
  assert.equal(status.pid, daemon.child.pid);
  assert.deepEqual(status.network, { peers: 0, configuredPeers: 0, listening: 0 });
  assert.equal((await stat(join(stateDir, "admin.sock"))).mode & 0o777, 0o600);
  assert.equal((await umbrad(t, ["wait", "ready", "--timeout", "300ms"], { env })).code, 75);

  const second = await umbrad(t, ["run", "--passphrase-file", passphraseFile], { env });
  assert.equal(second.code, 75);
  assert.match(second.stderr, new RegExp(`in use by process ${daemon.child.pid} `));
  assert.equal((await umbrad(t, ["status"], { env })).code, 0, "the first one is unharmed");

  const asked = performance.now();
  daemon.child.kill("SIGTERM");
  const { code, stdout, stderr } = await daemon.ended;
  assert.equal(code, 0, stderr);
  // 5 s by design; the rest is for a machine under load.
  assert.ok(performance.now() - asked < 15_000);
  assert.equal(stderr, "");
  for (const line of stdout.trimEnd().split("\n")) {
    const { time, level, event, component, msg } = JSON.parse(line);
    for (const field of [time, level, event, component, msg]) assert.equal(typeof field, "string", line);
    assert.notEqual(level, "error", line);
  }
  assert.equal((await readdir(stateDir)).includes("admin.sock"), false);
});

test("umbrad stop returns when the next umbrad run may begin; the network identity stays", async (t) => {
  const here = await place(t);
  const { env, stateDir } = here;
  await umbrad(t, ["init", "--insecure-plaintext-state"], { env });
  const first = await started(t, here);
  const [key] = [await stat(join(stateDir, "peer.key"))];
  assert.equal(key.size, 32);
  assert.equal(key.mode & 0o777, 0o600);
  assert.equal((await umbrad(t, ["stop", "--json"], { env })).stdout, '{"stopped":true}\n');
  const again = await started(t, here, "--log-level", "debug");
  assert.equal((await first.ended).code, 0);
  assert.equal((await stat(join(stateDir, "peer.key"))).mtimeMs, key.mtimeMs);
  again.child.kill("SIGINT");
  assert.equal((await again.ended).code, 0);
});

test("after kill -9 the left-over socket and lock are no obstacle", async (t) => {
  const here = await place(t);
  await umbrad(t, ["init", "--insecure-plaintext-state"], { env: here.env });
  const first = await started(t, here);
  first.child.kill("SIGKILL");
  await first.ended;
  assert.equal((await readdir(here.stateDir)).includes("admin.sock"), true);
  assert.equal((await umbrad(t, ["status"], { env: here.env })).code, 69);
  const second = await started(t, here);
  second.child.kill("SIGTERM");
  assert.equal((await second.ended).code, 0);
});

test("a log reader that goes away does not end the daemon", async (t) => {
  const here = await place(t);
  await umbrad(t, ["init", "--insecure-plaintext-state"], { env: here.env });
  const daemon = await started(t, here, "--log-level", "debug");
  daemon.child.stdout?.destroy();
  assert.equal((await umbrad(t, ["status"], { env: here.env })).code, 0);
  assert.equal((await umbrad(t, ["status"], { env: here.env })).code, 0);
  assert.equal((await umbrad(t, ["stop"], { env: here.env })).code, 0);
  assert.equal((await daemon.ended).code, 0);
});

test("pretty logs are for people", async (t) => {
  const here = await place(t);
  await umbrad(t, ["init", "--insecure-plaintext-state"], { env: here.env });
  const daemon = startUmbrad(t, ["run", "--log-format", "pretty"], { env: here.env });
  const line = await daemon.line((one) => one.includes("daemon.started"));
  assert.match(line, /^\d\d:\d\d:\d\d\.\d{3} INFO {2}daemon {3}started without a service node/);
  daemon.child.kill("SIGTERM");
  assert.equal((await daemon.ended).code, 0);
});
