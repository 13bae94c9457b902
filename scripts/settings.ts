/**
 * Writes what follows from the table of settings: config/umbrad.example.toml and the table in docs/configuration.md.
 * With --check it writes nothing and fails where they differ.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type SettingKey, settingKeys, settingOf, splitKey } from "../src/daemon/config/settings.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const widthMax = 120;

const head = [
  "# Settings of umbrad with their defaults. Copy this file to <state directory>/config.toml or name it with --config.",
  "# Flags win over environment variables (UMBRAD_...), those over files, files over the defaults. The files conf.d/*.toml",
  "# beside this one are read after it, in the order of their names, and win over it. docs/configuration.md has more.",
  "# This file is written by scripts/settings.ts.",
];

/** The whole example file. */
export function renderExample(): string {
  const lines = [...head];
  let table: string | undefined;
  for (const key of settingKeys) {
    const [of, name] = splitKey(key);
    lines.push("");
    if (of !== table) lines.push(`[${of}]`);
    table = of;
    const { about, fallback, example, live } = settingOf(key);
    lines.push(...wrapped(live ? about : `${about} Needs a restart.`));
    if (example !== undefined) lines.push(`# ${name} = ${toml(example)}`);
    if (fallback !== null) lines.push(`${name} = ${toml(fallback)}`);
  }
  return `${lines.join("\n")}\n`;
}

/** The rows of docs/configuration.md, with their head. */
export function renderTable(): string {
  const head = ["setting", "default", "variable", "flag", "reload", "meaning"];
  const rows = settingKeys.map((key) => [`\`${key}\``, ...cellsOf(key)]);
  return [head, head.map(() => "---"), ...rows]
    .map((cells) => `| ${cells.join(" | ")} |`.replaceAll("|  |", "| |"))
    .join("\n");
}

/** The page with its table as it should be. */
export function renderPage(page: string): string {
  return page.replace(/^\| setting \|[\s\S]*?(?=\n\n)/m, () => renderTable());
}

function cellsOf(key: SettingKey): string[] {
  const { about, fallback, env, live } = settingOf(key);
  const { flag } = settingOf(key);
  const initial = fallback === null ? "" : `\`${toml(fallback)}\``;
  return [initial, `\`${env}\``, flag === undefined ? "" : `\`${flag}\``, live ? "yes" : "restart", about];
}

/** Settings are strings, numbers, booleans and lists of them: there TOML and JSON are alike. */
function toml(value: unknown): string {
  return Array.isArray(value) ? `[${value.map(toml).join(", ")}]` : JSON.stringify(value);
}

function wrapped(text: string): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= widthMax) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(`# ${word}`);
  }
  return lines;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const isCheck = process.argv.includes("--check");
  const [example, page] = ["config/umbrad.example.toml", "docs/configuration.md"].map((name) => join(root, name)) as [
    string,
    string,
  ];
  const wanted: [string, string][] = [
    [example, renderExample()],
    [page, renderPage(readFileSync(page, "utf8"))],
  ];
  for (const [path, text] of wanted) {
    if (!isCheck) writeFileSync(path, text);
    else if (readFileSync(path, "utf8") !== text) {
      console.error(`${path} is not what the settings say: node scripts/settings.ts`);
      process.exitCode = 1;
    }
  }
}
