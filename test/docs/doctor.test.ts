// Goal: docs/doctor.md is the table of cli/command/doctor/finding.ts, every code is used, and every command that a finding
// advises exists. Method: the page and the sources as text, held against the table and the declared commands.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { findingCodes } from "../../src/cli/command/doctor/finding.ts";
import { createProgram } from "../../src/cli/program.ts";

const root = join(import.meta.dirname, "..", "..");
const page = readFileSync(join(root, "docs", "doctor.md"), "utf8");
const folder = join(root, "src", "cli", "command", "doctor");
const sources = readdirSync(folder).map((name) => ({ name, text: readFileSync(join(folder, name), "utf8") }));

test("the page has exactly the codes, in order, each with its reason", () => {
  const rows = [...page.matchAll(/^\| `(doctor\/[a-z-]+)` \| [^|]+ \| [^|]+ \| ([^|]+) \|$/gm)];
  assert.deepEqual(Object.fromEntries(rows.map(([, code, why]) => [code, why])), findingCodes);
  assert.deepEqual(
    rows.map(([, code]) => code),
    Object.keys(findingCodes),
  );
});

test("every code can be found", () => {
  const using = sources.filter(({ name }) => name !== "finding.ts").map(({ text }) => text);
  const health = /const remedies[^{]+\{([^}]+)\}/.exec(using.join("\n"))?.[1] ?? "";
  const unused = Object.keys(findingCodes).filter((code) => {
    const check = new RegExp(`^ {2}${code.slice("doctor/".length)}:`, "m");
    return !using.some((text) => text.includes(`"${code}"`)) && !check.test(health);
  });
  assert.deepEqual(unused, []);
});

test("commands that the page and the doctor advise exist", () => {
  const program = createProgram(() => {});
  const known = new Set(
    program.commands.flatMap((noun) => [noun.name(), ...noun.commands.map((verb) => `${noun.name()} ${verb.name()}`)]),
  );
  const texts = [page, ...sources.map(({ text }) => text)].join("\n");
  const advised = [
    ...texts.matchAll(/\bumbrad (store|log|parked|outbox|event|config|wait|reload|init|stop|run) ?([a-z]+)?/g),
  ];
  assert.ok(advised.length > 15);
  for (const [whole, noun = "", verb = ""] of advised) {
    const hasVerbs = program.commands.find((command) => command.name() === noun)?.commands.length !== 0;
    assert.ok(known.has(hasVerbs ? `${noun} ${verb}` : noun), whole);
  }
});
