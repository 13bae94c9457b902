/** Goal: no mutant goes stale. Method: what each takes away stands in its file, and the tests that it names are there. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { mutants } from "./mutants.ts";

const root = join(import.meta.dirname, "../..");

test("every mutant changes something that is there, and names tests that are there", () => {
  for (const { name, file, changes, tests } of mutants) {
    const text = readFileSync(join(root, file), "utf8");
    for (const [from, to] of changes) {
      assert.ok(text.includes(from), `${name}: ${file} has no ${JSON.stringify(from)}`);
      assert.notEqual(from, to, name);
    }
    for (const path of tests) assert.ok(existsSync(join(root, path)), `${name}: ${path}`);
  }
});
