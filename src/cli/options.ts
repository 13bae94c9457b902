/** What several commands take, and the session that each begins with. */
import { type Command, Option } from "commander";
import { parseCount, parseDuration } from "./duration.ts";
import { type GlobalOptions, openSession, type Session } from "./session.ts";

export function withPassphrase(command: Command): Command {
  return command
    .option("--passphrase-file <file>", "a file that only you can read, with the passphrase")
    .addOption(countOption("--passphrase-fd <n>", "an open file descriptor that gives the passphrase"));
}

export function networkOption(): Option {
  return new Option("--network <name>", "which Waku network").choices(["devnet", "logos.test", "logos.dev", "custom"]);
}

export function durationOption(flags: string, description: string): Option {
  return new Option(flags, description).argParser(parseDuration);
}

export function countOption(flags: string, description: string): Option {
  return new Option(flags, description).argParser(parseCount);
}

export function collect(value: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), value];
}

export function session(command: Command): Session {
  return openSession(command.optsWithGlobals<GlobalOptions>(), process.env);
}
