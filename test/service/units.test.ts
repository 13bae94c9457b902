// Goal: the units of config/systemd are understood by systemd, shut the daemon in as far as it can be, and agree with the
// program. Method: parse them strictly against the tables below; ask systemd-analyze where it is.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { exitCodes } from "../../src/admin/problem.ts";
import { parseUnit, theValue, type Unit } from "./units.ts";

const folder = join(import.meta.dirname, "..", "..", "config", "systemd");
const read = (name: string): string => readFileSync(join(folder, name), "utf8");
const service = parseUnit(read("umbrad.service"));
const socket = parseUnit(read("umbrad.socket"));

/** What may stand in a unit of ours: systemd ignores a misspelt directive and goes on without it. */
const known: Readonly<Record<string, string>> = {
  Unit: "Description Wants After Requires StartLimitIntervalSec",
  Install: "WantedBy",
  Socket: "ListenStream FileDescriptorName SocketMode SocketUser SocketGroup DirectoryMode Backlog RemoveOnStop",
  Service:
    "Type NotifyAccess ExecStart ExecReload User Group WorkingDirectory Environment LoadCredential Restart RestartSec " +
    "RestartPreventExitStatus TimeoutStartSec TimeoutStopSec WatchdogSec KillMode StateDirectory StateDirectoryMode " +
    "RuntimeDirectory RuntimeDirectoryMode RuntimeDirectoryPreserve UMask LimitCORE LimitNOFILE OOMPolicy " +
    "MemoryDenyWriteExecute NoNewPrivileges CapabilityBoundingSet AmbientCapabilities LockPersonality KeyringMode " +
    "DevicePolicy PrivateDevices PrivateIPC PrivateMounts PrivateTmp PrivateUsers ProcSubset ProtectClock " +
    "ProtectControlGroups ProtectHome ProtectHostname ProtectKernelLogs ProtectKernelModules ProtectKernelTunables " +
    "ProtectProc ProtectSystem RemoveIPC RestrictAddressFamilies RestrictNamespaces RestrictRealtime RestrictSUIDSGID " +
    "SystemCallArchitectures SystemCallFilter SystemCallErrorNumber",
};

/** Each shuts a way that the daemon has no business on. */
const shut: Readonly<Record<string, string>> = {
  NoNewPrivileges: "yes",
  CapabilityBoundingSet: "",
  AmbientCapabilities: "",
  LockPersonality: "yes",
  KeyringMode: "private",
  DevicePolicy: "closed",
  PrivateDevices: "yes",
  PrivateIPC: "yes",
  PrivateMounts: "yes",
  PrivateTmp: "yes",
  PrivateUsers: "yes",
  ProcSubset: "pid",
  ProtectClock: "yes",
  ProtectControlGroups: "yes",
  ProtectHome: "yes",
  ProtectHostname: "yes",
  ProtectKernelLogs: "yes",
  ProtectKernelModules: "yes",
  ProtectKernelTunables: "yes",
  ProtectProc: "invisible",
  ProtectSystem: "strict",
  RemoveIPC: "yes",
  RestrictAddressFamilies: "AF_INET AF_INET6 AF_UNIX",
  RestrictNamespaces: "yes",
  RestrictRealtime: "yes",
  RestrictSUIDSGID: "yes",
  SystemCallArchitectures: "native",
  SystemCallErrorNumber: "EPERM",
  UMask: "0077",
  LimitCORE: "0",
  StateDirectoryMode: "0700",
  RuntimeDirectoryMode: "0750",
};

function checkKnown(name: string, unit: Unit): void {
  for (const [section, directives] of unit) {
    const allowed = known[section]?.split(" ") ?? [];
    const strange = [...directives.keys()].filter((directive) => !allowed.includes(directive));
    assert.deepEqual(strange, [], `${name} [${section}]`);
  }
}

test("no directive is misspelt, in any unit", () => {
  for (const name of ["umbrad.service", "umbrad.socket", "user/umbrad.service", "user/umbrad.socket"]) {
    checkKnown(name, parseUnit(read(name)));
  }
  assert.throws(() => checkKnown("made up", parseUnit("[Service]\nProtectSytem=strict\n")), /ProtectSytem/);
  assert.throws(() => parseUnit("[Service]\nProtectSystem strict\n"), /no directive/);
});

test("the daemon is shut in", () => {
  for (const [name, value] of Object.entries(shut)) assert.equal(theValue(service, "Service", name), value, name);
  assert.deepEqual(service.get("Service")?.get("SystemCallFilter"), ["@system-service", "~@privileged @resources"]);
  // With yes Node cannot start: it makes code at run time.
  assert.equal(theValue(service, "Service", "MemoryDenyWriteExecute"), "no");
});

