// Goal: config/umbrad.example.toml and docs/configuration.md say what the settings are. Method: they are what
// scripts/settings.ts writes; and, without it, the example is read as TOML and held against the schema and the defaults.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parse, type TomlTable } from "smol-toml";
import { renderExample, renderPage } from "../../scripts/settings.ts";
import { logComponents } from "../../src/admin/log/log-view.ts";
import { loadConfig } from "../../src/daemon/config/config.ts";
import { configJsonSchema } from "../../src/daemon/config/config-file.ts";
import { fileSchema, type SettingKey, settingKeys, settingOf } from "../../src/daemon/config/settings.ts";
import { EVENTS_AGE_MAX_MS, EVENTS_MAX, UNACKNOWLEDGED_AGE_MAX_MS } from "../../src/engine/limits.ts";

const root = join(import.meta.dirname, "..", "..");
const examplePath = join(root, "config", "umbrad.example.toml");
const example = readFileSync(examplePath, "utf8");
const page = readFileSync(join(root, "docs", "configuration.md"), "utf8");
const advice = "run: node scripts/settings.ts";

function valueIn(document: TomlTable, key: SettingKey): unknown {
  return key.split(".").reduce<unknown>((table, name) => (table as TomlTable | undefined)?.[name], document);
}

test("the example and the page are what the settings make of them", () => {
  assert.equal(example, renderExample(), advice);
  assert.equal(page, renderPage(page), advice);
  for (const key of settingKeys) assert.ok(page.includes(`| \`${key}\` | `), `${key}: ${advice}`);
});

test("every setting stands in the example with its default, and nothing else does", () => {
  const document = parse(example);
  assert.deepEqual(fileSchema.safeParse(document).error?.issues, undefined);
  for (const key of settingKeys) {
    const { fallback } = settingOf(key);
    assert.deepEqual(valueIn(document, key), fallback ?? undefined, `${key}: ${advice}`);
  }
  const file = { path: examplePath, required: true };
  const nothing = { path: join(root, "no-such-file.toml"), required: false };
  assert.deepEqual(
    loadConfig({ flags: {}, env: {}, file }).config,
    loadConfig({ flags: {}, env: {}, file: nothing }).config,
  );
});

test("what is commented out in the example is valid too", () => {
  const withoutDefaults = example.replace(/^\w+ = .*$/gm, "");
  const document = parse(withoutDefaults.replace(/^# (\w+ = .*)$/gm, "$1"));
  const shown = settingKeys.filter((key) => settingOf(key).example !== undefined);
  assert.ok(shown.length > 3);
  for (const key of shown) assert.notEqual(valueIn(document, key), undefined, key);
  assert.equal(fileSchema.safeParse(document).success, true);
});

test("a setting has a name, a variable and a flag of its own", () => {
  const variables = settingKeys.map((key) => settingOf(key).env);
  const flags = settingKeys.flatMap((key) => settingOf(key).flag ?? []);
  assert.deepEqual([variables.length, flags.length], [new Set(variables).size, new Set(flags).size]);
  for (const name of variables) assert.match(name, /^UMBRAD_[A-Z_]+$/);
  for (const key of settingKeys) assert.match(key, /^[a-z_]+(\.[a-z_]+)?$/);
});

test("the JSON Schema names every setting and refuses others", () => {
  const text = JSON.stringify(configJsonSchema());
  for (const key of settingKeys) assert.ok(text.includes(JSON.stringify(settingOf(key).about)), key);
  assert.equal((configJsonSchema() as { additionalProperties?: unknown }).additionalProperties, false);
});

test("the defaults of retention are the engine's", () => {
  const { retention } = loadConfig({ flags: {}, env: {}, file: { path: "/nonexistent/x", required: false } }).config;
  assert.deepEqual(retention, {
    eventsMs: EVENTS_AGE_MAX_MS,
    eventsMax: EVENTS_MAX,
    unacknowledgedMs: UNACKNOWLEDGED_AGE_MAX_MS,
    messagesMs: undefined,
  });
});

test("the components of the log are those of the catalogue", () => {
  const catalogue = readFileSync(join(root, "docs", "logs.md"), "utf8");
  const named = [...catalogue.matchAll(/^\| `[a-z.-]+` \| [a-z, ]+ \| ([a-z, ]+) \|/gm)].flatMap(([, list = ""]) =>
    list.split(", "),
  );
  assert.deepEqual([...new Set(named)].sort(), [...logComponents], "add it to src/admin/log/log-view.ts");
});
