// Goal: no page names a command or flag that is not there, also where nothing is typed. Method: hold every `umbrad …` of
// every such block and of every inline code against the commands that cli/program.ts declares.
import assert from "node:assert/strict";
import { test } from "node:test";
import { commandTable } from "../../../src/cli/command-table.ts";
import { createProgram } from "../../../src/cli/program.ts";
import { blocksOf, pages, textOf } from "./blocks.ts";

const program = createProgram(() => {});
const entries = new Map(commandTable(program).map((entry) => [entry.path.join(" "), entry]));
const everywhere = program.options.map(({ long }) => long);

/** What is wrong with the words after `umbrad`; `isTyped`: it has to be a whole command, not the name of a group. */
function faultOf(line: string, isTyped: boolean): string | undefined {
  const all = line.trim().split(/\s+/);
  if (all[0] === "help") return undefined;
  const name = [3, 2, 1].map((count) => all.slice(0, count).join(" ")).find((path) => entries.has(path));
  const entry = entries.get(name ?? "");
  if (name === undefined || entry === undefined) return "no such command";
  if (isTyped && entry.verbs.length > 0 && entry.options.length === 0) return "a group of commands, and none of them";
  const known = [...entry.options.map(({ long }) => long), ...everywhere, "--help"];
  const flags = all.map((word) => /^--[a-z0-9-]+/.exec(word)?.[0]).filter((flag) => flag !== undefined);
  const unknown = flags.filter((flag) => !known.includes(flag));
  return unknown.length === 0 ? undefined : `no ${unknown.join(", ")}`;
}

/** `sudo -u umbrad umbrad init`: the last one is the command. */
const TYPED = /(?<![\w/.-])umbrad (?!umbrad )([a-z][^#|;&)"`]*)/g;

/** What is typed by a test shows there that it exists. */
function inBlocks(page: string): readonly string[] {
  return blocksOf(page)
    .filter(({ language }) => !["console", "ts", "js", "json"].includes(language))
    .flatMap(({ lines }) => lines.flatMap((line) => [...line.matchAll(TYPED)].map(([, words = ""]) => words)));
}

function inText(page: string): readonly string[] {
  const text = page.replaceAll(/^```[\s\S]*?^```/gm, "");
  return [...text.matchAll(/`(?:npx )?umbrad ([a-z][^`]*)`/g)].map(([, words = ""]) => words);
}

test("every command line of every page is one that there is", () => {
  let count = 0;
  const faults: string[] = [];
  for (const page of pages) {
    const text = textOf(page);
    for (const [isTyped, lines] of [
      [true, inBlocks(text)],
      [false, inText(text)],
    ] as const) {
      for (const line of lines) {
        const fault = faultOf(line, isTyped);
        if (fault !== undefined) faults.push(`${page}: umbrad ${line}: ${fault}`);
        count += 1;
      }
    }
  }
  assert.deepEqual(faults, []);
  assert.ok(count > 150, `${count} command lines found`);
});

test("this can fail", () => {
  assert.equal(faultOf("send c1 hello --wait delivered --json", true), undefined);
  assert.equal(faultOf("sned c1", true), "no such command");
  assert.equal(faultOf("send c1 hello --wiat delivered", true), "no --wiat");
  assert.equal(faultOf("store", true), "a group of commands, and none of them");
  assert.equal(faultOf("store", false), undefined);
  const page = "```sh\nsudo -u umbrad umbrad init --x # umbrad y\n```\n`npx umbrad z`\n";
  assert.deepEqual([inBlocks(page), inText(page)], [["init --x ", "y"], ["z"]]);
});
