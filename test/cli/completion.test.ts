// Goal: completion offers exactly the commands and flags that there are, and the names of live conversations. Method: a
// real bash sources the script and calls its function as readline does; zsh and fish check the syntax where they are.
import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { commandTable } from "../../src/cli/command-table.ts";
import { createProgram } from "../../src/cli/program.ts";
import { startCliFixture } from "../support/cli/cli-fixture.ts";
import { temporaryDirectory, umbrad } from "../support/cli/umbrad-command.ts";

const bin = fileURLToPath(new URL("../../src/umbrad.ts", import.meta.url));
const table = commandTable(createProgram(() => {}));

/** What bash offers for each line; the cursor is at the end of its last word. */
async function offered(t: TestContext, lines: readonly (readonly string[])[], env = {}): Promise<string[][]> {
  const directory = await temporaryDirectory(t);
  const { stdout } = await umbrad(t, ["completion", "bash"]);
  const command = join(directory, "umbrad");
  await writeFile(join(directory, "completion"), stdout);
  await writeFile(command, `#!/bin/sh\nexec '${process.execPath}' '${bin}' "$@"\n`);
  await chmod(command, 0o755);
  const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;
  const calls = lines.map((words) => {
    const last = words.at(-1) ?? "";
    const line = `COMP_WORDS=(umbrad ${words.map(quoted).join(" ")}); COMP_CWORD=${words.length}; COMPREPLY=()`;
    return `${line}; _umbrad ${command} ${quoted(last)} x; printf '%s\\n' "\${COMPREPLY[@]}" =`;
  });
  const script = [`source '${join(directory, "completion")}'`, "complete -p umbrad >/dev/null || exit 9", ...calls];
  // Not spawnSync: the daemon that is asked lives in this process.
  const result = await promisify(execFile)("bash", ["--norc", "-c", script.join("\n")], {
    cwd: directory,
    env: { PATH: process.env["PATH"] ?? "", HOME: directory, ...env },
  });
  assert.equal(result.stderr, "");
  const answers = result.stdout.split("=\n").slice(0, -1);
  return answers.map((answer) => answer.split("\n").filter((word) => word !== ""));
}

test("bash: every noun offers its verbs, every command its flags", async (t) => {
  const nouns = table.filter(({ verbs }) => verbs.length > 0);
  const verbs = await offered(
    t,
    nouns.map(({ path }) => [...path, ""]),
  );
  for (const [at, noun] of nouns.entries()) assert.deepEqual(verbs[at]?.toSorted(), noun.verbs.toSorted());
  const globals = [...(table[0]?.options ?? []).map(({ long }) => long), "--help"];
  const commands = table.slice(1);
  const flags = await offered(
    t,
    commands.map(({ path }) => [...path, "--"]),
  );
  for (const [at, { path, options }] of commands.entries()) {
    const wanted = [...globals, ...options.map(({ long }) => long)];
    assert.deepEqual(flags[at]?.toSorted(), wanted.toSorted(), path.join(" "));
  }
});

test("bash: words, files and directories where they belong, nothing twice and nothing wrong", async (t) => {
  const answers = await offered(t, [
    ["he"],
    ["wait", ""],
    ["send", "c1", "--wait", "st"],
    ["send", "--wait", "stored", "--js"],
    ["debug", "decode", "comp"],
    ["store", "backup", "comp"],
    ["send", "c1", ""],
    ["send", "status", ""],
    ["health", "p"],
    ["nonsense", ""],
    ["contact", "show", "--", "--"],
  ]);
  assert.deepEqual(answers, [
    ["health"],
    ["ready", "synced", "outbox-empty"],
    ["stored"],
    ["--json"],
    ["completion"],
    [],
    [],
    [],
    ["peers"],
    [],
    [],
  ]);
});

test("bash: names of live conversations and contacts, quoted, of the daemon that the line names", async (t) => {
  const { engine, stateDir } = await startCliFixture(t);
  engine.open("ada");
  engine.open('Bob\'s "best" $(touch evil)');
  engine.open("esc\u001b[2J");
  engine.open(null);
  const env = { UMBRAD_STATE_DIR: stateDir };
  const bob = 'Bob\\\'s\\ \\"best\\"\\ \\$\\(touch\\ evil\\)';
  assert.deepEqual(
    await offered(
      t,
      [
        ["send", ""],
        ["history", "a"],
        ["conversation", "rename", "Bob\\'"],
        ["listen", "c1", "c"],
        ["event", "consumers", "drop", ""],
      ],
      env,
    ),
    [["ada", "c1", bob, "c2", "c3", "c4"], ["ada"], [bob], ["c1", "c2", "c3", "c4"], []],
  );
  const byFlag = [
    ["send", "--state-dir", stateDir, "ad"],
    ["send", "--state-dir", `"${stateDir}"`, "ad"],
  ];
  assert.deepEqual(await offered(t, byFlag), [["ada"], ["ada"]]);
  const [nothing] = await offered(t, [["send", "--state-dir", "$(touch evil)", "a"]]);
  assert.deepEqual(nothing, [], "what was typed is not run");
});

test("complete is silent without a daemon, with an unknown kind, and is in no help", async (t) => {
  const { run } = await startCliFixture(t);
  for (const args of [
    ["complete", "conversations", "--socket", "/nonexistent/s"],
    ["complete", "weather"],
    ["complete", "toString"],
  ]) {
    const { code, stdout, stderr } = await run(...args);
    assert.deepEqual([code, stdout, stderr], [0, "", ""], args.join(" "));
  }
  assert.doesNotMatch((await run("help")).stdout, /^ {2}complete /m);
  const unknown = await run("completion", "tcsh");
  assert.equal(unknown.code, 64);
  assert.match(unknown.stderr, /next: umbrad completion bash, zsh or fish/);
});

for (const shell of ["bash", "zsh", "fish"] as const) {
  test(`${shell}: every command is in the script, and the shell takes it if it is there`, async (t) => {
    const { stdout } = await umbrad(t, ["completion", shell]);
    for (const { path, options } of table) {
      for (const word of path) assert.ok(stdout.includes(word), word);
      for (const { long } of options) assert.ok(stdout.includes(shell === "fish" ? `-l ${long.slice(2)}` : long), long);
    }
    const file = join(await temporaryDirectory(t), "script");
    await writeFile(file, stdout);
    const { error, status, stderr } = spawnSync(shell, ["-n", file], { encoding: "utf8" });
    if (error === undefined) assert.equal(status, 0, stderr);
    else t.diagnostic(`${shell} is not installed`);
  });
}
