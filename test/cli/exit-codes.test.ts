// Goal: what is wrong, why, what to type next, and the right sysexits code, before any daemon is reached.
import assert from "node:assert/strict";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { startAdminFixture } from "../support/admin/admin-fixture.ts";
import { startUmbrad, temporaryDirectory, umbrad } from "../support/cli/umbrad-command.ts";

test("usage errors: 64, with the nearest word or the way to help", async (t) => {
  const stateDir = await temporaryDirectory(t);
  const cases: [string[], RegExp][] = [
    [[], /a command is needed \[cli\/usage\]\n {2}next: umbrad help/],
    [["invite"], /a command is needed/],
    [["stauts"], /unknown command 'stauts' \[cli\/usage\]\n {2}next: Did you mean status\?/],
    [["invite", "creat"], /Did you mean create\?/],
    [["status", "--jsno"], /unknown option '--jsno' \[cli\/usage\]\n {2}next: Did you mean --json\?/],
    [["status", "extra"], /too many arguments/],
    [["send"], /missing required argument 'conversation'/],
    [["send", "c1"], /give either a text or --file[\s\S]*umbrad help send/],
    [["send", "c1", "x", "--wait", "sent"], /Allowed choices are queued, published, stored, delivered/],
    [["send", "c1", "x", "--key"], /argument missing/],
    [["status", "--timeout", "soon"], /"soon" is not a duration \[cli\/usage\]\n {2}next: write it like 500ms, 30s/],
    [["status", "--timeout", "-1s"], /./],
    [["status", "--timeout", "0"], /is not a duration/],
    [["listen", "--max", "many"], /"many" is not a whole number/],
    [
      ["wait", "happy"],
      /"happy" is nothing to wait for \[cli\/usage\]\n {2}next: choose one of: ready, synced, outbox-empty/,
    ],
    [["init", "--network", "mainnet"], /Allowed choices are devnet, logos.test, logos.dev, custom/],
    [["init", "--insecure-plaintext-state", "--passphrase-fd", "0"], /exclude each other/],
    [["init", "--passphrase-file", "x", "--passphrase-fd", "0"], /exclude each other/],
  ];
  const check = async ([args, stderr]: (typeof cases)[number]): Promise<void> => {
    const result = await umbrad(t, args, { env: { UMBRAD_STATE_DIR: stateDir } });
    assert.match(result.stderr, stderr);
    assert.equal(result.code, 64, args.join(" "));
    assert.equal(result.stdout, "");
  };
  await Promise.all(cases.map(check));
});

test("with --json every error is one object on stderr, those of parsing too", async (t) => {
  const stateDir = await temporaryDirectory(t);
  for (const args of [["stauts"], [], ["status", "--timeout", "x"], ["status"], ["send", "c1"]]) {
    const result = await umbrad(t, ["--json", ...args], { env: { UMBRAD_STATE_DIR: stateDir } });
    const { error } = JSON.parse(result.stderr);
    assert.deepEqual(Object.keys(error).sort(), ["code", "hint", "message", "retryable"], result.stderr);
    assert.notEqual(result.code, 0);
  }
});

test("help and the help of commands go to stdout with 0", async (t) => {
  const help = await umbrad(t, ["help"]);
  assert.equal(help.code, 0);
  assert.match(help.stdout, /^Usage: umbrad /);
  const send = await umbrad(t, ["send", "--help"]);
  assert.equal(send.code, 0);
  assert.match(send.stdout, /--wait <state>[\s\S]*Global Options:[\s\S]*--state-dir/);
});

test("no daemon: 69 with the command that starts it", async (t) => {
  const stateDir = await temporaryDirectory(t);
  const hint = async (): Promise<string> => {
    const { code, stderr } = await umbrad(t, ["status", "--state-dir", stateDir]);
    assert.equal(code, 69);
    assert.match(stderr, /no daemon is running/);
    return stderr.split("next: ")[1]?.trimEnd() ?? "";
  };
  const flags = `--state-dir ${stateDir}`;
  assert.equal(
    await hint(),
    `umbrad init ${flags} --passphrase-file FILE, then umbrad run ${flags} --passphrase-file FILE`,
  );
  assert.equal((await umbrad(t, ["init", "--insecure-plaintext-state", "--state-dir", stateDir])).code, 0);
  assert.equal(await hint(), `umbrad run ${flags}`);
});

test("a socket that nobody listens on, or that we may not use", async (t) => {
  const stateDir = await temporaryDirectory(t);
  await writeFile(join(stateDir, "admin.sock"), "");
  assert.equal((await umbrad(t, ["status", "--state-dir", stateDir])).code, 69);
  if (process.getuid?.() === 0) return;
  const locked = join(stateDir, "locked");
  await mkdir(locked);
  await chmod(locked, 0o000);
  assert.equal((await umbrad(t, ["status", "--socket", join(locked, "admin.sock")])).code, 77);
});

