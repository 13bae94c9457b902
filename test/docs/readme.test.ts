// Goal: README.md shows commands that exist. Method: hold its table and every `npx umbrad …` line against the commands and
// flags that cli/program.ts declares.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { commandTable } from "../../src/cli/command-table.ts";
import { createProgram } from "../../src/cli/program.ts";

const page = readFileSync(join(import.meta.dirname, "..", "..", "README.md"), "utf8");
const program = createProgram(() => {});

/** A noun that has options of its own is a command too, beside its verbs. */
const declared = new Map(
  commandTable(program)
    .filter(({ path, verbs, options }) => verbs.length === 0 || (path.length > 0 && options.length > 0))
    .map((entry) => [entry.path.join(" "), entry]),
);

test("the table has exactly the commands that there are", () => {
  const rows = [...page.matchAll(/^\| `umbrad ([a-z -]+?)(?: [A-Z[(-][^`]*)?` \|/gm)].map(([, name = ""]) => name);
  assert.deepEqual(rows.toSorted(), [...declared.keys()].toSorted());
});

test("every command line names a command and flags that there are", () => {
  const lines = [...page.matchAll(/npx umbrad ([^\n#]+)/g)].map(([, line = ""]) => line.trim());
  assert.ok(lines.length > 10);
  for (const line of lines) {
    const words = line.split(/\s+/);
    const name = [words.slice(0, 2).join(" "), words[0] ?? ""].find((candidate) => declared.has(candidate));
    assert.ok(name !== undefined, `umbrad ${line}`);
    const known = [...(declared.get(name)?.options ?? []), ...program.options].map((option) => option.long);
    for (const flag of words.filter((word) => word.startsWith("--"))) {
      assert.ok(known.includes(flag), `umbrad ${name} has no ${flag}`);
    }
  }
});

test("the two commands of a newcomer stand there as they are", () => {
  for (const command of ["npm ci && npm run demo", "npm ci && npm test"]) assert.ok(page.includes(`\n${command}\n`));
});