test("readiness, watchdog, socket and restarts fit the program", () => {
  assert.equal(theValue(service, "Service", "Type"), "notify");
  // systemd-notify is a child of the daemon.
  assert.equal(theValue(service, "Service", "NotifyAccess"), "all");
  assert.match(theValue(service, "Service", "WatchdogSec"), /^\d+s$/);
  const prevented = theValue(service, "Service", "RestartPreventExitStatus").split(" ").map(Number);
  const { usage, dataError, notInitialised, noPermission, configuration } = exitCodes;
  assert.deepEqual(prevented, [usage, dataError, notInitialised, noPermission, configuration]);
  const listen = theValue(socket, "Socket", "ListenStream");
  assert.equal(theValue(service, "Service", "RuntimeDirectoryPreserve"), "yes", "the socket outlives the service");
  assert.equal(listen, `/run/${theValue(service, "Service", "RuntimeDirectory")}/admin.sock`);
  assert.ok(service.get("Service")?.get("Environment")?.includes(`UMBRAD_SOCKET=${listen}`), "reload finds it");
  assert.equal(theValue(socket, "Socket", "FileDescriptorName"), "admin");
  assert.equal(theValue(socket, "Socket", "SocketMode"), "0600");
});

test("sysusers and tmpfiles name the same user and directories as the unit", () => {
  const user = theValue(service, "Service", "User");
  const lines = (name: string): string[][] =>
    read(name)
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("#"))
      .map((line) => line.split(/\s+/));
  const [[kind, name] = [], ...more] = lines("umbrad.sysusers");
  assert.deepEqual([kind, name, more.length], ["u", user, 0]);
  const directories = new Map(
    lines("umbrad.tmpfiles").map(([, path = "", mode, owner, group]) => [path, { mode, owner, group }]),
  );
  const own = { owner: user, group: user };
  assert.deepEqual(directories.get(`/var/lib/${theValue(service, "Service", "StateDirectory")}`), {
    mode: "0700",
    ...own,
  });
  assert.deepEqual(directories.get("/run/umbrad"), { mode: "0750", ...own });
  assert.deepEqual(directories.get("/etc/umbrad"), { mode: "0750", owner: "root", group: user });
});

/** The units where systemd-analyze may look, with a command that exists. */
function copied(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "umbrad-units-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const bin = join(import.meta.dirname, "..", "..", "src", "umbrad.ts");
  const own = (text: string): string =>
    text.replaceAll("/usr/bin/node ", `${process.execPath} `).replaceAll("/usr/lib/umbrad/dist/umbrad.js", bin);
  mkdirSync(join(directory, "user"));
  for (const name of ["umbrad.service", "umbrad.socket", "user/umbrad.service", "user/umbrad.socket"]) {
    writeFileSync(join(directory, name), own(read(name)));
  }
  return directory;
}

/** undefined: there is no systemd on this machine. */
function analyze(cwd: string, ...args: string[]): { status: number | null; text: string } | undefined {
  const { error, status, stdout, stderr } = spawnSync("systemd-analyze", args, { cwd, encoding: "utf8" });
  return error === undefined ? { status, text: stdout + stderr } : undefined;
}

test("systemd-analyze verifies the units, where there is one", (t) => {
  const directory = copied(t);
  const system = analyze(directory, "verify", "./umbrad.service", "./umbrad.socket");
  if (system === undefined) return t.diagnostic("systemd-analyze is not on this machine");
  assert.deepEqual(system, { status: 0, text: "" });
  writeFileSync(join(directory, "wrong.service"), "[Service]\nExecStart=/nonexistent/umbrad\n");
  assert.notEqual(analyze(directory, "verify", "./wrong.service")?.status, 0, "it can fail");
});

test("systemd-analyze security gives at most 1.5, where there is one", (t) => {
  const directory = copied(t);
  const asked = ["security", "--offline=true", "--no-pager"];
  const given = analyze(directory, ...asked, "--threshold=15", "./umbrad.service");
  // Before systemd 250 it could not look at a file.
  if (given === undefined || /unrecognized option/.test(given.text))
    return t.diagnostic("no systemd-analyze security here");
  const [, exposure] = /Overall exposure level for umbrad\.service: ([\d.]+)/.exec(given.text) ?? [];
  assert.ok(Number(exposure) <= 1.5, given.text);
  assert.equal(given.status, 0, given.text);
  t.diagnostic(`exposure ${exposure}`);
});
