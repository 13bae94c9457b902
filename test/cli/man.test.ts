// Goal: the man pages have every command and every flag, and a formatter takes them. Method: the pages as text against the
// command table, then groff and man with every warning on, where they are installed.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { manPages } from "../../scripts/man.ts";
import { commandTable } from "../../src/cli/command-table.ts";
import { createProgram } from "../../src/cli/program.ts";
import { temporaryDirectory } from "../support/cli/umbrad-command.ts";

const pages = new Map(manPages().map(({ file, text }) => [file, text]));
const table = commandTable(createProgram(() => {}));
const escaped = (text: string): string => text.replaceAll("-", "\\-");

test("every command has a page with its flags and arguments, and stands in umbrad(1)", () => {
  const overview = pages.get("umbrad.1") ?? "";
  assert.equal(pages.size, table.length);
  for (const { path, options, arguments: places, verbs, description } of table) {
    const page = pages.get(`${["umbrad", ...path].join("-")}.1`);
    assert.ok(page !== undefined, path.join(" "));
    assert.ok(page.includes(` \\- ${escaped(description)}`), path.join(" "));
    for (const { long, description: about } of options) {
      assert.ok(page.includes(`.B ${escaped(long)}`), `${path.join(" ")} ${long}`);
      assert.ok(page.includes(escaped(about).slice(1, 20)), `${path.join(" ")} ${long}`);
    }
    for (const { name } of places) assert.ok(page.includes(`.I ${escaped(name)}`), `${path.join(" ")} ${name}`);
    if (path.length > 0) for (const verb of verbs) assert.ok(page.includes(`.B ${[...path, verb].join(" ")}`), verb);
    if (verbs.length === 0) assert.ok(overview.includes(`.B ${path.join(" ")}`), path.join(" "));
  }
});

test("every flag has a description", () => {
  const bare = table.flatMap(({ path, options }) =>
    options.filter(({ description }) => description === "").map(({ long }) => [...path, long].join(" ")),
  );
  assert.deepEqual(bare, []);
});

test("groff and man take every page without a warning", async (t) => {
  const directory = await temporaryDirectory(t);
  const files = await Promise.all(
    [...pages].map(async ([name, text]) => {
      await writeFile(join(directory, name), text);
      return join(directory, name);
    }),
  );
  const commands: [string, string[]][] = [
    ["groff", ["-man", "-Tutf8", "-ww", "-z", ...files]],
    ["man", ["--warnings=w", "-l", join(directory, "umbrad-send.1")]],
  ];
  for (const [command, args] of commands) {
    const env = { PATH: process.env["PATH"] ?? "", LC_ALL: "C.UTF-8", MANWIDTH: "100", MANPAGER: "cat" };
    const { error, status, stdout, stderr } = spawnSync(command, args, { encoding: "utf8", env });
    if (error !== undefined) {
      t.diagnostic(`${command} is not installed`);
      continue;
    }
    assert.equal(stderr, "", command);
    assert.equal(status, 0, command);
    if (command === "man") assert.match(stdout, /--wait <state>/);
  }
});
