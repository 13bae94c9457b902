/** The command table as `case` lists, which bash and zsh share: they read the same shell code. */
import type { CommandEntry, Completion } from "../../command-table.ts";

/** Shell code in a template writes `#{` for it, so that it is not taken for a placeholder of ours. */
export const shellBrace: string = ["$", "{"].join("");

/**
 * Four functions of a path (`" invite create"`, with a space before each word) and perhaps of a word:
 * `_umbrad_verbs`, `_umbrad_flags`, `_umbrad_value` (what a flag takes; fails for a switch), `_umbrad_place` (what the
 * n-th argument is).
 */
export function caseFunctions(table: readonly CommandEntry[]): string {
  const [program, ...commands] = table;
  if (program === undefined) return "";
  const all = [program, ...commands];
  const globals = program.options;
  const globalValues = globals.flatMap(({ long, value, completion }) =>
    value === undefined ? [] : [`    *:${long}) echo ${quoted(completionWord(completion))} ;;`],
  );
  return [
    ...caseFunction(
      "_umbrad_verbs",
      all.map((entry) => [pathOf(entry), entry.verbs.join(" ")]),
    ),
    ...caseFunction(
      "_umbrad_flags",
      commands.map((entry) => [pathOf(entry), entry.options.map(({ long }) => long).join(" ")]),
      [...globals.map(({ long }) => long), "--help"].join(" "),
    ),
    "_umbrad_value() {",
    '  case "$1:$2" in',
    ...commands.flatMap((entry) =>
      entry.options.flatMap(({ long, value, completion }) =>
        value === undefined
          ? []
          : [`    ${quoted(`${pathOf(entry)}:${long}`)}) echo ${quoted(completionWord(completion))} ;;`],
      ),
    ),
    ...globalValues,
    "    *) return 1 ;;",
    "  esac",
    "}",
    "_umbrad_place() {",
    '  case "$1:$2" in',
    ...commands.flatMap((entry) =>
      entry.arguments.flatMap(({ completion, isVariadic }, at) =>
        completion.kind === "nothing"
          ? []
          : [
              `    ${quoted(`${pathOf(entry)}:`)}${isVariadic ? "*" : at}) echo ${quoted(completionWord(completion))} ;;`,
            ],
      ),
    ),
    "  esac",
    "}",
  ].join("\n");
}

function caseFunction(name: string, rows: readonly (readonly [string, string])[], always = ""): string[] {
  const lines = rows.flatMap(([path, words]) =>
    words === "" ? [] : [`    ${quoted(path)}) echo ${quoted(words)} ;;`],
  );
  return [
    `${name}() {`,
    ...(always === "" ? [] : [`  echo ${quoted(always)}`]),
    '  case "$1" in',
    ...lines,
    "  esac",
    "}",
  ];
}

function pathOf({ path }: CommandEntry): string {
  return path.map((word) => ` ${word}`).join("");
}

/** `files`, `words a b`, `live conversations`. */
function completionWord(completion: Completion): string {
  switch (completion.kind) {
    case "words":
      return `words ${completion.words.join(" ")}`;
    case "live":
      return `live ${completion.what}`;
    default:
      return completion.kind;
  }
}

/** Our own words have no quotes in them. */
function quoted(text: string): string {
  return `'${text}'`;
}
