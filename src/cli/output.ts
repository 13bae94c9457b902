/** Where a command writes: data on stdout (text or --json), everything else on stderr. Knows no command. */
import { type ErrorView, errorView, problemOf } from "../admin/problem.ts";
import { hintFor } from "./hint.ts";

export interface Output {
  readonly json: boolean;
  /** The answer of a command: the object with --json, else the text. */
  answer(value: object, text: string): void;
  /** One record of a stream: a line of NDJSON, or of text. Resolves when the reader keeps up. */
  record(value: object, text: string): Promise<void>;
  /** The same; resolves when the whole line is out of this process, and never when it cannot get out. */
  handOver(value: object, text: string): Promise<void>;
  /** For people: never data, and silent with --json. */
  note(text: string): void;
}

export function createOutput(json: boolean): Output {
  const lineOf = (value: object, text: string): string => (json ? `${JSON.stringify(value)}\n` : ended(text));
  return {
    json,
    answer(value, text) {
      process.stdout.write(json ? `${JSON.stringify(value)}\n` : ended(text));
    },
    record(value, text) {
      if (process.stdout.write(lineOf(value, text))) return Promise.resolve();
      return new Promise((resolve) => process.stdout.once("drain", resolve));
    },
    handOver(value, text) {
      return new Promise((resolve) => {
        // A write that failed ends the process: see endQuietlyWithoutReader.
        process.stdout.write(lineOf(value, text), (error) => {
          if (error === undefined || error === null) resolve();
        });
      });
    },
    note(text) {
      if (!json) process.stderr.write(ended(text));
    },
  };
}

/** A reader that has enough (`| head`) is no error: the command ends with 0. Nobody reading errors changes nothing. */
export function endQuietlyWithoutReader(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
    throw error;
  });
  process.stderr.on("error", () => {});
}

/** What, why, the next command; and the exit code of the error. `help` shows the help of the command that was meant. */
export function reportError(error: unknown, json: boolean, help: string): number {
  const said = errorView(error);
  // The hint of a request is for whoever wrote it; here somebody typed a command.
  const own = said.code === "request/invalid" ? undefined : said.hint;
  const view: ErrorView = { ...said, hint: own ?? hintFor(said.code, help) };
  process.stderr.write(json ? `${JSON.stringify({ error: view })}\n` : errorText(view));
  // Only people at a terminal of ours see this, and a bug without a stack cannot be reported.
  if (view.code === "internal/bug" && error instanceof Error) process.stderr.write(`${error.stack ?? error.message}\n`);
  return problemOf(view.code).exitCode;
}

function errorText({ message, hint, code }: ErrorView): string {
  const advice = hint === undefined ? "" : `  next: ${printable(hint)}\n`;
  return `umbrad: ${printable(message)} [${code}]\n${advice}`;
}

/**
 * Peers choose texts and names: control characters would let them write to the operator's terminal, and bidirectional
 * overrides would let them rearrange the line. Line breaks and tabs become visible too.
 */
export function printable(text: string): string {
  return text.replace(hostile, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return code === 10 ? "\\n" : `\\u{${code.toString(16)}}`;
  });
}

/** Not all of Cf: the zero-width joiner is part of many emoji. */
const hostile = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/gu;

/** `name  value` lines with the values below each other. */
export function fieldLines(fields: readonly (readonly [string, string])[]): string {
  const width = Math.max(...fields.map(([name]) => name.length));
  return fields.map(([name, value]) => `${name.padEnd(width)}  ${printable(value)}`).join("\n");
}

/** Columns as wide as their widest cell; no line when there are no rows. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [header, ...rows.map((row) => row.map(printable))];
  const widths = header.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  return cells
    .map((row) =>
      row
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

function ended(text: string): string {
  return text === "" || text.endsWith("\n") ? text : `${text}\n`;
}
