// Goal: docs/fault-laboratory.md has exactly the knobs that there are. Its commands are typed: test/docs/console.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { knobs } from "../../src/devnet/faults/knobs.ts";

const page = readFileSync(join(import.meta.dirname, "..", "..", "docs", "fault-laboratory.md"), "utf8");

test("the table has exactly the knobs, in their order", () => {
  const rows = [...page.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, name]) => name);
  assert.deepEqual(rows, Object.keys(knobs));
});
