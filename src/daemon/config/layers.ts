/** Flags, environment and files as layers of settings, each value with the place that it comes from. Combines nothing. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parse, TomlError, type TomlTable } from "smol-toml";
import { z } from "zod";
import type { Environment } from "../../admin/location.ts";
import { nearestName } from "./nearest-name.ts";
import type { ConfigProblem } from "./problem.ts";
import { fileSchema, type SettingKey, settingKeys, settingOf, splitKey } from "./settings.ts";
import { type TomlLines, tomlLines } from "./toml-lines.ts";

/** One value and where it was said. */
export interface Given {
  /** As a file would have it. */
  readonly raw: unknown;
  readonly value: unknown;
  /** `--log-level`, `UMBRAD_LOG_LEVEL`, `/etc/umbrad/config.toml:7` or `default`. */
  readonly origin: string;
}

/** What one source says. */
export type Layer = ReadonlyMap<SettingKey, Given>;

/** Flags by the setting that they are about. */
export type FlagValues = Readonly<Partial<Record<SettingKey, unknown>>>;

/** A configuration file; one that was named must be there. */
export interface ConfigFile {
  readonly path: string;
  readonly required: boolean;
}

export function flagLayer(flags: FlagValues, problems: ConfigProblem[]): Layer {
  return layerOf(
    settingKeys.map((key) => ({ key, raw: flags[key], place: { where: settingOf(key).flag ?? key } })),
    problems,
  );
}

export function environmentLayer(env: Environment, problems: ConfigProblem[]): Layer {
  problems.push(...misspelt(env));
  return layerOf(
    settingKeys.map((key) => {
      const { env: where, schema } = settingOf(key);
      const text = env[where];
      return { key, raw: text === undefined || text === "" ? undefined : fromText(text, schema), place: { where } };
    }),
    problems,
  );
}

/** Read elsewhere, by whoever starts a daemon or a command. */
const otherVariables = ["UMBRAD_CONFIG", "UMBRAD_STATE_DIR", "UMBRAD_SOCKET"];

/** Only what is nearly one of ours: orchestrators set variables of their own that begin with the name of a service. */
function misspelt(env: Environment): ConfigProblem[] {
  const known = [...settingKeys.map((key) => settingOf(key).env), ...otherVariables];
  const unknown = Object.keys(env).filter((name) => name.startsWith("UMBRAD_") && !known.includes(name));
  return unknown.flatMap((where) => {
    const meant = nearestName(where, known);
    return meant === undefined ? [] : [{ where, what: `there is no such variable; did you mean ${meant}?` }];
  });
}

/** The files that there are, the strongest first: `conf.d/*.toml` beside the file, the last name before the others. */
export function fileLayers(
  file: ConfigFile,
  problems: ConfigProblem[],
): { readonly layers: Layer[]; readonly files: string[] } {
  const paths = [file, ...extraFiles(file.path, problems)];
  const read = paths.flatMap(({ path, required }) => {
    const text = readText(path, required, problems);
    return text === undefined ? [] : [{ path, layer: fileLayer(path, text, problems) }];
  });
  return { layers: read.map(({ layer }) => layer).reverse(), files: read.map(({ path }) => path) };
}

interface Said {
  readonly key: SettingKey;
  /** undefined: nothing was said. */
  readonly raw: unknown;
  readonly place: { readonly where: string; readonly line?: number | undefined; readonly inFile?: true };
}

function layerOf(said: readonly Said[], problems: ConfigProblem[]): Layer {
  const layer = new Map<SettingKey, Given>();
  for (const { key, raw, place } of said) {
    if (raw === undefined) continue;
    const { where, line } = place;
    const parsed = settingOf(key).schema.safeParse(raw);
    if (parsed.success)
      layer.set(key, { raw, value: parsed.data, origin: line === undefined ? where : `${where}:${line}` });
    // Of a file all issues are found at once, with those of keys that are no settings.
    else if (place.inFile === undefined) {
      for (const { path, message } of parsed.error.issues)
        problems.push({ where: where + indexes(path), what: message });
    }
  }
  return layer;
}

