// Goal: what the commands about people print, as text and with --json, and how they fail. Method: see the fixture.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fixturePeer as peer, startCliFixture, succeeded, fixtureTime as ts } from "../support/cli/cli-fixture.ts";

const invite = {
  id: "i0123456789ab",
  state: "open",
  uses: 2,
  createdAtMs: Date.parse(ts),
  expiresAtMs: Date.parse(ts) + 3_600_000,
  redemptions: [{ peer, atMs: Date.parse(ts) }],
  link: "umbra:x",
} as const;
const expires = "2026-11-22T11:00:00.000Z";

test("invite list, show and revoke", async (t) => {
  const { run, engine } = await startCliFixture(t);
  const none = await run("invite", "list");
  succeeded(none, "");
  assert.match(none.stderr, /umbrad invite create/);
  engine.people.made = [invite];
  succeeded(
    await run("invite", "list"),
    `INVITE         STATE  USED  EXPIRES\ni0123456789ab  open   1/2   ${expires}\n`,
  );
  const { createdAtMs: _createdAtMs, expiresAtMs: _expiresAtMs, redemptions: _redemptions, ...same } = invite;
  const json = { ...same, created: ts, expires, redemptions: [{ peer, at: ts }] };
  assert.deepEqual(JSON.parse((await run("invite", "list", "--json")).stdout), { invites: [json] });
  const shown = [
    `invite   ${invite.id}`,
    "state    open",
    "used     1 of 2",
    `created  ${ts}`,
    `expires  ${expires}`,
    "link     umbra:x",
    `by       ${peer} at ${ts}`,
    "",
  ];
  succeeded(await run("invite", "show", invite.id), shown.join("\n"));
  assert.deepEqual(JSON.parse((await run("invite", "show", invite.id, "--json")).stdout), json);
  succeeded(await run("invite", "revoke", invite.id), shown.join("\n").replace("state    open", "state    revoked"));
  for (const verb of ["show", "revoke"]) {
    const unknown = await run("invite", verb, "i0");
    assert.deepEqual([unknown.code, unknown.stdout], [67, ""]);
    assert.match(unknown.stderr, /\[invite\/unknown\]/);
  }
});

test("contact list, show, rename, block and unblock", async (t) => {
  const { run, engine } = await startCliFixture(t);
  const none = await run("contact", "list");
  succeeded(none, "");
  assert.match(none.stderr, /umbrad invite accept/);
  engine.open(null);
  succeeded(
    await run("contact", "list"),
    `NAME  ADDRESS${" ".repeat(59)}CONVERSATIONS  \n-     ${peer}  c1             \n`.replace(/ +\n/g, "\n"),
  );
  const text = (name: string, blocked: string) =>
    `name           ${name}\naddress        ${peer}\nverified       no\nblocked        ${blocked}\nconversations  c1\n`;
  const json = { address: peer, name: null, blocked: false, verified: false, conversations: ["c1"] };
  succeeded(await run("contact", "show", "c1"), text("-", "no"));
  assert.deepEqual(JSON.parse((await run("contact", "show", peer, "--json")).stdout), json);
  succeeded(await run("contact", "rename", peer, "Ada"), text("Ada", "no"));
  succeeded(await run("contact", "block", "Ada"), text("Ada", "yes"));
  assert.match((await run("contact", "list")).stdout, /\nAda .* blocked\n$/);
  assert.deepEqual(JSON.parse((await run("contact", "unblock", "Ada", "--json")).stdout), { ...json, name: "Ada" });
  for (const args of [["show"], ["rename", "x"], ["block"], ["unblock"]]) {
    const [verb = "", ...more] = args;
    const unknown = await run("contact", verb, "nobody", ...more);
    assert.deepEqual([unknown.code, unknown.stdout], [67, ""]);
    assert.match(unknown.stderr, /\[contact\/unknown\]/);
  }
});

test("contact requests, accept and reject", async (t) => {
  const { run, engine } = await startCliFixture(t);
  const none = await run("contact", "requests");
  succeeded(none, "");
  assert.equal(none.stderr, "Nobody waits for a decision.\n");
  const waiting = engine.open(null);
  engine.people.waiting = [waiting, { ...waiting, handle: "c2" }];
  const some = await run("contact", "requests");
  const row = (handle: string) => `${handle}       ${peer}  ${ts}\n`;
  succeeded(some, `REQUEST  ADDRESS${" ".repeat(59)}CREATED\n${row("c1")}${row("c2")}`);
  assert.match(some.stderr, /umbrad contact accept REQUEST/);
  const { requests } = JSON.parse((await run("contact", "requests", "--json")).stdout);
  assert.deepEqual(
    requests.map((each: { handle: string; peer: string }) => [each.handle, each.peer]),
    [
      ["c1", peer],
      ["c2", peer],
    ],
  );
  succeeded(await run("contact", "accept", "c1"), "c1\n");
  succeeded(await run("contact", "reject", "c2"), "c2 rejected\n");
  for (const verb of ["accept", "reject"]) {
    const unknown = await run("contact", verb, "c2");
    assert.deepEqual([unknown.code, unknown.stdout], [67, ""]);
    assert.match(unknown.stderr, /\[contact\/no-request\]/);
  }
});

test("conversation show, rename and leave", async (t) => {
  const { run, engine } = await startCliFixture(t);
  engine.open("ada");
  const shown = (await run("conversation", "show", "c1")).stdout;
  assert.match(shown, /^handle +c1\nname +ada\ntype +private\/v1\n(?:.*\n)*standing +accepted\nstate +open\n$/);
  assert.match((await run("conversation", "rename", "c1", "Ada")).stdout, /\nname +Ada\n/);
  succeeded(await run("conversation", "leave", "c1"), "left c1\n");
  for (const args of [["show"], ["rename", "x"], ["leave"]]) {
    const [verb = "", ...more] = args;
    const unknown = await run("conversation", verb, "c1", ...more);
    assert.deepEqual([unknown.code, unknown.stdout], [67, ""]);
    assert.match(unknown.stderr, /\[conversation\/unknown\]/);
  }
});
