// Goal: README.md shows commands that exist. Method: hold its table against what cli/program.ts declares.
// Command lines of all pages: test/docs/console.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { commandTable } from "../../src/cli/command-table.ts";
import { createProgram } from "../../src/cli/program.ts";

const page = readFileSync(join(import.meta.dirname, "..", "..", "README.md"), "utf8");

/** A noun that has options of its own is a command too, beside its verbs. */
const declared = new Map(
  commandTable(createProgram(() => {}))
    .filter(({ path, verbs, options }) => verbs.length === 0 || (path.length > 0 && options.length > 0))
    .map((entry) => [entry.path.join(" "), entry]),
);

test("the table has exactly the commands that there are", () => {
  const rows = [...page.matchAll(/^\| `umbrad ([a-z -]+?)(?: [A-Z[(-][^`]*)?` \|/gm)].map(([, name = ""]) => name);
  assert.deepEqual(rows.toSorted(), [...declared.keys()].toSorted());
});

test("the two commands of a newcomer stand there as they are", () => {
  for (const command of ["npm ci && npm run demo", "npm ci && npm test"]) assert.ok(page.includes(`\n${command}\n`));
});