function fromText(text: string, schema: z.ZodType): unknown {
  switch (z.toJSONSchema(schema, { io: "input" }).type) {
    case "array":
      return text.split(/[\s,]+/).filter(Boolean);
    case "integer":
    case "number":
      return /^\s*[-+.\d]/.test(text) && !Number.isNaN(Number(text)) ? Number(text) : text;
    case "boolean":
      return text === "true" || text === "false" ? text === "true" : text;
    default:
      return text;
  }
}

function extraFiles(path: string, problems: ConfigProblem[]): ConfigFile[] {
  const directory = join(dirname(path), "conf.d");
  try {
    const names = readdirSync(directory).filter((name) => name.endsWith(".toml") && !name.startsWith("."));
    // By code unit, whatever the locale.
    return names.sort().map((name) => ({ path: join(directory, name), required: true }));
  } catch (error) {
    const code = codeOf(error);
    if (!isMissing(code)) problems.push({ where: directory, what: `cannot be read (${code})` });
    return [];
  }
}

function readText(path: string, required: boolean, problems: ConfigProblem[]): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const code = codeOf(error);
    if (!isMissing(code) || required) problems.push({ where: path, what: `cannot be read (${code})` });
    return undefined;
  }
}

function isMissing(code: string): boolean {
  return code === "ENOENT" || code === "ENOTDIR";
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "unknown";
}

function fileLayer(path: string, text: string, problems: ConfigProblem[]): Layer {
  const document = parseToml(path, text, problems);
  if (document === undefined) return new Map();
  const lines = tomlLines(text);
  const parsed = fileSchema.safeParse(document);
  const found = parsed.error?.issues.flatMap((issue) => fileProblems(path, issue, lines)) ?? [];
  // From top to bottom, as whoever mends it goes.
  problems.push(...found.sort((one, other) => (one.line ?? 0) - (other.line ?? 0)));
  return layerOf(
    settingKeys.map((key) => ({
      key,
      raw: rawOf(document, key),
      place: { where: path, line: lines.lineOf(key.split(".")), inFile: true },
    })),
    problems,
  );
}

function parseToml(path: string, text: string, problems: ConfigProblem[]): TomlTable | undefined {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    // Its further lines show the text around, which may be a secret in the wrong place.
    const [what = "not TOML"] = error.message.replace(/^Invalid TOML document: /, "").split("\n");
    problems.push({ where: path, line: error.line, what });
    return undefined;
  }
}

function rawOf(document: TomlTable, key: SettingKey): unknown {
  const [table, name] = splitKey(key);
  const inside: unknown = table === undefined ? document : document[table];
  if (typeof inside !== "object" || inside === null || !Object.hasOwn(inside, name)) return undefined;
  return (inside as TomlTable)[name];
}

function fileProblems(where: string, issue: z.core.$ZodIssue, lines: TomlLines): ConfigProblem[] {
  const isUnknown = issue.code === "unrecognized_keys";
  const paths = isUnknown ? issue.keys.map((name) => [...issue.path, name]) : [issue.path];
  return paths.map((path) => {
    const line = lines.lineOf(path);
    const key = keyText(path);
    const what = isUnknown ? unknownText(key) : issue.message;
    return line === undefined ? { where, key, what } : { where, line, key, what };
  });
}

function unknownText(key: string): string {
  const tables = settingKeys.flatMap((known) => splitKey(known)[0] ?? []);
  const meant = nearestName(key, [...settingKeys, ...new Set(tables)]);
  return meant === undefined ? "there is no such setting" : `there is no such setting; did you mean ${meant}?`;
}

function keyText(path: readonly PropertyKey[]): string {
  const names = path.filter((part) => typeof part !== "number").map((part) => plainName(String(part)));
  return names.join(".") + indexes(path);
}

/** Quoted where TOML would quote it. */
function plainName(name: string): string {
  return /^[\w-]+$/.test(name) ? name : JSON.stringify(name);
}

function indexes(path: readonly PropertyKey[]): string {
  return path.flatMap((part) => (typeof part === "number" ? [`[${part}]`] : [])).join("");
}
