/** From argv to an exit code: parsing, the errors of parsing, and nothing of what commands do. */
import { CommanderError } from "commander";
import { exitCodes } from "../admin/problem.ts";
import { UmbradError } from "../engine/errors.ts";
import { endQuietlyWithoutReader, reportError } from "./output.ts";
import { createProgram } from "./program.ts";

export async function main(args: readonly string[]): Promise<void> {
  endQuietlyWithoutReader();
  const json = wantsJson(args);
  try {
    await createProgram((help) => json || process.stderr.write(help)).parseAsync(args, { from: "user" });
  } catch (error) {
    const problem = error instanceof CommanderError ? usageProblem(error) : error;
    if (problem !== undefined) process.exitCode = reportError(problem, json);
  }
}

/** undefined: help or the version was asked for and has been printed. */
function usageProblem(error: CommanderError): UmbradError | undefined {
  if (error.exitCode === exitCodes.ok) return undefined;
  if (error.code === "commander.help") {
    return new UmbradError("cli/usage", "a command is needed", { hint: "umbrad help" });
  }
  const [what = "", suggestion] = error.message.replace(/^error: /, "").split("\n");
  return new UmbradError("cli/usage", what, { hint: usageHint(what, suggestion) });
}

function usageHint(what: string, suggestion: string | undefined): string {
  if (suggestion !== undefined && suggestion !== "") return suggestion.replace(/^\(|\)$/g, "");
  // A text such as "-5 degrees" looks like an option.
  if (what.startsWith("unknown option")) return "umbrad help COMMAND; a text that begins with - comes after --";
  return "umbrad help COMMAND shows what it takes";
}

/** Parsing may have failed before the option was seen, so this looks for itself. */
function wantsJson(args: readonly string[]): boolean {
  const end = args.indexOf("--");
  return args.slice(0, end === -1 ? args.length : end).includes("--json");
}
