// Holds what was printed against what a page shows. Knows no process.

/**
 * Upper-case words that stand for a value, and what the value looks like. Where the output of a page first has the word, the
 * value is read off what was printed; from there on the word means this value, in commands and in output.
 */
export const words: Readonly<Record<string, string>> = {
  /** Of a service node. */
  ADDRESS: String.raw`/ip4/127\.0\.0\.1/tcp/\d+/p2p/\w+`,
  /** An invite link. */
  LINK: String.raw`logos_umbraintro_1_[\w-]+`,
  /** Of a message. */
  ID: "[0-9a-f]{32}",
  /** Of an invite link, a parked envelope and whatever else is short. */
  NAME: String.raw`[\w-]+`,
  TOKEN: String.raw`umbrad_[\w-]+`,
  PORT: String.raw`\d+`,
  SEQ: String.raw`\d+`,
  /** What two people compare. */
  NUMBER: String.raw`[\d ]+\d`,
  /** A file or directory that a command made and named. */
  FILE: String.raw`[\w./-]+`,
};

/** A word may say whose value it is: ADDRESS-OF-TWO. */
const WORD = new RegExp(String.raw`\b(${Object.keys(words).join("|")})(-OF-[A-Z]+)?\b`, "g");

/** The values that the words of a page have so far; what is not there is asked of the page that it goes on from. */
export class Values {
  readonly #own = new Map<string, string>();
  readonly #before: Values | undefined;

  constructor(before?: Values) {
    this.#before = before;
  }

  get(word: string): string | undefined {
    return this.#own.get(word) ?? this.#before?.get(word);
  }

  /** Only those that this page has shown itself. */
  own(word: string): string | undefined {
    return this.#own.get(word);
  }

  set(word: string, value: string): void {
    this.#own.set(word, value);
  }

  /** A command as it is typed, with the values in the places of the words. */
  fill(command: string): string {
    return command.replaceAll(WORD, (word) => {
      const value = this.get(word);
      if (value === undefined) throw new Error(`${word} is used, and no output above shows it`);
      return value;
    });
  }
}

/** Undefined when the lines are what was expected; otherwise what is wrong. New values are kept. `mayGoOn`: more may follow. */
export function difference(
  expected: readonly string[],
  printed: string,
  values: Values,
  mayGoOn = false,
): string | undefined {
  // Of what is still running, the last line may be half of one.
  const text = (mayGoOn ? printed.slice(0, printed.lastIndexOf("\n") + 1) : printed)
    .split("\n")
    .map((line) => `${line.trimEnd()}\n`)
    .join("")
    .replace(/\n+$/, "\n")
    .replace(/^\n$/, "");
  const found = match(expected, text, values, mayGoOn);
  if (found !== undefined) {
    for (const [word, value] of found) values.set(word, value);
    return undefined;
  }
  let good = 0;
  while (good < expected.length && match(expected.slice(0, good + 1), text, values, true) !== undefined) good += 1;
  const wrong =
    good < expected.length ? `the first line that does not fit: ${expected[good]}` : "more was printed than is shown";
  return `${wrong}\n--- shown\n${expected.join("\n")}\n--- printed\n${text}---`;
}

function match(
  expected: readonly string[],
  text: string,
  values: Values,
  mayGoOn: boolean,
): Map<string, string> | undefined {
  const fresh: string[] = [];
  const lines = expected.map((line) => {
    if (line === "...") return "(?:[^\\n]*\\n)*?";
    return `${line
      .split("…")
      .map((part) => pattern(part, values, fresh))
      .join("[^\\n]*?")}\\n`;
  });
  const groups = new RegExp(`^${lines.join("")}${mayGoOn ? "" : "$"}`).exec(text);
  if (groups === null) return undefined;
  return new Map(fresh.map((word, index) => [word, groups[index + 1] ?? ""]));
}

/** `fresh` takes the words that have no value yet, in the order of their groups. */
function pattern(part: string, values: Values, fresh: string[]): string {
  let source = "";
  let from = 0;
  for (const found of part.matchAll(WORD)) {
    const [word, kind = ""] = found;
    source += literally(part.slice(from, found.index));
    from = found.index + word.length;
    const value = values.own(word);
    const group = fresh.indexOf(word);
    if (value !== undefined) source += literally(value);
    else if (group >= 0) source += `\\${group + 1}(?!\\d)`;
    else {
      fresh.push(word);
      source += `(${words[kind]})`;
    }
  }
  return source + literally(part.slice(from));
}

function literally(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
}
