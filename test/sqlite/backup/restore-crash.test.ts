/**
 * Goal: a restore that is killed at any step leaves the old database or the new one in its place, and loses nothing of the old
 * one, also of what a killed daemon left in the write-ahead log. Method: real processes, killed before each change of names.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { copyFileSync, existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { it } from "node:test";
import { fileURLToPath } from "node:url";
import { backUp, restore } from "../../../src/sqlite/backup/backup.ts";
import { inspectStore } from "../../../src/sqlite/backup/inspect.ts";
import { createStore, openStore, storeFile } from "../../../src/sqlite/open.ts";
import { turn } from "../../conformance/store/store-rows.ts";
import { plaintext, random, temporaryDir } from "../temporary-store.ts";

const script = fileURLToPath(new URL("./dying-restore.ts", import.meta.url));
const none = { seal: undefined, random };

/** A state whose daemon was killed: what it committed last is in the log alone. And an older backup of it. */
async function killedState(context: { after(run: () => void): void }) {
  const running = temporaryDir(context);
  const store = await createStore({ stateDir: running, seal: plaintext, random });
  store.commit(turn({ number: 0, conversationId: "/inbox/v1/test", type: "inbox/v1" }));
  const { file } = await backUp({ stateDir: running, directory: temporaryDir(context), name: "a.db" }, none);
  store.appendEvent({ type: "acknowledged" }, 1);
  const stateDir = temporaryDir(context);
  for (const name of ["umbrad.db", "umbrad.db-wal"]) copyFileSync(join(running, name), join(stateDir, name));
  const events = store.lastSeq();
  store.close();
  assert.ok(statSync(`${storeFile(stateDir)}-wal`).size > 0);
  return { stateDir, file, events };
}

it("a restore that is killed leaves one whole database in its place", async (context) => {
  let isKilled = true;
  for (let step = 1; isKilled; step += 1) {
    const { stateDir, file, events } = await killedState(context);
    isKilled = await new Promise((resolve) => {
      execFile(process.execPath, [script, String(step), stateDir, file], (error) =>
        resolve(error?.signal === "SIGKILL"),
      );
    });
    assert.ok(existsSync(storeFile(stateDir)), `killed before step ${step}: there is a database`);
    const store = await openStore({ stateDir, seal: undefined, random });
    const isRestored = store.rollbacks.pending() === "restored";
    const kept = join(stateDir, "umbrad.db.kept");
    const old = isRestored ? inspectStore(kept).events : store.lastSeq();
    store.close();
    assert.equal(isRestored, !isKilled);
    assert.equal(old, events, `killed before step ${step}: what was acknowledged is there`);
    assert.ok(step > 1 || isKilled, "nothing was killed");
  }
});

it("the database of a killed daemon is restored with what its log has", async (context) => {
  const { stateDir, events } = await killedState(context);
  const elsewhere = temporaryDir(context);
  await restore({ stateDir: elsewhere, file: storeFile(stateDir), keptName: "kept" }, none);
  const store = await openStore({ stateDir: elsewhere, seal: undefined, random });
  assert.equal(store.lastSeq(), events);
  assert.equal(store.rollbacks.pending(), "restored");
  store.close();
});

it("a second restore never replaces what the first one kept", async (context) => {
  const { stateDir, file } = await killedState(context);
  const wanted = { stateDir, file, keptName: "kept" };
  await restore(wanted, none);
  await assert.rejects(restore(wanted, none), { code: "store/exists" });
});
