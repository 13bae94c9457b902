// Goal: an operator who puts an old copy of the database back and starts loses no contact and reuses no key, and a kill -9
// is not taken for that. Method: real processes; the copy is SQLite's own backup of the running daemon's file.
import assert from "node:assert/strict";
import { chmodSync, copyFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { backup, DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import type { BackupJson, SentView } from "../../src/admin/views.ts";
import { readArchive } from "../../src/devnet/archive.ts";
import { decodeEnvelope } from "../../src/wire/envelope.ts";
import { assertGapFree, assertNoErrors, connect, Party, ServiceNode } from "./stage/party.ts";
import { Stage, until } from "./stage/processes.ts";

const delivered = ["--wait", "delivered", "--timeout", "120s"] as const;

const rollbacksOf = async (party: Party) =>
  (await party.events()).filter(({ type }) => type === "state.rolled-back").map(({ data }) => data["cause"]);

test("an old copy of the database is put back: both sides end up in a new conversation", async (t) => {
  const stage = new Stage(t);
  const node = new ServiceNode(stage);
  await node.start();
  const [alice, bob] = ["alice", "bob"].map((name) => new Party(stage, name, ["--peer", node.multiaddr])) as [
    Party,
    Party,
  ];
  for (const party of [alice, bob]) {
    await party.init();
    await party.start();
    await party.wait("ready");
  }
  await connect(alice, bob, "bob 1");
  await alice.text("send", "c1", "alice 1", ...delivered);

  await alice.stop("SIGKILL");
  await alice.start();
  assert.deepEqual(await rollbacksOf(alice), [], "a kill is none");
  await alice.wait("ready");

  const copy = join(stage.directory, "copy.db");
  await copyDatabase(alice, copy);
  await alice.text("send", "c1", "alice 2", ...delivered);
  await bob.text("send", "c1", "bob 2", ...delivered);
  await alice.stop();
  for (const suffix of ["-wal", "-shm"]) rmSync(join(alice.stateDir, `umbrad.db${suffix}`), { force: true });
  copyFileSync(copy, join(alice.stateDir, "umbrad.db"));

  const started = await alice.start();
  await started.output.event("state.rolled-back");
  assert.deepEqual(await rollbacksOf(alice), ["older-than-counter"]);
  assert.equal((await alice.conversations())[0]?.standing, "rolled-back");
  await alice.wait("ready");
  const sent = await alice.json<SentView>("send", "c1", "alice 3", ...delivered);
  assert.notEqual(sent.conversation, "c1");
  const reply = await bob.json<SentView>("send", "c1", "bob 3", ...delivered);
  assert.notEqual(reply.conversation, "c1");
  await until(
    "the new conversation at alice",
    async () => (await alice.receivedTexts()).includes("bob 3") || undefined,
  );
  assert.deepEqual(await bob.receivedTexts(), ["alice 1", "alice 2", "alice 3"]);

  const made = await backUpAndRestore(stage, alice);
  assert.deepEqual(await rollbacksOf(alice), ["older-than-counter", "restored"]);
  assert.match(made, /umbrad-\d{8}T\d{6}Z\.db$/);
  await alice.wait("ready");
  await alice.text("send", "c1", "alice 5", ...delivered);
  assert.deepEqual(await bob.receivedTexts(), ["alice 1", "alice 2", "alice 3", "alice 4", "alice 5"]);
  assertHintsFresh(node);
  for (const party of [alice, bob]) {
    assertGapFree(await party.events());
    await party.stop();
  }
  await node.stop();
  assertNoErrors(stage);
});

/** By the commands: a backup of the running daemon, more messages, a stop, and the backup put back. */
async function backUpAndRestore(stage: Stage, party: Party): Promise<string> {
  const { file } = await party.json<BackupJson>("store", "backup", join(stage.directory, "backups"));
  await party.text("store", "verify", file);
  await party.text("store", "check");
  await party.text("send", "c1", "alice 4", ...delivered);
  const refused = await party.command(["store", "restore", file]);
  assert.equal(refused.code, 75, refused.stderr);
  await party.stop();
  const { kept } = await party.json<{ kept: string }>("store", "restore", file);
  assert.match(kept, /before-restore/);
  assert.match(await party.text("store", "info"), /^sealed +no/m);
  await party.start();
  return file;
}

async function copyDatabase({ stateDir }: Party, to: string): Promise<void> {
  const source = new DatabaseSync(join(stateDir, "umbrad.db"), { readOnly: true });
  await backup(source, to);
  source.close();
  chmodSync(to, 0o600);
}

/** No hint ever comes with other bytes, before the restore or after. */
function assertHintsFresh({ stateDir }: ServiceNode): void {
  const byHint = new Map<string, string>();
  for (const { payload } of readArchive(stateDir)) {
    const decoded = decodeEnvelope(payload);
    if (decoded.kind !== "readable" || decoded.value.encryptedBytes.member !== "encrypted_bytes") continue;
    const { hint } = decoded.value;
    const bytes = Buffer.from(payload).toString("hex");
    assert.equal(byHint.get(hint) ?? bytes, bytes, "one hint, two payloads");
    byHint.set(hint, bytes);
  }
  assert.ok(byHint.size >= 6, "messages and acknowledgements of both conversations");
}
