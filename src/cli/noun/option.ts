/** What declarations of commands share: options with a parser, and the session of an invocation. */
import { type Command, Option } from "commander";
import { parseCount, parseDuration } from "../duration.ts";
import { type GlobalOptions, openSession, type Session } from "../session.ts";

export function durationOption(flags: string, description: string): Option {
  return new Option(flags, description).argParser(parseDuration);
}

export function countOption(flags: string, description: string): Option {
  return new Option(flags, description).argParser(parseCount);
}

export function session(command: Command): Session {
  return openSession(command.optsWithGlobals<GlobalOptions>(), process.env);
}
