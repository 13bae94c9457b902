/** Commands for the shell that others are typed in. */
import type { Command } from "commander";
import { session } from "../options.ts";

export function declareShell(program: Command): void {
  program
    .command("completion")
    .description("a script that teaches your shell the commands, and the names of your conversations")
    .argument("<shell>", "bash, zsh or fish")
    .action(async (shell, _options, command) =>
      (await import("../command/shell/completion.ts")).completion(session(command), shell),
    );
  // For the scripts only, so it is not in the help.
  program
    .command("complete", { hidden: true })
    .description("names that only the daemon knows, one a line")
    .argument("<kind>", "conversations, contacts, requests, invites, consumers or tokens")
    .action(async (kind, _options, command) =>
      (await import("../command/shell/complete.ts")).complete(session(command), kind),
    );
}
