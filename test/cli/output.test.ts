import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseCount, parseDuration } from "../../src/cli/duration.ts";
import { hintFor } from "../../src/cli/hint.ts";
import { fieldLines, printable, table } from "../../src/cli/output.ts";
import { createProgram } from "../../src/cli/program.ts";
import { globalFlags, shellWord } from "../../src/cli/session.ts";

test("nothing that a peer writes can move the cursor, turn the line or end it", () => {
  const hostile = /[\p{Cc}\u202a-\u202e\u2066-\u2069\u2028\u2029]/u;
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => !hostile.test(printable(text))));
  assert.equal(printable("a\u001b]0;x\u0007\nb"), "a\\u{1b}]0;x\\u{7}\\nb");
  const family = "\u{1F469}\u200D\u{1F4BB} \u00e9";
  assert.equal(printable(family), family);
});

test("fields and tables stand below each other", () => {
  assert.equal(
    fieldLines([
      ["a", "1"],
      ["long", "2"],
    ]),
    "a     1\nlong  2",
  );
  assert.equal(
    table(
      ["A", "B"],
      [
        ["1", "x"],
        ["333", ""],
      ],
    ),
    "A    B\n1    x\n333",
  );
});

test("durations", () => {
  const cases: [string, number][] = [
    ["500ms", 500],
    ["30s", 30_000],
    ["30", 30_000],
    ["1.5s", 1_500],
    ["5m", 300_000],
    ["2h", 7_200_000],
    ["7d", 604_800_000],
  ];
  for (const [text, ms] of cases) assert.equal(parseDuration(text), ms);
  for (const text of ["", "0", "0s", "-1s", "1w", "s", "1 s", "1e3s", "Infinity", "99999d", "0.0001s"]) {
    assert.throws(() => parseDuration(text), { code: "cli/usage" }, text);
  }
  for (const text of ["", "-1", "1.0", "0x10", "1e3", "9".repeat(16)]) {
    assert.throws(() => parseCount(text), { code: "cli/usage" }, text);
  }
});

test("commands that we advise survive a shell", () => {
  assert.equal(globalFlags({ stateDir: "/tmp/a b", socket: "it's" }), " --state-dir '/tmp/a b' --socket 'it'\\''s'");
  assert.equal(shellWord("/plain/path-1.2"), "/plain/path-1.2");
  assert.equal(shellWord(""), "''");
});

test("every error has a next step, and every command in it exists", () => {
  const program = createProgram(() => {});
  const codes = [
    "cli/timeout",
    "message/empty",
    "invite/own",
    "contact/unknown",
    "parked/unknown",
    "store/busy",
    "x/y",
    "internal/bug",
  ];
  for (const code of codes) {
    const hint = hintFor(code, "umbrad help");
    const [, noun = ""] = /umbrad ([a-z]+)/.exec(hint) ?? [];
    assert.ok(["help", ...program.commands.map((command) => command.name())].includes(noun), `${code}: ${hint}`);
  }
});
