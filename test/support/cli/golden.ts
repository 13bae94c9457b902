/**
 * Golden files: what commands print, kept so that a change is seen in the diff. `UPDATE_GOLDEN=1` writes them anew; look at
 * the difference before you commit it.
 */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { VERSION } from "../../../src/cli/package-version.ts";
import type { CommandResult } from "./umbrad-command.ts";

export function checkGolden(file: string, text: string): void {
  if (process.env["UPDATE_GOLDEN"] === "1") {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    return;
  }
  assert.ok(existsSync(file), `${file} is missing: UPDATE_GOLDEN=1 makes it`);
  assert.equal(text, readFileSync(file, "utf8"), `${file} differs; UPDATE_GOLDEN=1 writes it anew`);
}

/** A mark before each line of stderr, so that both streams can be told apart; nothing for exit code 0. */
export function asText(args: readonly string[], { code, stdout, stderr }: CommandResult): string {
  const marked = stderr.replaceAll(/^(?=.)/gm, "! ");
  return `$ umbrad ${args.join(" ")}\n${stdout}${marked}${code === 0 ? "" : `exit ${code}\n`}\n`;
}

/** Each line of JSON laid out, keys in the order in which they were printed: programs may rely on names, not on order. */
export function asJson(args: readonly string[], { code, stdout, stderr }: CommandResult): string {
  const values = [...stdout.split("\n"), ...stderr.split("\n")].filter((line) => line !== "");
  const records = values.map((line): unknown => JSON.parse(line));
  return `${JSON.stringify({ command: `umbrad ${args.join(" ")}`, exit: code, records }, undefined, 2)}`;
}

/** Times, keys, secrets, paths and sizes of this run. */
export function stable(text: string, directories: readonly string[]): string {
  let result = text;
  directories.forEach((directory, at) => {
    result = result.replaceAll(directory, at === 0 ? "STATE" : "OTHER");
  });
  const fixed = /2026-11-2[29]T1[01]:00:0\d\.000Z/;
  return result
    .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, (time) => (fixed.test(time) ? time : "TIME"))
    .replaceAll(process.cwd(), "CWD")
    .replaceAll(/\b(?!(?:ab|cd)+\b)[0-9a-f]{64}\b/g, "KEY")
    .replaceAll(/umbrad_t(\d)_[\w-]{43}/g, "umbrad_t$1_SECRET")
    .replaceAll(process.versions.node, "NODE")
    .replaceAll(VERSION, "VERSION")
    .replaceAll(
      /\d+ MiB free|\d+ open files|("pid":|"bytes":|"walBytes":)\d+|\b\d{4,} bytes|and \d+ in the log/g,
      (found) => found.replace(/\d+/, "N"),
    );
}
