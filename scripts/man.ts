/** Makes man pages of the command table, one for each command and `umbrad(1)` for all: part of the build. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { exitCodes } from "../src/admin/problem.ts";
import { type CommandEntry, commandTable } from "../src/cli/command-table.ts";
import { createProgram } from "../src/cli/program.ts";

export interface ManPage {
  /** `umbrad-invite-create.1`. */
  readonly file: string;
  readonly text: string;
}

const manifest: { version: string } = JSON.parse(
  readFileSync(fileURLToPath(new URL("../package.json", import.meta.url)), "utf8"),
);

export function manPages(): ManPage[] {
  const table = commandTable(createProgram(() => {}));
  const [program, ...commands] = table;
  if (program === undefined) throw new Error("there is no program");
  return [programPage(program, commands), ...commands.map((entry) => commandPage(entry, program, table))].map(
    ({ name, lines }) => ({ file: `${name}.1`, text: `${lines.join("\n")}\n` }),
  );
}

interface Page {
  readonly name: string;
  readonly lines: readonly string[];
}

function programPage(program: CommandEntry, commands: readonly CommandEntry[]): Page {
  const rows = commands
    .filter(({ verbs, options }) => verbs.length === 0 || options.length > 0)
    .flatMap((entry) => [".TP", `.B ${words(entry)}${argumentText(entry)}`, prose(entry.description)]);
  const codes = Object.entries(exitCodes).flatMap(([name, code]) => [".TP", `.B ${code}`, prose(spaced(name))]);
  const lines = [
    ...head("umbrad", program.description),
    ".SH SYNOPSIS",
    ".B umbrad",
    roff("[options] command [arguments]"),
    ".SH COMMANDS",
    "Each has a page of its own, for instance",
    ".BR umbrad-send (1).",
    ...rows,
    ".SH OPTIONS",
    "Every command takes these.",
    ...optionLines(program),
    ".SH EXIT STATUS",
    ...codes,
    ".SH ENVIRONMENT",
    ...["UMBRAD_STATE_DIR", "UMBRAD_CONFIG", "UMBRAD_SOCKET"].flatMap((name, at) => {
      const flag = program.options.find(({ long }) => long === ["--state-dir", "--config", "--socket"][at]);
      return [".TP", `.B ${name}`, prose(`as ${flag?.flags ?? ""}`)];
    }),
    ".TP",
    ".B UMBRAD_*",
    "Settings; see docs/configuration.md.",
  ];
  return { name: "umbrad", lines };
}

function commandPage(entry: CommandEntry, program: CommandEntry, table: readonly CommandEntry[]): Page {
  const name = ["umbrad", ...entry.path].join("-");
  const below = entry.verbs.flatMap((verb) =>
    table.filter(({ path }) => path.join(" ") === [...entry.path, verb].join(" ")),
  );
  const verbs = below.flatMap((verb) => [".TP", `.B ${words(verb)}${argumentText(verb)}`, prose(verb.description)]);
  const places = entry.arguments.flatMap((argument) => [
    ".TP",
    `.I ${roff(argument.name)}`,
    prose(argument.description),
  ]);
  const hasOwnUse = entry.verbs.length === 0 || entry.options.length > 0;
  const lines = [
    ...head(name, entry.description),
    ".SH SYNOPSIS",
    `.B umbrad ${words(entry)}`,
    roff(`${hasOwnUse ? `[options]${argumentText(entry, false)}` : "verb [options] [arguments]"}`),
    ".SH DESCRIPTION",
    prose(sentence(entry.description)),
    ...(verbs.length === 0 ? [] : [".SH VERBS", ...verbs]),
    ...(places.length === 0 ? [] : [".SH ARGUMENTS", ...places]),
    ...(entry.options.length === 0 ? [] : [".SH OPTIONS", ...optionLines(entry)]),
    ".SH GLOBAL OPTIONS",
    ...optionLines(program),
    ".SH SEE ALSO",
    ".BR umbrad (1)",
  ];
  return { name, lines };
}

function head(name: string, description: string): string[] {
  return [
    `.TH ${name.toUpperCase().replaceAll("-", "\\-")} 1 "" "umbrad ${manifest.version}" "umbrad"`,
    ".SH NAME",
    `${roff(name)} \\- ${roff(description)}`,
  ];
}

function optionLines({ options }: CommandEntry): string[] {
  return options.flatMap(({ flags, description, completion, isMandatory }) => {
    const choices = completion.kind === "words" ? ` One of: ${completion.words.join(", ")}.` : "";
    const needed = isMandatory ? " Needed." : "";
    return [".TP", `.B ${roff(flags)}`, prose(`${sentence(description)}${choices}${needed}`)];
  });
}

function words({ path }: CommandEntry): string {
  return roff(path.join(" "));
}

function argumentText({ arguments: all }: CommandEntry, escaped = true): string {
  const texts = all.map(({ name, isRequired, isVariadic }) => {
    const inside = `${name}${isVariadic ? "..." : ""}`;
    return isRequired ? ` <${inside}>` : ` [${inside}]`;
  });
  return escaped ? roff(texts.join("")) : texts.join("");
}

function sentence(text: string): string {
  const capital = `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
  return capital === "" || capital.endsWith(".") ? capital : `${capital}.`;
}

function spaced(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

/** A line of text of its own: one that began with a dot or an apostrophe would be a request. */
function prose(text: string): string {
  return text === "" ? "\\&" : roff(text).replace(/^([.'])/, "\\&$1");
}

/** Hyphens that can be copied, and no accidental escapes. */
function roff(text: string): string {
  return text.replaceAll("\\", "\\e").replaceAll("-", "\\-").replaceAll("…", "...");
}

/** Into a directory that is made for them. */
export function writeManPages(directory: string): void {
  mkdirSync(directory, { recursive: true });
  for (const { file, text } of manPages()) writeFileSync(join(directory, file), text);
}
