/**
 * On which line of a TOML text each key stands: the parser tells lines only of syntax errors. Reads texts that the parser
 * has accepted; of any other it may find too little, but it always ends and never throws.
 */
import { parse } from "smol-toml";

/** Looks up a key by its path; of a value inside an array the nearest line that is known. */
export interface TomlLines {
  lineOf(path: readonly PropertyKey[]): number | undefined;
}

export function tomlLines(text: string): TomlLines {
  const lines = new Scan(text).run();
  return {
    lineOf(path) {
      for (let length = path.length; length > 0; length -= 1) {
        const line = lines.get(pathKey(path.slice(0, length)));
        if (line !== undefined) return line;
      }
      return undefined;
    },
  };
}

function pathKey(path: readonly PropertyKey[]): string {
  return JSON.stringify(path.map(String));
}

class Scan {
  readonly #text: string;
  readonly #lines = new Map<string, number>();
  /** How many `[[headers]]` of a path there have been. */
  readonly #arrays = new Map<string, number>();
  #at = 0;
  #line = 1;
  #countedTo = 0;

  constructor(text: string) {
    this.#text = text;
  }

  run(): Map<string, number> {
    let table: readonly string[] = [];
    for (this.#skipBlank(); this.#at < this.#text.length; this.#skipBlank()) {
      if (this.#text[this.#at] === "[") table = this.#header();
      else this.#pair(table);
    }
    return this.#lines;
  }

  #header(): readonly string[] {
    const isArray = this.#text.startsWith("[[", this.#at);
    const start = this.#at;
    this.#at += isArray ? 2 : 1;
    const named = this.#keyUpTo("]");
    this.#at += isArray ? 2 : 1;
    const table = this.#resolve(named, start);
    if (isArray) {
      const index = (this.#arrays.get(pathKey(table)) ?? -1) + 1;
      this.#arrays.set(pathKey(table), index);
      table.push(String(index));
      this.#note(table, start);
    }
    return table;
  }

  /** Inside an array of tables a name means its newest element. */
  #resolve(named: readonly string[], start: number): string[] {
    const path: string[] = [];
    for (const [at, name] of named.entries()) {
      path.push(name);
      this.#note(path, start);
      const index = at < named.length - 1 ? this.#arrays.get(pathKey(path)) : undefined;
      if (index !== undefined) path.push(String(index));
    }
    return path;
  }

  #pair(table: readonly string[]): void {
    const start = this.#at;
    const path = [...table, ...this.#keyUpTo("=")];
    this.#at += 1;
    // Dotted names make the tables between as they go.
    for (let length = table.length + 1; length <= path.length; length += 1) this.#note(path.slice(0, length), start);
    this.#value(path);
  }

  /** The names before `end`, unquoted by the parser itself. Stays in its line whatever comes. */
  #keyUpTo(end: string): string[] {
    const start = this.#at;
    while (this.#at < this.#text.length && this.#text[this.#at] !== end && this.#text[this.#at] !== "\n") {
      const quote = this.#text[this.#at];
      if (quote === '"' || quote === "'") this.#quoted(quote);
      else this.#at += 1;
    }
    return namesOf(this.#text.slice(start, this.#at));
  }

  #value(path: readonly string[]): void {
    this.#skipSpace();
    const character = this.#text[this.#at];
    if (character === '"' || character === "'") this.#string(character);
    else if (character === "[") this.#array(path);
    else if (character === "{") this.#inlineTable(path);
    else while (this.#at < this.#text.length && !/[,\]}#\n]/.test(this.#text[this.#at] ?? "")) this.#at += 1;
  }

  #array(path: readonly string[]): void {
    this.#at += 1;
    for (let index = 0; this.#enters("]"); index += 1) {
      const element = [...path, String(index)];
      const start = this.#at;
      this.#note(element, start);
      this.#value(element);
      // No value begins so: this is no TOML, and must end all the same.
      if (this.#at === start) this.#at += 1;
    }
    this.#at += 1;
  }

  #inlineTable(path: readonly string[]): void {
    this.#at += 1;
    while (this.#enters("}")) this.#pair(path);
    this.#at += 1;
  }

  /** Whether another element begins before `close`. */
  #enters(close: string): boolean {
    this.#skipBlank();
    if (this.#text[this.#at] === ",") {
      this.#at += 1;
      this.#skipBlank();
    }
    return this.#at < this.#text.length && this.#text[this.#at] !== close;
  }

  #string(quote: string): void {
    const triple = quote.repeat(3);
    if (!this.#text.startsWith(triple, this.#at)) return this.#quoted(quote);
    this.#at += 3;
    while (this.#at < this.#text.length && !this.#text.startsWith(triple, this.#at)) {
      this.#at += quote === '"' && this.#text[this.#at] === "\\" ? 2 : 1;
    }
    this.#at += 3;
    // Up to two quotes may stand before the closing three.
    while (this.#text[this.#at] === quote) this.#at += 1;
  }

  #quoted(quote: string): void {
    this.#at += 1;
    while (this.#at < this.#text.length && this.#text[this.#at] !== quote && this.#text[this.#at] !== "\n") {
      this.#at += quote === '"' && this.#text[this.#at] === "\\" ? 2 : 1;
    }
    this.#at += 1;
  }

  #skipSpace(): void {
    while (this.#text[this.#at] === " " || this.#text[this.#at] === "\t") this.#at += 1;
  }

  #skipBlank(): void {
    for (;;) {
      while (/\s/.test(this.#text[this.#at] ?? "")) this.#at += 1;
      if (this.#text[this.#at] !== "#") return;
      while (this.#at < this.#text.length && this.#text[this.#at] !== "\n") this.#at += 1;
    }
  }

  /** The first place counts: later headers only add to a table. */
  #note(path: readonly string[], at: number): void {
    for (; this.#countedTo < at; this.#countedTo += 1) if (this.#text[this.#countedTo] === "\n") this.#line += 1;
    const key = pathKey(path);
    if (!this.#lines.has(key)) this.#lines.set(key, this.#line);
  }
}

/** `a."b c".d` as three names; what is no key gives none. */
function namesOf(key: string): string[] {
  try {
    const names: string[] = [];
    let table: unknown = parse(`${key} = 0`);
    while (typeof table === "object" && table !== null) {
      const [name] = Object.keys(table);
      if (name === undefined) break;
      names.push(name);
      table = (table as Record<string, unknown>)[name];
    }
    return names;
  } catch {
    return [];
  }
}
