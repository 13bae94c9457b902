/** From argv to an exit code: parsing, the errors of parsing, and nothing of what commands do. */
import { type Command, CommanderError } from "commander";
import { exitCodes } from "../admin/problem.ts";
import { UmbradError } from "../engine/errors.ts";
import { endQuietlyWithoutReader, reportError } from "./output.ts";
import { createProgram } from "./program.ts";

export async function main(args: readonly string[]): Promise<void> {
  endQuietlyWithoutReader();
  const json = wantsJson(args);
  const program = createProgram((help) => json || process.stderr.write(help));
  try {
    await program.parseAsync(args[0] === "help" ? helpWords(program, args.slice(1)) : [...args], { from: "user" });
  } catch (error) {
    const help = helpCommand(program, args);
    const problem = error instanceof CommanderError ? usageProblem(error, help) : error;
    if (problem !== undefined) process.exitCode = reportError(problem, json, help);
  }
}

/** `umbrad help NOUN VERB` is `umbrad NOUN VERB --help`; commander alone takes one word, and shows everything for a wrong one. */
function helpWords(program: Command, given: readonly string[]): string[] {
  const words = given.filter((word) => !word.startsWith("-"));
  const { path } = commandOf(program, words);
  const unknown = words[path.length];
  if (unknown === undefined) return [...path, "--help"];
  throw new UmbradError(
    "cli/usage",
    `there is no command ${JSON.stringify(words.slice(0, path.length + 1).join(" "))}`,
    {
      hint: path.length === 0 ? "umbrad help" : `umbrad help ${path.join(" ")}`,
    },
  );
}

/** The command that the words mean, as far as they mean one; options and their values may stand between them. */
function commandOf(program: Command, words: readonly string[]): { readonly path: readonly string[] } {
  const path: string[] = [];
  let at = program;
  for (const word of words) {
    const below = at.commands.find((command) => command.name() === word);
    if (below === undefined) continue;
    path.push(word);
    at = below;
  }
  return { path };
}

/** What shows the help of the command that was meant. */
function helpCommand(program: Command, args: readonly string[]): string {
  const end = args.indexOf("--");
  return ["umbrad help", ...commandOf(program, end === -1 ? args : args.slice(0, end)).path].join(" ");
}

/** undefined: help or the version was asked for and has been printed. */
function usageProblem(error: CommanderError, help: string): UmbradError | undefined {
  if (error.exitCode === exitCodes.ok) return undefined;
  if (error.code === "commander.help") {
    return new UmbradError("cli/usage", "a command is needed", { hint: help });
  }
  const [what = "", suggestion] = error.message.replace(/^error: /, "").split("\n");
  return new UmbradError("cli/usage", what, { hint: usageHint(what, suggestion, help) });
}

function usageHint(what: string, suggestion: string | undefined, help: string): string {
  if (suggestion !== undefined && suggestion !== "") return suggestion.replace(/^\(|\)$/g, "");
  // A text such as "-5 degrees" looks like an option.
  if (what.startsWith("unknown option")) return `${help}; a text that begins with - comes after --`;
  return `${help} shows what it takes`;
}

/** Parsing may have failed before the option was seen, so this looks for itself. */
function wantsJson(args: readonly string[]): boolean {
  const end = args.indexOf("--");
  return args.slice(0, end === -1 ? args.length : end).includes("--json");
}
