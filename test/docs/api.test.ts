// Goal: docs/api.md says what the routes, roles and limits are. Method: its tables are what scripts/api-page.ts makes of the
// code; and, without it, every bound of the API's and every role is held against the page.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { renderApiPage } from "../../scripts/api-page.ts";
import * as limits from "../../src/admin/limits.ts";
import { routes } from "../../src/admin/routes.ts";

const page = readFileSync(join(import.meta.dirname, "..", "..", "docs", "api.md"), "utf8");

test("the tables of the page are what the code says", () => {
  assert.equal(page, renderApiPage(page), "run node scripts/generate.ts");
});

test("every route is there, with who may call it", () => {
  const rows = [...page.matchAll(/^\| `(\w+) (\/\S*)` \| `(\w+)` \|(.*)\|$/gm)];
  assert.equal(rows.length, routes.length);
  for (const [index, { method, path, access, endpoint }] of routes.entries()) {
    const [, shownMethod, shownPath, id, rest = ""] = rows[index] ?? [];
    assert.equal(
      `${shownMethod} ${shownPath?.replaceAll(/\{(\w+)\}/g, ":$1")} ${id}`,
      `${method} ${path} ${endpoint.id}`,
    );
    const [none, read, send, admin, socket] = rest.split("|").map((cell) => cell.trim() === "yes");
    const isToken = access === "open" || access === "token";
    const expected = [
      access === "open",
      isToken || access === "read",
      isToken || access === "send",
      access !== "owner",
    ];
    assert.deepEqual([none, read, send, admin, socket], [...expected, true], path);
  }
});

/** Bounds that no caller of the API meets as such, with the reason. */
const inner = new Map([
  ["TOKEN_LIFETIME_MAX_MS", "in openapi.json, as every maximum of a field"],
  ["INVITE_LIFETIME_MAX_MS", "in openapi.json, as every maximum of a field"],
  ["PATH_PART_MAX", "headers end sooner, and names have 255 characters"],
  ["STREAM_PAGE_ROWS", "how the log is read"],
  ["STREAM_SCAN_ROWS", "how the log is read"],
  ["SUCCESSORS_MAX", "conversations with one contact, of which the newest count"],
  ["START_WAIT_MS_MAX", "only where a service manager holds the socket"],
  ["LEAVE_MS_MAX", "only where a service manager holds the socket"],
]);

test("every bound of the API is on the page, or is none of its callers'", () => {
  const source = readFileSync(join(import.meta.dirname, "..", "..", "scripts", "api-page.ts"), "utf8");
  for (const name of Object.keys(limits)) {
    assert.ok(source.includes(`limits.${name}`) !== inner.has(name), name);
  }
});

test("every code on the page is in docs/exit-codes.md, every type of event in docs/events.md", () => {
  const [codes, events] = ["exit-codes.md", "events.md"].map((name) =>
    readFileSync(join(import.meta.dirname, "..", "..", "docs", name), "utf8"),
  );
  const named = [...page.matchAll(/`([a-z]+\/[a-z-]+)`/g)]
    .map(([, code]) => code ?? "")
    .filter((code) => code !== "umbrad/client");
  assert.ok(named.length > 10);
  assert.deepEqual(
    named.filter((code) => !codes?.includes(`\`${code}\``)),
    [],
  );
  const types = [...page.matchAll(/`((?:message|events)\.[a-z-]+)`/g)].map(([, type]) => type ?? "");
  assert.ok(types.length > 3);
  assert.deepEqual(
    types.filter((type) => !events?.includes(`| \`${type}\` |`)),
    [],
  );
});
