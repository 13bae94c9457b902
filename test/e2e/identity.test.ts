// Goal: who one was can be restored from paper and from a sealed file, with the same address and no conversation; mistakes
// are named without the secret. Method: real processes.
import assert from "node:assert/strict";
import { statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Party } from "./stage/party.ts";
import { Stage } from "./stage/processes.ts";

test("an identity on paper and in a file", async (t) => {
  const stage = new Stage(t);
  const old = new Party(stage, "old");
  const passphrase = join(stage.directory, "passphrase");
  writeFileSync(passphrase, "of the identity file", { mode: 0o600 });
  const open = ["--passphrase-file", passphrase];
  const { clientAddress } = await old.json<{ clientAddress: string }>("init", ...open);
  const { words } = await old.json<{ words: string[] }>("identity", "words", ...open);
  assert.equal(words.length, 18);
  const file = join(stage.directory, "identity.json");
  assert.equal(
    (await old.json<{ clientAddress: string }>("identity", "export", file, ...open)).clientAddress,
    clientAddress,
  );
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.equal((await old.command(["identity", "export", file, ...open])).code, 73, "never over a file");

  const init = (name: string, args: readonly string[], stdin = "") =>
    new Party(stage, name).command(["init", "--insecure-plaintext-state", ...args, "--json"], { stdin });
  const paper = await init("paper", ["--recovery-words-fd", "0"], words.join("\n"));
  assert.equal(paper.code, 0, paper.stderr);
  assert.equal(JSON.parse(paper.stdout).clientAddress, clientAddress);
  const again = new Party(stage, "paper");
  assert.deepEqual((await again.json<{ words: string[] }>("identity", "words")).words, words);
  const restored = await init("file", ["--identity-file", file, "--identity-passphrase-file", passphrase]);
  assert.equal(JSON.parse(restored.stdout).clientAddress, clientAddress);

  const bad = await init("bad", ["--recovery-words-fd", "0"], words.with(3, words[4] ?? "").join(" "));
  assert.deepEqual([bad.code, /identity\/bad-words/.test(bad.stderr)], [65, true], bad.stderr);
  assert.ok(!words.some((word) => bad.stderr.includes(word)));
  const other = join(stage.directory, "other");
  writeFileSync(other, "another", { mode: 0o600 });
  assert.match(
    (await init("bad", ["--identity-file", file, "--identity-passphrase-file", other])).stderr,
    /identity\/wrong-passphrase/,
  );
  assert.match(
    (await init("bad", ["--identity-file", other, "--identity-passphrase-file", other])).stderr,
    /identity\/malformed/,
  );
});