test("a socket path that no socket can have: 78 with advice", async (t) => {
  const { code, stderr } = await umbrad(t, ["status", "--socket", `/tmp/${"x".repeat(120)}`]);
  assert.equal(code, 78);
  assert.match(stderr, /has 125 bytes and a unix socket allows 107[\s\S]*next: choose a shorter one/);
});

test("another API version, or something that is no umbrad: 76", async (t) => {
  const stateDir = await temporaryDirectory(t);
  const path = await foreignServer(t, stateDir, { "umbrad-api": "2" }, 200);
  const { code, stderr } = await umbrad(t, ["status", "--socket", path]);
  assert.equal(code, 76);
  assert.match(stderr, /speaks API version 1, who answers on the socket "2"/);
  const older = await foreignServer(t, join(stateDir, "b"), {}, 404);
  assert.equal((await umbrad(t, ["listen", "--socket", older])).code, 76);
});

test("a daemon that does not answer: 75", async (t) => {
  const stateDir = await temporaryDirectory(t);
  const path = await foreignServer(t, stateDir, {}, undefined);
  const { code, stderr } = await umbrad(t, ["status", "--socket", path, "--timeout", "200ms"]);
  assert.equal(code, 75);
  assert.match(stderr, /did not answer within 0.2 s \[daemon\/timeout\]/);
});

test("starting: 75; a bug of the daemon: 70", async (t) => {
  const { host, engine, stateDir } = await startAdminFixture(t);
  const env = { UMBRAD_STATE_DIR: stateDir };
  engine.conversations = () => {
    throw new Error("secret");
  };
  const bug = await umbrad(t, ["conversation", "list", "--json"], { env });
  assert.equal(bug.code, 70);
  assert.equal(bug.stderr.includes("secret"), false);
  host.engine = undefined;
  const starting = await umbrad(t, ["conversation", "list", "--json"], { env });
  assert.equal(starting.code, 75);
  assert.equal(JSON.parse(starting.stderr).error.code, "daemon/starting");
});

test("the socket is where the flags and the environment say", async (t) => {
  const { socketPath, stateDir } = await startAdminFixture(t);
  const runtime = { RUNTIME_DIRECTORY: `${stateDir}:/elsewhere`, UMBRAD_STATE_DIR: "/nonexistent" };
  for (const [args, env] of [
    [["--socket", socketPath], {}],
    [[], { UMBRAD_SOCKET: socketPath }],
    [[], { STATE_DIRECTORY: stateDir }],
    [[], runtime],
    [["--state-dir", stateDir], { UMBRAD_STATE_DIR: "/nonexistent" }],
  ] as const) {
    assert.equal((await umbrad(t, ["status", ...args], { env })).code, 0, JSON.stringify([args, env]));
  }
  const home = await umbrad(t, ["status"], { env: { XDG_STATE_HOME: "/nowhere" } });
  assert.match(home.stderr, / \/nowhere\/umbrad\/admin\.sock /);
  assert.match((await umbrad(t, ["status"])).stderr, / \/nonexistent\/\.local\/state\/umbrad\/admin\.sock /);
});

test("signals end a listener as they end any command", async (t) => {
  const { engine, stateDir } = await startAdminFixture(t);
  engine.open(null);
  const reader = startUmbrad(t, ["listen", "--after", "0"], { env: { UMBRAD_STATE_DIR: stateDir } });
  await reader.line(() => true);
  reader.child.kill("SIGINT");
  assert.equal((await reader.ended).signal, "SIGINT");
});

async function foreignServer(
  t: TestContext,
  directory: string,
  headers: Record<string, string>,
  status: number | undefined,
): Promise<string> {
  await mkdir(directory, { recursive: true });
  const path = join(directory, "foreign.sock");
  const server = createServer((_request, response) => {
    if (status !== undefined) response.writeHead(status, headers).end("{}");
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return path;
}

test("an old Node is told what is needed, before anything else is loaded", async (t) => {
  for (const [version, code] of [
    ["20.20.2", 78],
    ["24.14.9", 78],
    ["24.15.0", 0],
    ["26.0.0", 0],
  ] as const) {
    const versions = JSON.stringify({ ...process.versions, node: version });
    const pretend = `data:text/javascript,Object.defineProperty(process,"versions",{value:${encodeURIComponent(versions)}})`;
    const result = await umbrad(t, ["version"], { nodeFlags: ["--import", pretend] });
    assert.equal(result.code, code, version);
    if (code !== 0) assert.match(result.stderr, /^umbrad needs Node\.js 24\.15 or newer, and this is [\d.]+ \(/);
  }
});
