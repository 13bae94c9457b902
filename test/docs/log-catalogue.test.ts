// Goal: docs/logs.md lists every event that the daemon logs, with its level and component, and no other. Method: find
// the calls in the sources as text; a call that this cannot read is a failure too, so that none hides.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

const root = join(import.meta.dirname, "..", "..");

interface Entry {
  readonly event: string;
  readonly level: string;
  readonly component: string;
}

/** Not log lines: what a command prints on stdout, and what a reader of the log is told. */
const printed = new Set(["devnet.ready", "log.gap"]);

function logged(name: string, text: string): Entry[] {
  return [...text.matchAll(/\bevent: "([^"]+)"/g)].flatMap((match): Entry[] => {
    const [, event = ""] = match;
    if (printed.has(event)) return [];
    const from = match.index;
    const component = /^event: "[^"]+",\s*component: "([a-z]+)"/.exec(text.slice(from))?.[1];
    assert.ok(component, `${name}: ${event} names its component next`);
    const levels = levelsOf(text, from);
    assert.ok(levels.length > 0, `${name}: ${event} is given to a log, directly or as \`fields\``);
    return levels.map((level) => ({ event, level, component }));
  });
}

function levelsOf(text: string, from: number): string[] {
  const direct = /\blog\??\.(debug|info|warn|error)\(\s*\{\s*$/.exec(text.slice(0, from));
  if (direct?.[1] !== undefined) return [direct[1]];
  const later = /\blog\??(?:\.(debug|info|warn|error)|\[([^\n]+)\])\(fields\b/.exec(text.slice(from));
  if (later?.[1] !== undefined) return [later[1]];
  return [...(later?.[2] ?? "").matchAll(/"(debug|info|warn|error)"/g)].map(([, level]) => level ?? "");
}

function key({ event, level, component }: Entry): string {
  return `${event} ${level} ${component}`;
}

const inSources = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".ts"))
  .flatMap((name) => logged(name, readFileSync(join(root, "src", name), "utf8")));

const page = readFileSync(join(root, "docs", "logs.md"), "utf8");
const rows = [...page.matchAll(/^\| `([a-z.-]+)` \| ([a-z, ]+) \| ([a-z, ]+) \|([^|]*)\| ([^|]+) \|$/gm)];
const inPage = rows.flatMap(([, event = "", levels = "", components = ""]): Entry[] =>
  components
    .split(", ")
    .flatMap((component) => levels.split(", ").map((level): Entry => ({ event, level, component }))),
);

test("the sources log nothing that the catalogue does not have", () => {
  const known = new Set(inPage.map(key));
  assert.deepEqual(
    [...new Set(inSources.map(key))].filter((entry) => !known.has(entry)),
    [],
    "add these events to docs/logs.md",
  );
});

test("the catalogue has nothing that the sources do not log", () => {
  const known = new Set(inSources.map(key));
  assert.deepEqual(
    inPage.map(key).filter((entry) => !known.has(entry)),
    [],
    "take these events out of docs/logs.md",
  );
});

test("the catalogue names each event once, in order", () => {
  const events = rows.map(([, event = ""]) => event);
  assert.deepEqual(events, [...new Set(events)].sort());
  assert.ok(events.length > 30);
});
