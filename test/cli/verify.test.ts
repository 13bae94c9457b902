// Goal: two people see one safety number, an attacker's key gives another, and what was compared is kept. Method: vectors
// from an independent implementation (Python's hashlib), random keys, and the real command.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { computeSafetyNumber } from "../../src/admin/contact/safety-number.ts";
import { failed, fixturePeer as peer, startCliFixture, succeeded } from "../support/cli/cli-fixture.ts";

const ours = "ab".repeat(32);
const expected = "066786758528760118131331051174174734144839248630463638528499";

test("the number is what ADR 0046 says, for both sides", () => {
  assert.equal(computeSafetyNumber(ours, peer), expected);
  assert.equal(computeSafetyNumber(peer, ours), expected);
});

test("another key changes its half and nothing else", () => {
  const key = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes).toString("hex"));
  fc.assert(
    fc.property(key, key, key, (one, two, three) => {
      fc.pre(new Set([one, two, three]).size === 3);
      const halves = (number: string): string[] => [number.slice(0, 30), number.slice(30)];
      const genuine = halves(computeSafetyNumber(one, two));
      const forged = halves(computeSafetyNumber(one, three));
      assert.equal(genuine.filter((half) => forged.includes(half)).length, 1);
      assert.match(genuine.join(""), /^\d{60}$/);
    }),
    { numRuns: 10 },
  );
});

test("contact verify: shown, compared, kept, taken back", async (t) => {
  const { run, engine } = await startCliFixture(t);
  engine.open("ada");
  const shown = JSON.parse((await run("contact", "verify", "c1", "--json")).stdout);
  assert.deepEqual(shown, { address: peer, name: null, safetyNumber: expected, verified: false });
  const text = await run("contact", "verify", "c1");
  assert.match(text.stdout, /^number +(\d{5} ){3}\d{5}\n( +(\d{5} ){3}\d{5}\n){2}$/m);
  assert.match(text.stderr, /--compare NUMBER/);

  const wrong = `${expected.slice(0, 59)}${(Number(expected[59]) + 1) % 10}`;
  failed(
    await run("contact", "verify", "c1", "--compare", wrong),
    1,
    "umbrad: this is not the safety number of you and this contact [contact/number-differs]\n  next: compare it again, " +
      "digit by digit; if it stays different, the address you have is not theirs: ask for a new link\n",
  );
  assert.equal((await run("contact", "verify", "c1", "--compare", "12345")).code, 64);
  assert.equal((await run("contact", "verify", "c1", "--compare", expected, "--undo")).code, 64);
  assert.equal((await run("contact", "verify", "nobody")).code, 67);
  assert.equal(JSON.parse((await run("contact", "show", "c1", "--json")).stdout).verified, false);

  const grouped = expected.replaceAll(/(\d{5})/g, "$1 ");
  const kept = await run("contact", "verify", "c1", "--compare", grouped);
  assert.match(kept.stdout, /^verified +yes$/m);
  assert.match((await run("contact", "show", "c1")).stdout, /^verified +yes/m);
  assert.match((await run("contact", "list")).stdout, / verified$/m);
  assert.match((await run("contact", "verify", "c1", "--undo")).stdout, /^verified +no$/m);
  assert.equal(JSON.parse((await run("contact", "show", "c1", "--json")).stdout).verified, false);
});

test("QR codes go to people and never into a pipe", async (t) => {
  const { run, engine } = await startCliFixture(t);
  engine.open("ada");
  const link = await run("invite", "create", "--qr");
  succeeded(link, "umbra:invite:i1\n");
  assert.match(link.stderr, /^(?:[█▀▄ ]{20,}\n){10,}/);
  const json = await run("invite", "create", "--qr", "--json");
  assert.deepEqual([JSON.parse(json.stdout).link, json.stderr], ["umbra:invite:i2", ""]);
  assert.match((await run("contact", "verify", "c1", "--qr")).stderr, /^(?:[█▀▄ ]{20,}\n){10,}/);
});
