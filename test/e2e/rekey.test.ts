// Goal: the passphrase of a state can be changed with and without a daemon; the old one is proven first and opens nothing
// afterwards, the daemon goes on, and neither is ever printed. Method: real processes, sealed states.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Party } from "./stage/party.ts";
import { inTime, Stage } from "./stage/processes.ts";

test("another passphrase, with a daemon and without", async (t) => {
  const stage = new Stage(t);
  const file = (name: string): string => {
    const path = join(stage.directory, name);
    writeFileSync(path, `${name} of the test 5e1f`, { mode: 0o600 });
    return path;
  };
  const [first, second, third] = ["first", "second", "third"].map(file) as [string, string, string];
  const node = new Party(stage, "node");
  const rekey = async (from: string, to: string): Promise<{ code: number | null; stderr: string }> =>
    node.command(["store", "rekey", "--passphrase-file", from, "--new-passphrase-file", to]);
  await node.text("init", "--passphrase-file", first);
  const running = await node.start("--passphrase-file", first);

  assert.match((await rekey(second, third)).stderr, /store\/wrong-passphrase/);
  assert.equal((await rekey(first, second)).code, 0);
  assert.ok(running.output.log().some(({ event }) => event === "store.rekeyed"));
  // What it writes with the key that it has, and a backup, are opened by the new one.
  assert.equal((await node.status()).state, "degraded");
  const backup = await node.json<{ file: string }>("store", "backup", join(stage.directory, "backups"));
  assert.equal((await node.command(["store", "verify", backup.file, "--passphrase-file", first])).code, 77);
  await node.text("store", "verify", backup.file, "--passphrase-file", second);
  assert.equal((await rekey(first, third)).code, 77, "the old one is no proof any more");
  await node.stop();

  const refused = node.launch("--passphrase-file", first);
  assert.equal((await inTime("the refusal", refused.ended)).code, 77);
  assert.equal((await rekey(second, third)).code, 0, "without a daemon");
  assert.equal((await rekey(second, first)).code, 77);
  await node.start("--passphrase-file", third);
  await node.stop();
  for (const { output } of stage.launched()) assert.doesNotMatch(output.everything(), /of the test 5e1f/);
  const encoded = Buffer.from("second of the test 5e1f").toString("base64").slice(0, 20);
  for (const { output } of stage.launched()) assert.ok(!output.everything().includes(encoded));
});
