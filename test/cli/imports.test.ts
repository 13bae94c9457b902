// Goal: commands start quickly because they load nothing that they do not need. Method: a load hook writes down every
// module of a real run.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { startAdminFixture } from "../support/admin/admin-fixture.ts";
import { temporaryDirectory, umbrad } from "../support/cli/umbrad-command.ts";

const hook = `data:text/javascript,${encodeURIComponent(`
  import { registerHooks } from "node:module";
  import { appendFileSync } from "node:fs";
  registerHooks({ load(url, context, next) {
    appendFileSync(process.env.LOADED_MODULES, url + "\\n");
    return next(url, context);
  } });
`)}`;

async function loadedBy(t: TestContext, args: readonly string[], stateDir: string, exit = 0): Promise<string[]> {
  const file = join(await temporaryDirectory(t), "modules");
  const env = { LOADED_MODULES: file, UMBRAD_STATE_DIR: stateDir };
  const { code, stderr } = await umbrad(t, args, { env, nodeFlags: ["--import", hook] });
  assert.equal(code, exit, stderr);
  return (await readFile(file, "utf8")).trimEnd().split("\n");
}

function packagesOf(modules: readonly string[]): string[] {
  const names = modules.map((url) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1]);
  return [...new Set(names.filter((name) => name !== undefined))].sort();
}

test("commands load commander, their own module, and at most node:http", async (t) => {
  const { stateDir, engine } = await startAdminFixture(t);
  engine.open(null);
  const commands = [
    ["version", "--socket", "/nonexistent"],
    ["status"],
    ["wait", "ready"],
    ["invite", "create"],
    ["conversation", "list"],
    ["send", "c1", "hi"],
    ["history", "c1"],
    ["event", "list"],
    ["contact", "verify", "c1"],
    ["complete", "conversations"],
    ["reload"],
    ["log", "level"],
    ["log", "tail"],
    ["help"],
  ];
  for (const args of commands) {
    const modules = await loadedBy(t, args, stateDir);
    assert.deepEqual(packagesOf(modules), ["commander"], args.join(" "));
    const foreign = modules.filter((url) =>
      /\/src\/(?:daemon|sqlite|waku|devnet|conversation|wire|protocol|crypto)\//.test(url),
    );
    assert.deepEqual(foreign, [], args.join(" "));
    const commandModules = modules.filter((url) => url.includes("/src/cli/command/"));
    assert.ok(commandModules.length <= 1, `${args.join(" ")}: ${commandModules}`);
  }
});

test("config reads files with what that needs: no daemon, no log, no network library, no client", async (t) => {
  const directory = await temporaryDirectory(t);
  for (const args of [
    ["config", "show", "--origin"],
    ["config", "check"],
    ["config", "schema"],
  ]) {
    const modules = await loadedBy(t, args, directory);
    assert.deepEqual(packagesOf(modules), ["commander", "smol-toml", "zod"], args.join(" "));
    const foreign = modules.filter((url) =>
      /\/src\/(?:daemon\/(?!config\/)|sqlite|waku|conversation|wire|crypto)/.test(url),
    );
    assert.deepEqual(foreign, [], args.join(" "));
    assert.equal(
      modules.some((url) => url.endsWith("/admin/client.ts")),
      false,
      args.join(" "),
    );
  }
});

test("QR codes and the doctor load what they need, and no network library", async (t) => {
  const { stateDir } = await startAdminFixture(t);
  const withCode = packagesOf(await loadedBy(t, ["invite", "create", "--qr"], stateDir));
  assert.deepEqual(withCode, ["commander", "uqr"]);
  // It finds no state there, which makes it end with 1.
  const examined = packagesOf(await loadedBy(t, ["doctor"], stateDir, 1));
  for (const heavy of ["@waku/sdk", "libp2p", "fastify", "pino"]) assert.equal(examined.includes(heavy), false, heavy);
});

test("version loads no client, and init no network library", async (t) => {
  const directory = await temporaryDirectory(t);
  const modules = await loadedBy(t, ["version"], directory);
  assert.deepEqual(
    modules.filter((url) => /admin\/client\.ts$|cli\/program\.ts$|node_modules/.test(url)),
    [],
  );
  const packages = packagesOf(await loadedBy(t, ["init", "--insecure-plaintext-state"], join(directory, "state")));
  for (const heavy of ["@waku/sdk", "libp2p", "fastify"]) assert.equal(packages.includes(heavy), false, heavy);
});

test("talking to the daemon does not load undici, which is half of the start of a command", async (t) => {
  const { stateDir } = await startAdminFixture(t);
  const file = join(await temporaryDirectory(t), "builtins");
  const report = `data:text/javascript,${encodeURIComponent(`
    import { writeFileSync } from "node:fs";
    process.on("exit", () => writeFileSync(process.env.LOADED_MODULES, process.moduleLoadList.join("\\n")));
  `)}`;
  const env = { LOADED_MODULES: file, UMBRAD_STATE_DIR: stateDir };
  const { code, stderr } = await umbrad(t, ["status"], { env, nodeFlags: ["--import", report] });
  assert.equal(code, 0, stderr);
  const builtins = (await readFile(file, "utf8")).split("\n");
  assert.ok(builtins.includes("NativeModule http"), "the list is what this test thinks it is");
  assert.deepEqual(
    builtins.filter((name) => name.includes("undici")),
    [],
  );
});
