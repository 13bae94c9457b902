// The fenced blocks of the documents, and the commands that a `console` block shows. Knows nothing of running them.
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..", "..", "..");

/** Every page that a reader may type something from; the ADRs only tell of decisions. */
export const pages: readonly string[] = ["*.md", "docs/*.md"]
  .flatMap((pattern) => globSync(pattern, { cwd: root }))
  .sort();

/** The text of a page, by its path in the repository. */
export function textOf(page: string): string {
  return readFileSync(join(root, page), "utf8");
}

/** What stands between two fences. */
export interface Block {
  /** Of the opening fence, from 1. */
  readonly line: number;
  /** The first word after the fence; empty when there is none. */
  readonly language: string;
  /** The second word: the name under which a reader saves the block. */
  readonly file: string | undefined;
  readonly lines: readonly string[];
}

export function blocksOf(text: string): readonly Block[] {
  const blocks: Block[] = [];
  let open: { line: number; language: string; file: string | undefined; lines: string[] } | undefined;
  for (const [index, line] of text.split("\n").entries()) {
    const fence = /^```(\S*)(?: (\S+))?\s*$/.exec(line);
    if (fence === null) open?.lines.push(line);
    else if (open === undefined) open = { line: index + 1, language: fence[1] ?? "", file: fence[2], lines: [] };
    else {
      blocks.push(open);
      open = undefined;
    }
  }
  if (open !== undefined) throw new Error(`the block that begins at line ${open.line} has no end`);
  return blocks;
}

/** A command as a reader types it, and what the page says that it prints. */
export interface ShownCommand {
  readonly line: number;
  readonly text: string;
  /** It is a process of a terminal of its own, which goes on until the end of the page. */
  readonly runsOn: boolean;
  readonly expected: readonly string[];
  readonly exitCode: number;
}

const RUNS_ON = /\s+# runs on$/;
const EXIT = /^\(exit (\d+)\)$/;

/** `$ ` begins a command, `> ` continues it; the rest is what it prints, perhaps with `(exit N)` as its last line. */
export function commandsOf(block: Block): readonly ShownCommand[] {
  const commands: { line: number; typed: string[]; printed: string[] }[] = [];
  for (const [index, line] of block.lines.entries()) {
    const last = commands.at(-1);
    if (line.startsWith("$ ")) commands.push({ line: block.line + 1 + index, typed: [line.slice(2)], printed: [] });
    else if (last === undefined) {
      if (line.trim() !== "") throw new Error(`line ${block.line + 1 + index}: a block begins with a command: $ …`);
    } else if (line.startsWith("> ") && last.printed.length === 0) last.typed.push(line.slice(2));
    else last.printed.push(line.trimEnd());
  }
  return commands.map(({ line, typed, printed }) => {
    // An empty line before the next command is there for the eye.
    while (printed.at(-1) === "") printed.pop();
    const exit = EXIT.exec(printed.at(-1) ?? "");
    const text = typed.join("\n");
    return {
      line,
      text: text.replace(RUNS_ON, ""),
      runsOn: RUNS_ON.test(text),
      expected: exit === null ? printed : printed.slice(0, -1),
      exitCode: Number(exit?.[1] ?? 0),
    };
  });
}
