// Goal: umbrad doctor finds what is wrong, says nothing when all is well, and advises what mends it. Method: the real
// command on real state directories, with the admin server over an engine in memory, and without a daemon.
import assert from "node:assert/strict";
import { chmod, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type TestContext, test } from "node:test";
import { examineDisk, examineFileLimit, examineNode } from "../../src/cli/command/doctor/machine.ts";
import { VERSION } from "../../src/cli/package-version.ts";
import type { HealthCheck } from "../../src/engine/api.ts";
import { startAdminFixture } from "../support/admin/admin-fixture.ts";
import { temporaryDirectory, umbrad } from "../support/cli/umbrad-command.ts";

interface Finding {
  readonly code: string;
  readonly what: string;
  readonly fix: string;
}

async function initialised(t: TestContext, ...flags: string[]): Promise<string> {
  const stateDir = join(await temporaryDirectory(t), "state");
  const seal = flags.length === 0 ? ["--insecure-plaintext-state"] : flags;
  const made = await umbrad(t, ["init", "--state-dir", stateDir, "--network", "devnet", ...seal]);
  assert.equal(made.code, 0, made.stderr);
  return stateDir;
}

async function examine(t: TestContext, ...args: string[]): Promise<Finding[]> {
  const result = await umbrad(t, ["doctor", "--json", ...args]);
  const { ok, findings } = JSON.parse(result.stdout);
  assert.equal(ok, findings.length === 0);
  assert.equal(result.code, ok ? 0 : 1, result.stderr);
  for (const { what, why, fix } of findings) assert.ok(what !== "" && why !== "" && fix !== "");
  return findings;
}

const codes = (findings: readonly Finding[]): string[] => findings.map(({ code }) => code);

test("nothing to find: exit 0", async (t) => {
  const stateDir = await initialised(t);
  const { socketPath, identity } = await startAdminFixture(t);
  identity.version = VERSION;
  const text = await umbrad(t, ["doctor", "--state-dir", stateDir, "--socket", socketPath]);
  assert.equal(text.code, 0, text.stdout);
  assert.match(text.stdout, /^ok {4}database: \d+ bytes, schema \d+/m);
  assert.doesNotMatch(text.stdout, /FAIL/);
  assert.equal(text.stderr, "Nothing is wrong.\n");
  assert.deepEqual(await examine(t, "--state-dir", stateDir, "--socket", socketPath), []);
});

test("without a daemon and without a state: what to run, with the caller's own flags", async (t) => {
  const stateDir = join(await temporaryDirectory(t), "none");
  const findings = await examine(t, "--state-dir", stateDir);
  assert.deepEqual(codes(findings), ["doctor/not-initialised", "doctor/daemon"]);
  assert.equal(findings[0]?.fix, `umbrad init --state-dir ${stateDir} --passphrase-file FILE`);
  assert.match(findings[1]?.fix ?? "", /^umbrad init .*, then umbrad run --state-dir/);
});

test("a state that others can read, and the fix works as it stands", async (t) => {
  const stateDir = await initialised(t);
  await chmod(stateDir, 0o755);
  const [finding] = await examine(t, "--state-dir", stateDir);
  assert.deepEqual([finding?.code, finding?.fix], ["doctor/state-permissions", `chmod 700 ${stateDir}`]);
  await chmod(stateDir, 0o700);
  assert.deepEqual(codes(await examine(t, "--state-dir", stateDir)), ["doctor/daemon"]);
});

test("a database of a newer umbrad, and one that is none", async (t) => {
  const stateDir = await initialised(t);
  const file = join(stateDir, "umbrad.db");
  const database = new DatabaseSync(file);
  database.exec("PRAGMA user_version = 9999");
  database.close();
  assert.deepEqual(codes(await examine(t, "--state-dir", stateDir)), ["doctor/schema", "doctor/daemon"]);
  await writeFile(file, "x".repeat(10_000));
  assert.deepEqual(codes(await examine(t, "--state-dir", stateDir)), ["doctor/database", "doctor/daemon"]);
});

test("a passphrase is tried when it is given", async (t) => {
  const directory = await temporaryDirectory(t);
  const [right, wrong] = [join(directory, "right"), join(directory, "wrong")];
  await writeFile(right, "correct horse battery\n", { mode: 0o600 });
  await writeFile(wrong, "incorrect horse\n", { mode: 0o600 });
  const stateDir = await initialised(t, "--passphrase-file", right);
  const given = async (file: string) => codes(await examine(t, "--state-dir", stateDir, "--passphrase-file", file));
  assert.deepEqual(await given(right), ["doctor/daemon"]);
  assert.deepEqual(await given(wrong), ["doctor/passphrase", "doctor/daemon"]);
  assert.deepEqual(await given(join(directory, "none")), ["doctor/passphrase", "doctor/daemon"]);
  await chmod(wrong, 0o602);
  const [exposed] = await examine(t, "--state-dir", stateDir, "--passphrase-file", wrong);
  assert.equal(exposed?.fix, `chmod 600 ${wrong}`);
});

