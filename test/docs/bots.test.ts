// Goal: the bots of docs/bots.md are right TypeScript too, with the types of `umbrad/client`. Method: take them out of the
// page and let tsc check them with the project's flags, against the client of this checkout.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";

const root = join(import.meta.dirname, "..", "..");
const client = JSON.stringify(join(root, "src", "admin", "client", "umbrad-client.ts"));

/** Each block as a module of its own; what a block takes from an earlier one is declared. */
function blocks(): readonly string[] {
  const page = readFileSync(join(root, "docs", "bots.md"), "utf8");
  const codes = [...page.matchAll(/```js[^\n]*\n([\s\S]*?)```/g)].map(([, code = ""]) => code);
  const head = (code: string): string => {
    if (code.startsWith("import")) return "";
    const connects = code.includes("const umbrad") ? "" : "declare const umbrad: ReturnType<typeof connect>;\n";
    return `import { connect } from "umbrad/client";\n${connects}`;
  };
  return codes.map((code) => `${head(code)}${code}\nexport {};\n`.replaceAll('"umbrad/client"', client));
}

/** What tsc says of a module. */
function complaints(t: TestContext, codes: readonly string[]): string {
  const directory = mkdtempSync(join(tmpdir(), "umbrad-bots-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const files = codes.map((code, index) => {
    writeFileSync(join(directory, `block-${index}.mts`), code);
    return `block-${index}.mts`;
  });
  const typeRoots = [join(root, "node_modules", "@types")];
  const compilerOptions = {
    typeRoots,
    rewriteRelativeImportExtensions: false,
    noUnusedLocals: false,
    noPropertyAccessFromIndexSignature: false,
  };
  const config = { extends: join(root, "tsconfig.json"), compilerOptions, include: [], files };
  writeFileSync(join(directory, "tsconfig.json"), JSON.stringify(config));
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  try {
    return execFileSync(process.execPath, [tsc, "-p", directory], { encoding: "utf8" });
  } catch (error) {
    return String((error as { stdout?: unknown }).stdout);
  }
}

test("every block of the page fits the client's types, and a wrong one does not", (t) => {
  const right = blocks();
  assert.ok(right.length >= 3, "the bot, files and TCP");
  const wrong = right[0]?.replace('event.type !== "message.received" || ', "") ?? "";
  assert.notEqual(wrong, right[0]);
  const [said, ...more] = complaints(t, [...right, wrong])
    .trim()
    .split(/\n(?=\S)/);
  assert.match(said ?? "", /block-3\.mts.*'text' does not exist/, "events without a text have none");
  assert.ok(
    more.every((line) => line.includes(`block-${right.length}.mts`)),
    more.join("\n"),
  );
});
