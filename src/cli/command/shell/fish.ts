/** Completion for fish: one `complete` line for each command, flag and argument. */
import type { CommandEntry, Completion } from "../../command-table.ts";

export function fishScript(table: readonly CommandEntry[]): string {
  const [program, ...commands] = table;
  if (program === undefined) return "";
  return [
    "# Completion of umbrad for fish; made by: umbrad completion fish",
    ...verbTable(table),
    ...valueTable(table),
    driver,
    "complete -c umbrad -f",
    ...program.options.map((option) => optionLine(undefined, option)),
    ...table.flatMap((entry) => verbLines(entry, table)),
    ...commands.flatMap((entry) => entry.options.map((option) => optionLine(entry, option))),
    ...commands.flatMap(argumentLines),
    "",
  ].join("\n");
}

function verbTable(table: readonly CommandEntry[]): string[] {
  const rows = table.filter(({ verbs }) => verbs.length > 0);
  return [
    "function __umbrad_verbs",
    '  switch "$argv"',
    ...rows.map(({ path, verbs }) => `    case ${quoted(path.join(" "))}\n      printf '%s\\n' ${verbs.join(" ")}`),
    "  end",
    "end",
  ];
}

/** Flags that take the next word. */
function valueTable(table: readonly CommandEntry[]): string[] {
  const flags = table.flatMap(({ options }) => options.filter(({ value }) => value !== undefined));
  const names = [...new Set(flags.map(({ long }) => long))];
  return [`set -g __umbrad_value_flags ${names.join(" ")}`];
}

/** \`__umbrad_at PATH [N]\`: whether the cursor is at the N-th argument of that command (0: the first). */
const driver = `function __umbrad_at
  set -l path
  set -l count 0
  set -l skip 0
  for word in (commandline -opc)[2..-1]
    if test $skip = 1
      set skip 0
    else if string match -q -- '-*' $word
      contains -- $word $__umbrad_value_flags; and set skip 1
    else if test $count = 0; and contains -- $word (__umbrad_verbs "$path")
      set path (string trim -- "$path $word")
    else
      set count (math $count + 1)
    end
  end
  test "$path" = "$argv[1]"; or return 1
  test (count $argv) = 1; or test $argv[2] = '*'; or test $argv[2] = $count
end
function __umbrad_live
  set -l words (commandline -opc)
  set -l place
  for at in (seq 2 (count $words))
    if contains -- $words[$at] --state-dir --socket --config; and test $at -lt (count $words)
      set -a place $words[$at] $words[(math $at + 1)]
    end
  end
  $words[1] $place complete $argv[1] 2>/dev/null
end`;

function verbLines({ path, verbs }: CommandEntry, table: readonly CommandEntry[]): string[] {
  return verbs.map((verb) => {
    const below = table.find((entry) => entry.path.join(" ") === [...path, verb].join(" "));
    return `complete -c umbrad -n ${at(path, "0")} -a ${verb} -d ${quoted(below?.description ?? "")}`;
  });
}

function optionLine(entry: CommandEntry | undefined, option: CommandEntry["options"][number]): string {
  const { long, value, description, completion } = option;
  const when = entry === undefined ? "" : ` -n ${at(entry.path)}`;
  const takes = value === undefined ? "" : ` -r${offer(completion)}`;
  return `complete -c umbrad${when} -l ${long.slice(2)}${takes} -d ${quoted(description)}`;
}

function argumentLines(entry: CommandEntry): string[] {
  return entry.arguments.flatMap(({ completion, isVariadic }, index) => {
    if (completion.kind === "nothing") return [];
    return [`complete -c umbrad -n ${at(entry.path, isVariadic ? "*" : String(index))}${offer(completion)}`];
  });
}

function offer(completion: Completion): string {
  switch (completion.kind) {
    case "files":
      return " -F";
    case "directories":
      return " -a '(__fish_complete_directories)'";
    case "words":
      return ` -a ${quoted(completion.words.join(" "))}`;
    case "live":
      return ` -a '(__umbrad_live ${completion.what})'`;
    default:
      return "";
  }
}

function at(path: readonly string[], argument?: string): string {
  const position = argument === undefined ? "" : ` ${quoted(argument)}`;
  return `"__umbrad_at ${quoted(path.join(" "))}${position}"`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
