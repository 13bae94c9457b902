// Goal: `umbrad service` writes units that start this very installation, loses nothing of the operator's, and starts
// nothing. Method: the command as a process, into directories of the test.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, realpathSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { temporaryDirectory, umbrad } from "../support/cli/umbrad-command.ts";
import { parseUnit, theValue } from "./units.ts";

const bin = fileURLToPath(new URL("../../src/umbrad.ts", import.meta.url));
const hides = /^\/(?:home|root|run\/user|tmp|var\/tmp)\//;

test("print: all files with the paths of this installation, as text and as JSON", async (t) => {
  const { code, stdout } = await umbrad(t, ["service", "print", "--json"]);
  assert.equal(code, 0);
  const { files } = JSON.parse(stdout) as { files: { path: string; text: string }[] };
  assert.deepEqual(
    files.map(({ path }) => path),
    [
      "/etc/systemd/system/umbrad.service",
      "/etc/systemd/system/umbrad.socket",
      "/etc/sysusers.d/umbrad.conf",
      "/etc/tmpfiles.d/umbrad.conf",
    ],
  );
  const service = parseUnit(files[0]?.text ?? "");
  assert.equal(theValue(service, "Service", "ExecStart"), `${process.execPath} ${bin} run`);
  assert.equal(theValue(service, "Service", "ExecReload"), `${process.execPath} ${bin} reload`);
  assert.equal(theValue(service, "Service", "StateDirectory"), "umbrad");
  const text = await umbrad(t, ["service", "print"]);
  assert.equal(text.stdout, files.map((file) => `# ${file.path}\n${file.text}`).join("\n"));
  const isHidden = [process.execPath, bin].some((path) => hides.test(path));
  assert.equal(text.stderr.startsWith("warning: a system service does not see "), isHidden);
});

test("install --user: a socket where the commands look for it, next steps, nothing overwritten", async (t) => {
  const directory = await temporaryDirectory(t);
  const stateDir = join(directory, "state of $me 100%");
  const env = { XDG_CONFIG_HOME: join(directory, "config"), UMBRAD_STATE_DIR: stateDir };
  const units = join(directory, "config/systemd/user");
  const first = await umbrad(t, ["service", "install", "--user"], { env });
  assert.equal(first.code, 0, first.stderr);
  assert.equal(first.stdout, `written    ${units}/umbrad.service\nwritten    ${units}/umbrad.socket\n`);
  assert.match(
    first.stderr,
    /^Nothing was started\. Next:\n {2}umbrad init --state-dir '.*\n {2}systemctl --user daemon-reload\n/,
  );
  const service = readFileSync(join(units, "umbrad.service"), "utf8");
  const escaped = join(directory, "state of $$me 100%%");
  assert.equal(
    theValue(parseUnit(service), "Service", "ExecStart"),
    `${process.execPath} ${bin} run --state-dir "${escaped}" --passphrase-file %E/umbrad/passphrase`,
  );
  const socket = parseUnit(readFileSync(join(units, "umbrad.socket"), "utf8"));
  assert.equal(theValue(socket, "Socket", "ListenStream"), `${stateDir.replace("%", "%%")}/admin.sock`);
  assert.equal(statSync(join(units, "umbrad.service")).mode & 0o777, 0o644);

  assert.equal(statSync(units).mode & 0o777, 0o755 & ~process.umask());

  const again = await umbrad(t, ["service", "install", "--user", "--json"], { env });
  assert.deepEqual(JSON.parse(again.stdout).unchanged, [`${units}/umbrad.service`, `${units}/umbrad.socket`]);
  writeFileSync(join(units, "umbrad.socket"), "# mine\n");
  const refused = await umbrad(t, ["service", "install", "--user"], { env });
  assert.equal(refused.code, 73);
  assert.match(refused.stderr, /umbrad\.socket exists and differs \[service\/exists\]\n {2}next: /);
  assert.equal(readFileSync(join(units, "umbrad.socket"), "utf8"), "# mine\n");
});

test("install where no directory can be made is refused and returns", { timeout: 30_000 }, async (t) => {
  const { code, stderr } = await umbrad(t, ["service", "install", "--user"], {
    env: { XDG_CONFIG_HOME: "/proc/umbrad" },
  });
  assert.equal(code, 73, stderr);
  assert.match(stderr, /cannot write \/proc\/umbrad\/systemd\/user\/umbrad\.service: .*\[service\/cannot-write\]/);
});

test("install --user for a state without a seal gives no passphrase", async (t) => {
  const directory = await temporaryDirectory(t);
  const env = { XDG_CONFIG_HOME: join(directory, "config"), UMBRAD_STATE_DIR: join(directory, "state") };
  assert.equal((await umbrad(t, ["init", "--insecure-plaintext-state"], { env })).code, 0);
  const { code, stderr } = await umbrad(t, ["service", "install", "--user"], { env });
  assert.equal(code, 0, stderr);
  assert.doesNotMatch(stderr, /umbrad init/);
  const service = readFileSync(join(directory, "config/systemd/user/umbrad.service"), "utf8");
  assert.equal(
    theValue(parseUnit(service), "Service", "ExecStart"),
    `${process.execPath} ${bin} run --state-dir ${env.UMBRAD_STATE_DIR}`,
  );
});

test("install of a system service: all four files below --root, or a refusal of what it could not see", async (t) => {
  const root = join(await temporaryDirectory(t), "root");
  const { code, stdout, stderr } = await umbrad(t, ["service", "install", "--root", root, "--json"]);
  if ([process.execPath, realpathSync(bin)].some((path) => hides.test(path))) {
    assert.equal(code, 78);
    assert.equal(JSON.parse(stderr).error.code, "service/hidden");
    return;
  }
  assert.equal(code, 0, stderr);
  const { written, next } = JSON.parse(stdout);
  assert.equal(written.length, 4);
  assert.ok(next.at(-1).startsWith("systemctl daemon-reload"));
  for (const path of written) assert.equal(path.startsWith(root), true);
});

test("where nothing may be written it says so; --root and --user exclude each other", async (t) => {
  const directory = await temporaryDirectory(t);
  writeFileSync(join(directory, "file"), "");
  const env = { XDG_CONFIG_HOME: join(directory, "file") };
  const blocked = await umbrad(t, ["service", "install", "--user", "--state-dir", directory], { env });
  assert.equal(blocked.code, 73);
  assert.match(blocked.stderr, /\[service\/cannot-write\]/);
  assert.equal((await umbrad(t, ["service", "install", "--user", "--root", directory])).code, 64);
});

test("systemd-analyze takes the user's units, where there is one", async (t) => {
  const directory = await temporaryDirectory(t);
  const env = { XDG_CONFIG_HOME: directory, UMBRAD_STATE_DIR: join(directory, "a b") };
  await umbrad(t, ["service", "install", "--user"], { env });
  const units = join(directory, "systemd/user");
  mkdirSync(join(directory, "runtime"));
  chmodSync(join(directory, "runtime"), 0o700);
  const asked = ["--user", "verify", "./umbrad.service", "./umbrad.socket"];
  const systemEnv = { PATH: process.env["PATH"] ?? "", HOME: directory, XDG_RUNTIME_DIR: join(directory, "runtime") };
  const { error, status, stdout, stderr } = spawnSync("systemd-analyze", asked, {
    cwd: units,
    encoding: "utf8",
    env: systemEnv,
  });
  if (error !== undefined) return t.diagnostic("systemd-analyze is not on this machine");
  assert.deepEqual({ status, text: stdout + stderr }, { status: 0, text: "" });
});
