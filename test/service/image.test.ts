// Goal: the image can be built and holds what the daemon needs, and the unit's command line runs as a restricted user with
// a read-only application. Method: no engine is needed: the Dockerfile's sources and steps are checked and carried out in a
// scratch directory, and what comes out of it is run, by root as another user.
import assert from "node:assert/strict";
import { type SpawnOptions, spawn, spawnSync } from "node:child_process";
import {
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { createProgram } from "../../src/cli/program.ts";
import { ServiceNode } from "../e2e/stage/party.ts";
import { DEADLINE_MS, inTime, Stage } from "../e2e/stage/processes.ts";
import { Application, copiedSources, dockerInstructions, productionPackages, root } from "./application.ts";
import { parseUnit, theValue } from "./units.ts";

/** `nobody` of most systems; any number without rights will do. */
const restrictedId = 65_534;
const isRoot = process.getuid?.() === 0;
const restricted: SpawnOptions = isRoot ? { uid: restrictedId, gid: restrictedId } : {};

let application: Application;
before(() => {
  application = new Application();
});
after(() => application.remove());

const of = (name: string): string[] =>
  dockerInstructions()
    .filter((one) => one.name === name)
    .map(({ text }) => text);

test("the Dockerfile: pinned bases, sources that exist, no rights, a health check that is a command", () => {
  const { devDependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const [build = "", final = ""] = of("FROM");
  assert.equal(build, `node:${devDependencies.node}-bookworm-slim AS build`, "the Node that the tests run with");
  assert.equal(final, `node:${devDependencies.node}-bookworm-slim`);
  const ignored = readFileSync(join(root, ".dockerignore"), "utf8").split("\n");
  for (const source of copiedSources()) {
    assert.ok(existsSync(join(root, source)), source);
    assert.equal(ignored.includes(source.replace("./", "")), false, `${source} is not sent to the engine`);
  }
  assert.deepEqual(of("USER"), ["65532:65532"]);
  assert.deepEqual(of("STOPSIGNAL"), ["SIGTERM"]);
  assert.ok(of("RUN").some((line) => line === "npm ci --ignore-scripts"));
  const [health = ""] = of("HEALTHCHECK");
  const commands = [...of("CMD"), health.slice(health.indexOf("CMD ") + 4)].map((text) => JSON.parse(text) as string[]);
  const names = createProgram(() => {}).commands.map((command) => command.name());
  assert.deepEqual(commands, [["run"], ["umbrad", "health"]]);
  for (const words of commands) assert.ok(names.includes(words.at(-1) ?? ""));
});

test("the compose file shuts the container in, and what it mounts exists", () => {
  const file = join(root, "config", "docker", "compose.yml");
  const text = readFileSync(file, "utf8");
  const umbrad = /^ {2}umbrad: &umbrad\n((?: {4}.*\n)+)/m.exec(text)?.[1] ?? "";
  for (const line of [
    "read_only: true",
    "cap_drop: [ALL]",
    'security_opt: ["no-new-privileges:true"]',
    "build: ../..",
  ]) {
    assert.ok(umbrad.includes(`    ${line}\n`), line);
  }
  assert.match(umbrad, /tmpfs: \["\/run\/umbrad:uid=65532,gid=65532,mode=0700"/);
  const mounted = [...text.matchAll(/- (\.\.\/[^:]+):[^:]+:ro$/gm)].map(([, path = ""]) => path);
  assert.equal(mounted.length, 4);
  for (const path of [...mounted, "../.."]) assert.ok(existsSync(join(dirname(file), path)), path);
  for (const [, image = ""] of text.matchAll(/image: (\S+)/g))
    assert.match(image, /^(?:umbrad|[a-z/]+:v?\d+\.\d+\.\d+)$/);
  for (const [, port = ""] of text.matchAll(/"([\d.]*:[\d:]+)"/g))
    assert.match(port, /^127\.0\.0\.1:/, "loop-back only");
});

test("npm takes the lockfile for a production install, and no package of it wants to run a script", (t) => {
  const { packages } = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8"));
  assert.deepEqual(
    productionPackages().filter((path) => packages[path].hasInstallScript === true),
    [],
  );
  const stage = new Stage(t);
  for (const name of ["package.json", "package-lock.json", ".npmrc"])
    copyFileSync(join(root, name), join(stage.directory, name));
  const asked = ["ci", "--ignore-scripts", "--omit=dev", "--dry-run", "--offline"];
  const { status, stderr } = spawnSync("npm", asked, { cwd: stage.directory, encoding: "utf8" });
  assert.equal(status, 0, stderr);
});

test("the application runs with production dependencies only, and cannot be written by whoever runs it", () => {
  const run = (...args: string[]) =>
    spawnSync(application.node, args, {
      cwd: "/",
      encoding: "utf8",
      env: { HOME: "/nonexistent" },
      ...restricted,
    } as object);
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const said = run(application.script, "version");
  assert.equal(said.stdout, `umbrad ${version} (Node.js ${process.versions.node})\n`, String(said.stderr));
  for (const name of ["typescript", "fast-check", "knip"]) {
    assert.equal(existsSync(join(application.app, "node_modules", name)), false, name);
  }
  const write = `require("node:fs").writeFileSync(${JSON.stringify(join(application.app, "dist", "x.js"))}, "")`;
  assert.match(String(run("-e", write).stderr), /EACCES|EROFS/);
});

test("the unit's command line: ready against a devnet, as a restricted user, nothing written but state and socket", async (t) => {
  const stage = new Stage(t);
  const node = new ServiceNode(stage);
  await node.start();
  const place = (name: string): string => {
    const path = join(application.directory, name);
    mkdirSync(path, { mode: 0o700 });
    if (isRoot) chownSync(path, restrictedId, restrictedId);
    return path;
  };
  const [state, runtime, credentials] = [place("state"), place("runtime"), place("credentials")] as const;
  const passphrase = join(credentials, "passphrase");
  writeFileSync(passphrase, "correct horse\n", { mode: 0o400 });
  if (isRoot) chownSync(passphrase, restrictedId, restrictedId);
  const unit = parseUnit(readFileSync(join(root, "config/systemd/umbrad.service"), "utf8"));
  const paths = new Map([
    ["/usr/bin/node", application.node],
    ["/usr/lib/umbrad/dist/umbrad.js", application.script],
  ]);
  const [program = "", ...args] = theValue(unit, "Service", "ExecStart")
    .split(" ")
    .map((word) => paths.get(word) ?? word);
  assert.equal(program, application.node);
  const env = {
    STATE_DIRECTORY: state,
    RUNTIME_DIRECTORY: runtime,
    CREDENTIALS_DIRECTORY: credentials,
    NODE_ENV: "production",
  };
  const options = { cwd: theValue(unit, "Service", "WorkingDirectory"), env, encoding: "utf8", ...restricted } as const;
  const command = (...words: string[]) => spawnSync(program, [application.script, ...words], options as object);
  const initialised = command("init", "--passphrase-file", passphrase, "--peer", node.multiaddr);
  assert.equal(initialised.status, 0, String(initialised.stderr));

  const untouched = application.fingerprint();
  // The daemon sees to its umask by itself.
  const daemon = spawn("sh", ["-c", 'umask 000; exec "$@"', "sh", program, ...args], {
    ...options,
    stdio: ["ignore", "pipe", "pipe"],
  });
  t.after(() => daemon.kill("SIGKILL"));
  let log = "";
  for (const stream of [daemon.stdout, daemon.stderr])
    stream?.setEncoding("utf8").on("data", (text: string) => (log += text));
  const ended = new Promise((resolve) => daemon.once("exit", resolve));
  const ready = command("wait", "ready", "--timeout", `${DEADLINE_MS}ms`);
  assert.equal(ready.status, 0, `${ready.stderr}\n${log}`);
  assert.equal(command("health").status, 0, "what the image's health check runs");
  if (isRoot) assert.equal(statSync(`/proc/${daemon.pid}`).uid, restrictedId);
  assert.equal(statSync(join(runtime, "admin.sock")).mode & 0o777, 0o600);
  const written = [state, ...readdirSync(state).map((name) => join(state, name))];
  assert.ok(written.length > 3);
  for (const path of written) assert.equal(statSync(path).mode & 0o077, 0, path);
  assert.equal(command("stop").status, 0);
  assert.equal(await inTime("the end", ended), 0, log);
  assert.equal(application.fingerprint(), untouched);
});