test("every problem of the configuration, and service nodes that do not answer", async (t) => {
  const stateDir = await initialised(t);
  const listener = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => listener.once("listening", resolve));
  const { port } = listener.address() as { port: number };
  const peers = (): Promise<void> =>
    writeFile(join(stateDir, "config.toml"), `[network]\nname = "devnet"\npeers = ["/ip4/127.0.0.1/tcp/${port}"]\n`, {
      mode: 0o600,
    });
  await peers();
  assert.deepEqual(codes(await examine(t, "--state-dir", stateDir)), ["doctor/daemon"]);
  await new Promise((resolve) => listener.close(resolve));
  const [gone] = await examine(t, "--state-dir", stateDir);
  assert.equal(gone?.code, "doctor/service-node");
  assert.match(gone?.what ?? "", /ECONNREFUSED/);
  await writeFile(join(stateDir, "config.toml"), '[network]\nname = "nowhere"\ncolour = "red"\n', { mode: 0o600 });
  const wrong = await examine(t, "--state-dir", stateDir);
  assert.deepEqual(codes(wrong), ["doctor/config", "doctor/config", "doctor/daemon"]);
  assert.match(wrong[0]?.what ?? "", /config\.toml:\d: network\./);
});

test("a socket that a dead daemon left, one that is too long, and one that speaks something else", async (t) => {
  const stateDir = await initialised(t);
  const socket = join(stateDir, "s");
  const at = async (path: string) => (await examine(t, "--state-dir", stateDir, "--socket", path)).at(-1);
  await writeFile(socket, "");
  assert.match((await at(socket))?.what ?? "", /ended without removing it/);
  assert.equal((await at(`/tmp/${"x".repeat(120)}`))?.code, "doctor/socket");
  const other = createServer((peer) => peer.end("220 hello\r\n")).listen(`${socket}2`);
  t.after(() => other.close());
  assert.equal((await at(`${socket}2`))?.code, "doctor/socket");
});

test("what the daemon says of itself", async (t) => {
  const stateDir = await initialised(t);
  const { socketPath, engine, host, identity } = await startAdminFixture(t);
  const ask = () => examine(t, "--state-dir", stateDir, "--socket", socketPath);
  assert.deepEqual(codes(await ask()), ["doctor/daemon-version"]);
  identity.version = VERSION;

  const names = ["store", "peers", "subscriptions", "canary", "history", "outbox"] as const;
  const failing: HealthCheck[] = names.map((name) => ({ name, ok: false, text: `${name} fails`, data: {} }));
  const clock: HealthCheck = { name: "clock", ok: true, text: "14 s behind", data: { secondsOff: 14, kept: true } };
  engine.health = () => [...failing, clock];
  const { canary, ...status } = engine.status();
  const backedUpAtMs = Date.now() - 9 * 86_400_000;
  engine.status = () => ({ ...status, parked: 2, backedUpAtMs, canary: { ...canary, silentNodes: ["16Uiu2"] } });
  const made = await umbrad(t, ["listen", "--consumer", "slow", "--timeout", "1s", "--socket", socketPath]);
  assert.equal(made.code, 0, made.stderr);
  for (let count = 0; count <= 10_000; count += 1) engine.daemonEvent("node.test");
  const found = await ask();
  const wanted = [...names, "clock", "silent-node", "parked", "backup", "consumer-behind"].map(
    (name) => `doctor/${name}`,
  );
  assert.deepEqual(codes(found), wanted);
  const fixOf = (code: string) => found.find((finding) => finding.code === code)?.fix;
  const flags = ` --state-dir ${stateDir} --socket ${socketPath}`;
  assert.equal(
    fixOf("doctor/consumer-behind"),
    `start its program, or forget it: umbrad event consumers drop${flags} slow`,
  );
  assert.equal(fixOf("doctor/clock"), "timedatectl set-ntp true");
  assert.equal(fixOf("doctor/backup"), `umbrad store backup${flags} DIRECTORY`);
  engine.backedUpAtMs = Date.now() - 7 * 86_400_000;
  engine.status = () => ({ ...status, canary, backedUpAtMs: engine.backedUpAtMs });
  assert.ok(!codes(await ask()).includes("doctor/backup"), "a week is how often");

  host.engine = undefined;
  assert.deepEqual(codes(await ask()), ["doctor/daemon-state"]);
});

test("the machine: Node.js, descriptors, disk", () => {
  assert.equal(examineNode("24.15.0").finding, undefined);
  assert.equal(examineNode("26.0.0").finding?.code, "doctor/node");
  const limits = (soft: string) => examineFileLimit(`Max open files            ${soft}   4096   files\n`);
  assert.equal(limits("1024").finding, undefined);
  assert.equal(limits("unlimited").finding, undefined);
  assert.equal(limits("256").finding?.code, "doctor/file-limit");
  assert.equal(examineFileLimit(undefined).finding, undefined);
  const disk = (bavail: number) => examineDisk("/nonexistent/a/b", (() => ({ bavail, bsize: 4096 })) as never).finding;
  assert.equal(disk(1_000_000), undefined);
  assert.equal(disk(10)?.code, "doctor/disk-space");
});
