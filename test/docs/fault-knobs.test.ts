// Goal: docs/fault-laboratory.md has exactly the knobs that there are, and its commands work.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { DevnetFaults } from "../../src/devnet/faults/faults.ts";
import { knobs } from "../../src/devnet/faults/knobs.ts";

const page = readFileSync(join(import.meta.dirname, "..", "..", "docs", "fault-laboratory.md"), "utf8");

test("the table has exactly the knobs, in their order", () => {
  const rows = [...page.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, name]) => name);
  assert.deepEqual(rows, Object.keys(knobs));
});

test("every value that is shown is one", () => {
  const faults = new DevnetFaults(0);
  const shown = [...page.matchAll(/npx umbrad devnet fault ([^\n]+)/g)].flatMap(([, words = ""]) => [
    ...words.matchAll(/([a-z-]+)=(\S+)/g),
  ]);
  const settings = shown.filter(([, name]) => name !== "next" && name !== "after");
  assert.ok(settings.length > 2);
  for (const [, name = "", value = ""] of settings) faults.set(name, value);
});
