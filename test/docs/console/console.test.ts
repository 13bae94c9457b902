// Goal: the test of the documents' console blocks can fail. Method: small pages made up here, right ones and wrong ones,
// typed into real shells as the real pages are.
import assert from "node:assert/strict";
import { test } from "node:test";
import { blocksOf } from "./blocks.ts";
import { Values } from "./expected.ts";
import { Terminals } from "./terminal.ts";
import { typePage } from "./type-page.ts";

const page = (...lines: string[]): string => ["Text.", "```console", ...lines, "```", ""].join("\n");

const right: Readonly<Record<string, readonly string[]>> = {
  "a line as it is": ["$ echo one", "one", "$ true"],
  "any text in a line": ["$ echo one two three", "one … three"],
  "any number of lines": ["$ seq 1 9", "1", "...", "9", "$ seq 1 2", "1", "...", "2"],
  "another exit code": ["$ umbrad sned", "umbrad: unknown command …", "...", "(exit 64)"],
  "both streams in their order": ["$ echo a; echo b >&2; echo c", "a", "b", "c"],
  "a value that is used later": ["$ echo 'at 4711'", "at PORT", "$ test PORT = 4711", "$ echo 4711 4711", "PORT PORT"],
  "values of the same kind": ["$ echo 1 2", "PORT-OF-ONE PORT-OF-TWO", "$ echo PORT-OF-TWO", "2"],
  "lines that continue": ["$ cat <<end", "> one", "> end", "one"],
  "an empty line for the eye": ["$ echo one", "one", "", "$ echo two", "two"],
  "what runs on": ["$ echo up; exec sleep 600  # runs on", "up", "$ echo next", "next"],
  "umbrad of this checkout": ["$ npx umbrad version", "umbrad … (Node.js …)"],
};

for (const [what, lines] of Object.entries(right)) {
  test(`a page may show ${what}`, async (t) => {
    const terminals = new Terminals(t, 20_000);
    assert.ok((await typePage(what, page(...lines), terminals, new Values())) > 0);
    assert.deepEqual(await terminals.interrupt(), []);
  });
}

const wrong: readonly (readonly [RegExp, readonly string[]])[] = [
  [/p:3: echo one\n.*does not fit: two\n--- shown\ntwo\n--- printed\none/s, ["$ echo one", "two"]],
  [/p:4: seq 1 3\nmore was printed/, ["$ true", "$ seq 1 3", "1", "2"]],
  [/does not fit: 4/, ["$ seq 1 3", "1", "...", "4"]],
  [/does not fit: x…/, ["$ true", "$ echo yx", "x…"]],
  [/exit code 0 instead of 78/, ["$ true", "(exit 78)"]],
  [/exit code 3 instead of 0/, ["$ exit 3"]],
  [/exit code 64 instead of 1/, ["$ umbrad sned", "...", "(exit 1)"]],
  [/not within 300 ms: the end of: sleep 600\nIt printed:/, ["$ sleep 600"]],
  [/not within 300 ms: what is shown/, ["$ echo down; exec sleep 600 # runs on", "up"]],
  [/has ended with 1: false/, ["$ false # runs on", "up"]],
  [/show a line that says that it is up/, ["$ sleep 600 # runs on"]],
  [/PORT is used, and no output above shows it/, ["$ echo PORT"]],
  [/does not fit: PORT PORT/, ["$ echo 1 2", "PORT PORT"]],
  [/does not fit: PORT/, ["$ echo 1", "PORT", "$ echo 12", "PORT"]],
  [/line 3: a block begins with a command/, ["echo one"]],
];

for (const [why, lines] of wrong) {
  test(`a page fails that shows ${lines.join("; ")}`, async (t) => {
    const terminals = new Terminals(t, lines[0]?.includes("sleep") ? 300 : 20_000);
    await assert.rejects(typePage("p", page(...lines), terminals, new Values()), why);
  });
}

test("a block without an end is not overlooked", () => {
  assert.throws(() => blocksOf("```console\n$ true\n"), /line 1 has no end/);
});

test("umbrad must end with 0 on Ctrl-C", async (t) => {
  const terminals = new Terminals(t, 20_000);
  // The shell says 130 for a pipe whose last program was interrupted.
  await typePage("p", page("$ umbrad devnet --json | cat  # runs on", "{…"), terminals, new Values());
  assert.match((await terminals.interrupt()).join(), /devnet.*ended with 130/s);
});
