// Goal: tokens on the command line; the secret is on stdout once and nowhere else. Method: see the fixture.
import assert from "node:assert/strict";
import { test } from "node:test";
import { startCliFixture, succeeded } from "../support/cli/cli-fixture.ts";

test("create, list, revoke", async (t) => {
  const { run, engine } = await startCliFixture(t);
  engine.open("alerts");
  succeeded(await run("token", "list"), "");
  const flags = ["--role", "read", "--role", "send", "--conversation", "alerts", "--rate", "60", "--expires", "12h"];
  const made = await run("token", "create", "ci", ...flags);
  assert.equal(made.code, 0, made.stderr);
  assert.match(made.stdout, /^umbrad_t1_[\w-]{43}\n$/);
  assert.equal(made.stderr.includes(made.stdout.trim()), false);
  const list = await run("token", "list");
  const [head, row] = list.stdout.split("\n");
  assert.equal(head?.replaceAll(/ {2,}/g, "|"), "ID|NAME|ROLES|CONVERSATIONS|CONSUMERS|METHODS|RATE|EXPIRES|LAST USED");
  assert.equal(row?.replaceAll(/ {2,}/g, "|"), "t1|ci|read,send|c1|none|all|60/min|2026-11-22T22:00:00.000Z|-");
  const json = JSON.parse((await run("token", "create", "x", "--role", "admin", "--json")).stdout);
  assert.deepEqual(Object.keys(json), [
    "token",
    "id",
    "name",
    "roles",
    "conversations",
    "consumers",
    "methods",
    "perMinute",
    "createdAt",
    "expires",
    "lastUsedAt",
  ]);
  succeeded(await run("token", "revoke", "ci"), "t1 (ci) no longer works\n");
  assert.equal((await run("token", "revoke", "ci")).code, 67);
  assert.equal((await run("token", "create", "x", "--role", "admin")).code, 1);
  assert.equal((await run("token", "create", "y")).code, 64);
  assert.equal((await run("token", "create", "y", "--role", "owner")).code, 64);
});
