/**
 * Goal: a backup that counts can be restored, however busy the store was, and a restored one knows that it is an older copy.
 * Method: real files; turns are committed while the copy is made; copies are damaged byte by byte, cut, and of other kinds.
 */
import assert from "node:assert/strict";
import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, it, type TestContext } from "node:test";
import type { Store } from "../../../src/engine/ports.ts";
import { backUp, restore, verifyCopy } from "../../../src/sqlite/backup/backup.ts";
import { checkStore, inspectStore } from "../../../src/sqlite/backup/inspect.ts";
import { createStore, openStore, storeFile } from "../../../src/sqlite/open.ts";
import type { SealSource } from "../../../src/sqlite/wrapped-key.ts";
import { turn } from "../../conformance/store/store-rows.ts";
import { passphrase, plaintext, random, temporaryDir } from "../temporary-store.ts";

const secret = passphrase("correct horse");
const none = { seal: undefined, random };

async function someStore(
  context: TestContext,
  seal: SealSource = plaintext,
): Promise<{ stateDir: string; store: Store }> {
  const stateDir = temporaryDir(context);
  const store = await createStore({ stateDir, seal, random });
  context.after(() => store.close());
  store.commit(turn({ number: 0, conversationId: "/inbox/v1/test", type: "inbox/v1" }));
  for (let count = 0; count < 50; count += 1)
    store.appendEvent({ type: "test", data: { text: "x".repeat(500) } }, count);
  return { stateDir, store };
}

