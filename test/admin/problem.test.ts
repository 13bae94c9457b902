import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { errorView, problemOf } from "../../src/admin/problem.ts";
import { InvariantError, UmbradError } from "../../src/engine/errors.ts";

const src = fileURLToPath(new URL("../../src/", import.meta.url));

test("every code that the sources throw has a row or an area in the table", async () => {
  const unknown = problemOf("nowhere/at-all");
  const files = (await readdir(src, { recursive: true })).filter((name) => name.endsWith(".ts"));
  const codes = new Set<string>();
  for (const name of files) {
    const text = await readFile(join(src, name), "utf8");
    for (const match of text.matchAll(/(?:Umbrad|Devnet)Error\(\s*"([^"]+)"/g)) codes.add(match[1] ?? "");
  }
  assert.ok(codes.size > 40, `${codes.size} codes found`);
  for (const code of codes) {
    assert.match(code, /^[a-z]+\/[a-z]+(?:-[a-z]+)*$/);
    assert.notEqual(problemOf(code), unknown, code);
  }
});

test("an UmbradError shows itself, anything else nothing", () => {
  assert.deepEqual(errorView(new UmbradError("store/locked", "in use", { hint: "wait" })), {
    code: "store/locked",
    message: "in use",
    retryable: true,
    hint: "wait",
  });
  for (const bug of [new Error("key 0xdeadbeef"), new InvariantError("secret"), "text", undefined]) {
    const view = errorView(bug);
    assert.equal(view.code, "internal/bug");
    assert.doesNotMatch(JSON.stringify(view), /deadbeef|secret|text/);
  }
});
