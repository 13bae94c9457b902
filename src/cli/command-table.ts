/**
 * Every command, argument and flag as plain data, read off what is declared in `program.ts`: completion scripts and man
 * pages are made of it, so that they cannot say anything else than `umbrad help`.
 */
import type { Argument, Command, Option } from "commander";

/** What belongs at a place of the command line, for completion. */
export type Completion =
  | { readonly kind: "nothing" }
  | { readonly kind: "files" }
  | { readonly kind: "directories" }
  | { readonly kind: "words"; readonly words: readonly string[] }
  /** Names that only the daemon knows: `umbrad complete KIND` prints them. */
  | { readonly kind: "live"; readonly what: LiveKind };

/** What `umbrad complete` can list. */
export const liveKinds = ["conversations", "contacts", "requests", "invites", "consumers", "tokens"] as const;
export type LiveKind = (typeof liveKinds)[number];

export interface ArgumentEntry {
  readonly name: string;
  readonly isRequired: boolean;
  readonly isVariadic: boolean;
  readonly description: string;
  readonly completion: Completion;
}

export interface OptionEntry {
  readonly long: string;
  readonly short: string | undefined;
  /** As help shows it, with the name of its value. */
  readonly flags: string;
  /** The name of its value in angle brackets; undefined for a switch. */
  readonly value: string | undefined;
  readonly description: string;
  readonly isMandatory: boolean;
  readonly completion: Completion;
}

export interface CommandEntry {
  /** Without `umbrad`; empty for the program itself. */
  readonly path: readonly string[];
  readonly description: string;
  readonly arguments: readonly ArgumentEntry[];
  readonly options: readonly OptionEntry[];
  /** Names of the verbs below it. */
  readonly verbs: readonly string[];
}

/** The program first, then every command that help shows, nouns before their verbs. */
export function commandTable(program: Command, path: readonly string[] = []): readonly CommandEntry[] {
  const below = program
    .createHelp()
    .visibleCommands(program)
    .filter((command) => command.name() !== "help");
  const entry: CommandEntry = {
    path,
    description: program.description(),
    arguments: program.registeredArguments.map((argument) => argumentEntry(path, argument)),
    options: program.options.filter(({ hidden }) => !hidden).map((option) => optionEntry(option)),
    verbs: below.map((command) => command.name()),
  };
  return [entry, ...below.flatMap((command) => commandTable(command, [...path, command.name()]))];
}

function argumentEntry(path: readonly string[], argument: Argument): ArgumentEntry {
  const name = argument.name();
  return {
    name,
    isRequired: argument.required,
    isVariadic: argument.variadic,
    description: argument.description,
    completion: completionOf(`${path.join(" ")} ${name}`, name, argument.argChoices),
  };
}

function optionEntry(option: Option): OptionEntry {
  const { long, short, flags, description, mandatory } = option;
  const value = /<([^>]+)>/.exec(flags)?.[1];
  return {
    long: long ?? flags,
    short,
    flags,
    value,
    description,
    isMandatory: mandatory,
    completion: value === undefined ? nothing : completionOf(`${long} ${value}`, value, option.argChoices),
  };
}

const nothing: Completion = { kind: "nothing" };
const live = (what: LiveKind): Completion => ({ kind: "live", what });
const words = (...list: readonly string[]): Completion => ({ kind: "words", words: list });

/** By the name of the place, which says what belongs there; the longer names are for those that it does not tell. */
const completions: Readonly<Record<string, Completion>> = {
  file: { kind: "files" },
  dir: { kind: "directories" },
  conversation: live("conversations"),
  contact: live("contacts"),
  request: live("requests"),
  condition: words("ready", "synced", "outbox-empty"),
  check: words("store", "peers", "subscriptions", "canary", "clock", "history", "outbox"),
  shell: words("bash", "zsh", "fish"),
  "invite show id": live("invites"),
  "invite revoke id": live("invites"),
  "event consumers drop name": live("consumers"),
  "--consumer name": live("consumers"),
  "token revoke name": live("tokens"),
  "--socket path": { kind: "files" },
};

function completionOf(place: string, name: string, choices: readonly string[] | undefined): Completion {
  if (choices !== undefined) return words(...choices);
  return completions[place] ?? completions[name] ?? nothing;
}
