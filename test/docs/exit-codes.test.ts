// Goal: docs/exit-codes.md is the table of src/admin/problem.ts, and names every code that is thrown without a row of its
// own. Method: read both as text, and ask problemOf for what each row says.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { exitCodes, problemOf } from "../../src/admin/problem.ts";

const root = join(import.meta.dirname, "..", "..");
const page = readFileSync(join(root, "docs", "exit-codes.md"), "utf8");

interface Row {
  readonly code: string;
  readonly httpStatus: number;
  readonly exitCode: number;
  readonly retryable: boolean;
}

const documented: readonly Row[] = [
  ...page.matchAll(/^\| `([a-z-]+)\/(…|[a-z-]+)` \| (\d+) \| (\d+) \| (yes|no) \| [^|]*[^|\s?][^|]* \|$/gm),
].map(([, area, what, http, exit, repeat]) => ({
  code: what === "…" ? String(area) : `${area}/${what}`,
  httpStatus: Number(http),
  exitCode: Number(exit),
  retryable: repeat === "yes",
}));

test("the page has exactly the codes and areas of the table, in its order", () => {
  const table = readFileSync(join(root, "src", "admin", "problem.ts"), "utf8");
  const codes = [...table.matchAll(/^ {2}\["([a-z/-]+)", (?:final|retry)\(/gm)].map(([, code]) => code);
  assert.ok(codes.length > 50, `${codes.length} codes found in problem.ts`);
  assert.deepEqual(
    documented.map(({ code }) => code),
    codes,
  );
});

test("each row says what the table says", () => {
  for (const { code, ...row } of documented) {
    // Any code without a row of its own shows the row of its area.
    assert.deepEqual(problemOf(code.includes("/") ? code : `${code}/unheard-of`), row, code);
  }
});

test("the page has exactly the exit codes, each but 0 with what to do", () => {
  const found = [...page.matchAll(/^\| (\d+) \| (\w+) \| [^|]+ \| ([^|]*)\|$/gm)];
  const rows = found.map(([, exit, name]) => [name, Number(exit)]);
  const withoutAdvice = found.filter(([, , , advice = ""]) => advice.trim().length < 10);
  assert.deepEqual(
    withoutAdvice.map(([, exit]) => exit),
    ["0"],
  );
  assert.deepEqual(Object.fromEntries(rows), exitCodes);
});

test("every code that the sources use is on the page", () => {
  const thrown = /(?:(?:Umbrad|Devnet)Error\(|\breject\()\s*"([a-z]+\/[a-z-]+)"/g;
  const files = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" });
  const codes = files
    .filter((name) => name.endsWith(".ts"))
    .flatMap((name) =>
      [...readFileSync(join(root, "src", name), "utf8").matchAll(thrown)].map(([, code]) => code ?? ""),
    );
  assert.deepEqual(
    [...new Set(codes)].filter((code) => !page.includes(`\`${code}\``)),
    [],
  );
});
