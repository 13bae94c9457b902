// Types the console blocks of a page, in their order, into terminals, and holds what is printed against what is shown.
import { spawnSync } from "node:child_process";
import { blocksOf, commandsOf, type ShownCommand } from "./blocks.ts";
import { difference, type Values } from "./expected.ts";
import type { Terminals } from "./terminal.ts";

/** A program that the page's commands need and this machine does not have. */
export function missingProgram(text: string): string | undefined {
  const lines = blocksOf(text).flatMap((block) => block.lines);
  const needed = programs.filter((program) =>
    lines.some((line) => new RegExp(`^\\W*(?:until )?${program} `).test(line)),
  );
  return needed.find((program) => spawnSync(program, ["--version"]).error !== undefined);
}

/** Of those that documents use, the ones that a machine may not have. */
const programs: readonly string[] = ["curl", "python3", "jq"];

/** Throws at the first command that does something else than the page says. */
export async function typePage(page: string, text: string, terminals: Terminals, values: Values): Promise<number> {
  let count = 0;
  for (const block of blocksOf(text)) {
    if (block.file !== undefined) terminals.save(block.file, `${block.lines.join("\n")}\n`);
    if (block.language !== "console") continue;
    for (const command of commandsOf(block)) {
      const fault = await type(command, terminals, values).catch(String);
      if (fault !== undefined) throw new Error(`${page}:${command.line}: ${command.text}\n${fault}`);
      count += 1;
    }
  }
  return count;
}

async function type(command: ShownCommand, terminals: Terminals, values: Values): Promise<string | undefined> {
  const { text, expected, exitCode } = command;
  if (command.runsOn) {
    if (expected.length === 0) return "show a line that says that it is up, so that the next command can wait for it";
    await terminals.start(values.fill(text), (printed) => difference(expected, printed, values, true) === undefined);
    return undefined;
  }
  const { printed, code } = await terminals.run(values.fill(text));
  if (code !== exitCode) return `exit code ${code} instead of ${exitCode}\n--- printed\n${printed}---`;
  return difference(expected, printed, values);
}
