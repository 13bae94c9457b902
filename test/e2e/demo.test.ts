// Goal: `npm run demo` works in a clone, ends with everything it started, what it tells a person to type next works, and
// README.md's picture shows what it prints. Method: a copy of the project, built and run there, so that nothing else in the
// working tree is touched or waited for.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { sceneOf, stableLine } from "../../scripts/picture/scene.ts";
import { linesOf } from "../../scripts/picture/svg.ts";
import { inTime, type Launched, type Place, Stage, until } from "./stage/processes.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const copied = ["src", "scripts", "package.json", "tsconfig.json", "tsconfig.build.json"];

test("the demonstration: exit 0, its story, no process left, and its last lines work when typed", async (t) => {
  const stage = new Stage(t);
  const clone = join(stage.directory, "clone");
  for (const name of copied) cpSync(join(root, name), join(clone, name), { recursive: true });
  symlinkSync(join(root, "node_modules"), join(clone, "node_modules"));

  // What `npm run demo` consists of.
  const build = await stage.run([], {}, { script: join(clone, "scripts", "build.ts"), cwd: clone });
  assert.equal(build.code, 0, build.stdout + build.stderr);
  const demo = await stage.run([], {}, { script: join(clone, "scripts", "demo.ts"), cwd: clone });
  assert.equal(demo.code, 0, demo.stdout + demo.stderr);
  assert.equal(demo.stderr.replaceAll(/^(?:Next|Say something|It can be used).*\n/gm, ""), "");
  for (const line of [
    /^== A Waku network on this machine$/m,
    /^ {2}[0-9]+ {2}\S+ {2}c1 {2}message\.received {2}"Hello Alice, this is Bob\."$/m,
    /^ {2}[0-9a-f]{32,} delivered$/m,
    /^ {2}[0-9]+ envelopes, [0-9]+ bytes, ([0-9]+) different hints: /m,
    /^== Done: 4 of 4 messages arrived once and were acknowledged; every process has ended$/m,
  ]) {
    assert.match(demo.stdout, line);
  }
  assert.deepEqual(processesOf(clone), []);
  // README.md's picture is what a person sees; node scripts/picture.ts draws it anew.
  const picture = readFileSync(join(root, "docs", "picture", "terminal.svg"), "utf8");
  assert.deepEqual(linesOf(picture).map(stableLine), sceneOf(demo.stdout).map(stableLine));

  await typeByHand(stage, { script: join(clone, "dist", "umbrad.js"), cwd: clone }, demo.stdout);
  await stage.end();
  assert.deepEqual(processesOf(clone), []);
});

/** The lines in their order, each process in a terminal of its own. */
async function typeByHand(stage: Stage, place: Place, output: string): Promise<void> {
  const [, advice = ""] = output.split("Go on by hand");
  const lines = [...advice.matchAll(/^ {2}npx umbrad (.+)$/gm)].map(([, line = ""]) => shellWords(line));
  assert.deepEqual(
    lines.map(([verb]) => verb),
    ["devnet", "run", "run", "listen", "send"],
  );
  const [devnet, alice, bob, listen, send] = lines as [string[], string[], string[], string[], string[]];
  const start = async (args: string[], isUp: (line: string) => boolean): Promise<Launched> => {
    const launched = stage.launch(args[0] ?? "", args, place);
    await inTime(`umbrad ${args.join(" ")}`, launched.output.line(isUp));
    return launched;
  };
  const daemons = [await start(devnet, (line) => line.startsWith("multiaddr "))];
  for (const args of [alice, bob]) daemons.push(await start(args, (line) => line.includes("daemon.started")));

  const listening = stage.launch("listen", listen, place);
  // A listener that connects late hears the next one: a person would type it again, too.
  await until("the message at the listener", async () => {
    const sent = await stage.run(send, {}, place);
    assert.equal(sent.code, 0, sent.stderr);
    assert.match(sent.stdout, /^[0-9a-f]+ delivered\n$/);
    return listening.output.lines.some((line) => /message\.received {2}"typed by hand"$/.test(line)) || undefined;
  });
  await inTime("the end of the listener", listening.kill("SIGINT"));
  for (const daemon of daemons.reverse()) {
    const exit = await inTime(`the end of ${daemon.name}`, daemon.kill("SIGINT"));
    assert.equal(exit.code, 0, daemon.output.everything());
  }
}

function shellWords(line: string): string[] {
  return [...line.matchAll(/"([^"]*)"|\S+/g)].map(([word, quoted]) => quoted ?? word);
}

/** Command lines that run something of this directory. */
function processesOf(directory: string): string[] {
  return commandLines().filter((line) => line.includes(directory));
}

function commandLines(): string[] {
  if (!existsSync("/proc/self/cmdline"))
    return spawnSync("ps", ["-Ao", "args"], { encoding: "utf8" }).stdout.split("\n");
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
      } catch {
        // It has ended meanwhile.
        return "";
      }
    });
}
