// Goal: no block of a page is looked at by nobody. Method: each is typed by a test (console), stands in a table with the
// reason why not, or is read by what reads such files.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { loadConfig } from "../../../src/daemon/config/config.ts";
import { parseUnit } from "../../service/units.ts";
import { type Block, blocksOf, pages, textOf } from "./blocks.ts";
import { untyped } from "./pages.ts";

const root = join(import.meta.dirname, "..", "..", "..");
const blocks = pages.flatMap((page) => blocksOf(textOf(page)).map((block) => ({ page, block })));

/** Languages of blocks that are no commands, and what reads them; it throws. */
const readers: Readonly<Record<string, (text: string) => void>> = {
  js: (text) => void stripTypeScriptTypes(text),
  ts: (text) => void stripTypeScriptTypes(text),
  json: (text) => {
    for (const line of text.trimEnd().split("\n")) JSON.parse(line);
  },
  toml: readConfiguration,
  ini: parseUnit,
  bash: (text) => readBy("bash", ["-n"], text),
  python: (text) => readBy("python3", ["-c", "import ast, sys; ast.parse(sys.stdin.read())"], text),
};

/** A machine without the program reads nothing. */
function readBy(program: string, flags: readonly string[], input: string): void {
  const { error, status, stderr } = spawnSync(program, flags, { input, encoding: "utf8" });
  if (error === undefined && status !== 0) throw new Error(stderr);
}

/** As the daemon reads it at its start. */
function readConfiguration(text: string): void {
  const directory = mkdtempSync(join(tmpdir(), "umbrad-block-"));
  try {
    const path = join(directory, "config.toml");
    writeFileSync(path, text);
    loadConfig({ flags: {}, env: {}, file: { path, required: true } });
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const COMMAND = /^\s*(?:\$ |umbrad |(?:npm|npx|node|curl|docker|sudo|systemctl|journalctl) )/;

/** A block without a language may be a drawing or a formula, but not commands. One with a name is a file for what is typed. */
function isUntyped({ language, file, lines }: Block): boolean {
  if (file !== undefined && language === "bash") return false;
  return ["sh", "bash", "yaml"].includes(language) || (language === "" && lines.some((line) => COMMAND.test(line)));
}

test("a block of commands is typed by a test, or there is a reason why not", () => {
  const found = blocks.filter(({ block }) => isUntyped(block)).map(({ page, block }) => `${page}: ${block.lines[0]}`);
  assert.deepEqual(found.toSorted(), untyped.map(({ page, begins }) => `${page}: ${begins}`).toSorted());
});

test("every other block is of a language that is read here, and reads", () => {
  for (const { page, block } of blocks) {
    if (block.language === "console" || block.language === "" || isUntyped(block)) continue;
    const reader = readers[block.language];
    assert.ok(reader, `${page}:${block.line}: nothing reads ${block.language}`);
    assert.doesNotThrow(() => reader(block.lines.join("\n")), `${page}:${block.line}`);
  }
});

test("whole units are understood by systemd, where it is", (t) => {
  const directory = mkdtempSync(join(tmpdir(), "umbrad-unit-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const units = blocks.filter(({ block }) => /\.(?:service|timer)$/.test(block.file ?? ""));
  assert.ok(units.length >= 2);
  for (const { block } of units) {
    // No umbrad is installed here, and none runs as a service: any command that there is, and no order among units.
    const lines = block.lines.filter((line) => !/^(?:Requires|After)=umbrad/.test(line));
    const text = lines.join("\n").replace("ExecStart=umbrad ", "ExecStart=echo ");
    writeFileSync(join(directory, String(block.file)), `${text}\n`);
  }
  const verify = (...files: string[]) =>
    spawnSync("systemd-analyze", ["verify", ...files], { cwd: directory, encoding: "utf8" });
  const { error, status, stderr } = verify(...units.map(({ block }) => `./${block.file}`));
  if (error !== undefined) return t.diagnostic("systemd-analyze is not on this machine");
  assert.deepEqual({ status, stderr }, { status: 0, stderr: "" });
  writeFileSync(join(directory, "wrong.timer"), "[Timer]\nOnCalendar=sometimes\n");
  assert.notEqual(verify("./wrong.timer").stderr, "", "it can fail");
});

test("readers can fail", () => {
  const wrong = {
    js: "const = 1",
    ts: "const a: = 1",
    json: '{"a":}',
    toml: "[log]\nlevle = 1",
    ini: "[Service]\nno",
    bash: "if",
  };
  for (const [language, text] of Object.entries(wrong)) assert.throws(() => readers[language]?.(text), language);
  assert.ok(isUntyped({ line: 1, language: "", file: undefined, lines: ["x", "umbrad run"] }));
});

test("files under config/ that a page names are there", () => {
  const madeByReaders = ["config/docker/passphrase", "config/docker/metrics.token"];
  const errorCodes = ["config/invalid", "config/exists"];
  const named = pages.flatMap((page) => [...textOf(page).matchAll(/(?<![\w/])config\/[\w./-]*\w/g)].map(String));
  assert.ok(named.length > 10);
  assert.deepEqual(
    named.filter((path) => ![...madeByReaders, ...errorCodes].includes(path) && !existsSync(join(root, path))),
    [],
  );
});