describe("a backup", () => {
  it("is refused, and does not hang, where no directory can be made", async (context) => {
    const { stateDir } = await someStore(context);
    const file = join(temporaryDir(context), "file");
    writeFileSync(file, "");
    // Below /proc the system says that what is above does not exist, though it does.
    for (const directory of ["/proc/umbrad/backups", join(file, "backups")]) {
      await assert.rejects(backUp({ stateDir, directory, name: "x.db" }, none), { name: "UmbradError" });
    }
  });

  it("is one moment of a store that is being written, and a private file", async (context) => {
    const { stateDir, store } = await someStore(context);
    const directory = join(temporaryDir(context), "made", "by it");
    let isDone = false;
    let writes = 0;
    const write = (): void => {
      if (isDone) return;
      store.appendEvent({ type: "test", data: { text: "y".repeat(2_000) } }, 1);
      writes += 1;
      setImmediate(write);
    };
    write();
    context.after(() => {
      isDone = true;
    });
    for (let round = 0; round < 5; round += 1) {
      const before = store.lastSeq();
      const facts = await backUp({ stateDir, directory, name: `${round}.db` }, none);
      // Gap-free from 1, so the count says which moment it is of.
      assert.ok(facts.events >= before && facts.events <= store.lastSeq(), `${before} ${facts.events}`);
      assert.equal(statSync(facts.file).mode & 0o777, 0o600);
    }
    isDone = true;
    assert.ok(writes > 0, "nothing was written meanwhile");
    assert.deepEqual(readdirSync(directory).sort(), ["0.db", "1.db", "2.db", "3.db", "4.db"], "nothing else is left");
  });

  it("takes away what killed ones left, and nothing else", async (context) => {
    const { stateDir } = await someStore(context);
    const directory = temporaryDir(context);
    const hourAgo = Date.now() / 1_000 - 3_700;
    const left = [".umbrad-verify-killed", "umbrad-1.db.partial", "umbrad-1.db.partial-wal"];
    const others = [".umbrad-verify-running", "umbrad-0.db", "mine.db.partial"];
    for (const name of [...left, ...others]) {
      if (name.startsWith(".")) mkdirSync(join(directory, name));
      else writeFileSync(join(directory, name), "");
      if (!name.endsWith("running")) utimesSync(join(directory, name), hourAgo, hourAgo);
    }
    await backUp({ stateDir, directory, name: "umbrad-2.db" }, none);
    assert.deepEqual(readdirSync(directory).sort(), [...others, "umbrad-2.db"].sort());
  });

  it("of a sealed store is opened before it counts, and keeps its seal", async (context) => {
    const { stateDir } = await someStore(context, secret);
    const directory = temporaryDir(context);
    const { file, sealed } = await backUp({ stateDir, directory, name: "a.db" }, { seal: secret, random });
    assert.ok(sealed);
    await verifyCopy(file, none);
    await assert.rejects(verifyCopy(file, { seal: passphrase("wrong"), random }), { code: "store/wrong-passphrase" });
    await assert.rejects(backUp({ stateDir, directory, name: "a.db" }, none), { code: "store/exists" });
    assert.deepEqual(readdirSync(directory), ["a.db"]);
  });

  it("of a store whose identity does not open does not count, and nothing of it is left", async (context) => {
    const { stateDir, store } = await someStore(context, secret);
    store.commit(turn({ number: 1, conversationId: "/test/v1/1", type: "test/v1" }));
    const directory = temporaryDir(context);
    const database = new DatabaseSync(storeFile(stateDir));
    context.after(() => database.close());
    database.exec("UPDATE conversation SET state = (SELECT state FROM conversation WHERE number = 1) WHERE number = 0");
    await assert.rejects(backUp({ stateDir, directory, name: "a.db" }, { seal: secret, random }), {
      code: "store/corrupt",
    });
    assert.deepEqual(readdirSync(directory), []);
  });

  it("that is damaged, cut or something else is no backup, and verifying changes nothing", async (context) => {
    const { stateDir } = await someStore(context);
    const directory = temporaryDir(context);
    const { file } = await backUp({ stateDir, directory, name: "a.db" }, none);
    const whole = readFileSync(file);
    await verifyCopy(file, none);
    assert.deepEqual(readFileSync(file), whole);
    const bad = join(directory, "bad.db");
    const refused = { code: /^store\// } as unknown as Error;
    const damaged = Buffer.from(whole);
    damaged.fill(0x55, 3 * 4_096, 6 * 4_096);
    for (const bytes of [
      damaged,
      whole.subarray(0, whole.length - 4_096 * 3),
      Buffer.from("no database at all"),
      Buffer.alloc(0),
    ]) {
      writeFileSync(bad, bytes, { mode: 0o600 });
      await assert.rejects(
        verifyCopy(bad, none),
        (error: { code?: string }) => /^store\//.test(error.code ?? ""),
        refused,
      );
    }
    await assert.rejects(verifyCopy(join(directory, "none.db"), none), { code: "store/not-initialised" });
  });
});

describe("restoring", () => {
  it("is refused while the store is in use, keeps the old database with its log, and marks the new", async (context) => {
    const { stateDir, store } = await someStore(context);
    const directory = temporaryDir(context);
    const { file, events } = await backUp({ stateDir, directory, name: "a.db" }, none);
    store.appendEvent({ type: "later" }, 1);
    const wanted = { stateDir, file, keptName: "umbrad.db.kept" };
    await assert.rejects(restore(wanted, none), { code: "store/locked" });
    store.close();
    assert.equal(await restore(wanted, none), join(stateDir, "umbrad.db.kept"));
    assert.equal(inspectStore(join(stateDir, "umbrad.db.kept")).events, events + 1);
    const restored = await openStore({ stateDir, seal: undefined, random });
    assert.equal(restored.rollbacks.pending(), "restored");
    assert.equal(restored.lastSeq(), events);
    restored.close();
  });

  it("works on another machine, and so does a plain copy of the file", async (context) => {
    const { stateDir } = await someStore(context);
    const { file } = await backUp({ stateDir, directory: temporaryDir(context), name: "a.db" }, none);
    const elsewhere = join(temporaryDir(context), "new");
    assert.equal(await restore({ stateDir: elsewhere, file, keptName: "kept" }, none), undefined);
    const copied = join(temporaryDir(context), "copied");
    mkdirSync(copied, { mode: 0o700 });
    copyFileSync(file, storeFile(copied));
    for (const place of [elsewhere, copied]) {
      const store = await openStore({ stateDir: place, seal: undefined, random });
      assert.equal(store.rollbacks.pending(), "restored");
      store.close();
    }
  });

  it("of a bad file leaves everything as it was", async (context) => {
    const { stateDir, store } = await someStore(context);
    store.close();
    const before = readFileSync(storeFile(stateDir));
    const file = join(temporaryDir(context), "bad.db");
    writeFileSync(file, "no database at all, but of some length");
    await assert.rejects(restore({ stateDir, file, keptName: "kept" }, none), { code: "store/corrupt" });
    assert.deepEqual(readFileSync(storeFile(stateDir)), before);
    const same = await openStore({ stateDir, seal: undefined, random });
    assert.equal(same.rollbacks.pending(), undefined);
    same.close();
  });
});

describe("checking a store", () => {
  it("finds it whole while it is written, and says what is wrong when it is not", async (context) => {
    const { stateDir, store } = await someStore(context);
    checkStore(storeFile(stateDir));
    store.close();
    checkStore(storeFile(stateDir));
    truncateSync(storeFile(stateDir), statSync(storeFile(stateDir)).size - 4_096);
    assert.throws(() => checkStore(storeFile(stateDir)), { code: "store/corrupt" });
  });
});
