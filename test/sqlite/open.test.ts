/** Goal: a state directory is opened only when it is ours, private, whole, and of a schema that we know. */
import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, it, type TestContext } from "node:test";
import type { Store } from "../../src/engine/ports.ts";
import { createStore, isSealed, openStore, storeFile } from "../../src/sqlite/open.ts";
import { turn } from "../conformance/store/store-rows.ts";
import { passphrase, plaintext, random, temporaryDir } from "./temporary-store.ts";

/** A created store, closed. */
async function created(context: TestContext, seal = plaintext): Promise<string> {
  const stateDir = temporaryDir(context);
  const store = await createStore({ stateDir, seal, random });
  store.commit(turn());
  store.close();
  return stateDir;
}

const open = (stateDir: string, seal: Parameters<typeof openStore>[0]["seal"] = plaintext): Promise<Store> =>
  openStore({ stateDir, seal, random });

const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);

describe("creating a store", () => {
  it("makes a private directory and private files, under any umask", async (context) => {
    const umask = process.umask(0);
    context.after(() => process.umask(umask));
    const stateDir = join(temporaryDir(context), "deep", "state");
    const store = await createStore({ stateDir, seal: plaintext, random });
    context.after(() => store.close());
    store.commit(turn());
    assert.equal(modeOf(stateDir), "700");
    const modes = Object.fromEntries(readdirSync(stateDir).map((name) => [name, modeOf(join(stateDir, name))]));
    assert.deepEqual(modes, {
      "change-counter": "600",
      "lock.db": "600",
      "lock.pid": "600",
      "umbrad.db": "600",
      "umbrad.db-shm": "600",
      "umbrad.db-wal": "600",
    });
  });

  it("is refused a second time, running or not", async (context) => {
    const stateDir = await created(context);
    await assert.rejects(createStore({ stateDir, seal: plaintext, random }), { code: "store/exists" });
    assert.equal(await holdsConversation(stateDir), true);
  });

  it("takes an empty directory as it is and leaves a used one alone", async (context) => {
    const parent = temporaryDir(context);
    const [empty, used] = [join(parent, "empty"), join(parent, "used")];
    for (const directory of [empty, used]) mkdirSync(directory, { mode: 0o755 });
    writeFileSync(join(used, "notes"), "");
    (await createStore({ stateDir: empty, seal: plaintext, random })).close();
    assert.equal(modeOf(empty), "700");
    const refused = { code: "store/permissions", hint: `chmod 700 ${used}` };
    await assert.rejects(createStore({ stateDir: used, seal: plaintext, random }), refused);
    assert.deepEqual(readdirSync(used), ["notes"]);
    assert.equal(modeOf(used), "755");
  });

  it("starts over after one that was killed half-way", async (context) => {
    const stateDir = temporaryDir(context);
    for (const suffix of ["", "-wal", "-shm", "-journal"]) {
      writeFileSync(`${storeFile(stateDir)}.new${suffix}`, "half written");
    }
    await assert.rejects(open(stateDir), { code: "store/not-initialised" });
    const store = await createStore({ stateDir, seal: plaintext, random });
    store.commit(turn());
    store.close();
    assert.equal(await holdsConversation(stateDir), true);
    assert.deepEqual(readdirSync(stateDir).sort(), ["change-counter", "lock.db", "umbrad.db"]);
  });
});

describe("opening a store", () => {
  it("needs one, and says how to get one", async (context) => {
    const stateDir = join(temporaryDir(context), "none");
    await assert.rejects(open(stateDir), { code: "store/not-initialised", hint: "umbrad init" });
    assert.equal(isSealed(stateDir), undefined);
    assert.equal(existsSync(stateDir), false);
  });

  it("wants the right passphrase, and no passphrase where nothing is sealed", async (context) => {
    const sealed = await created(context, passphrase("right"));
    assert.equal(isSealed(sealed), true);
    await assert.rejects(open(sealed, undefined), { code: "store/passphrase-required" });
    await assert.rejects(openStore({ stateDir: sealed, seal: undefined, random }), {
      code: "store/passphrase-required",
    });
    await assert.rejects(open(sealed, passphrase("wrong")), { code: "store/wrong-passphrase" });
    const store = await open(sealed, passphrase("right"));
    assert.equal(isSealed(sealed), true);
    store.close();
    const bare = await created(context);
    assert.equal(isSealed(bare), false);
    await assert.rejects(open(bare, passphrase("right")), { code: "store/not-sealed" });
    (await openStore({ stateDir: bare, seal: undefined, random })).close();
  });

  it("refuses what others can read, with the exact command", async (context) => {
    const stateDir = await created(context);
    const file = storeFile(stateDir);
    chmodSync(file, 0o640);
    await assert.rejects(open(stateDir), { code: "store/permissions", hint: `chmod 600 ${file}` });
    chmodSync(file, 0o600);
    chmodSync(stateDir, 0o701);
    await assert.rejects(open(stateDir), { code: "store/permissions", hint: `chmod 700 ${stateDir}` });
    chmodSync(stateDir, 0o700);
    assert.equal(await holdsConversation(stateDir), true);
  });

  it("refuses a newer schema by its number and changes nothing", async (context) => {
    const stateDir = await created(context);
    raw(stateDir, "PRAGMA user_version = 99");
    const before = readFileSync(storeFile(stateDir));
    await assert.rejects(open(stateDir), { code: "store/newer-schema", message: /schema 99/ });
    assert.deepEqual(readFileSync(storeFile(stateDir)), before);
  });

  it("refuses what is not ours or not whole", async (context) => {
    const corrupt = { code: "store/corrupt" };
    const foreign = await created(context);
    raw(foreign, "PRAGMA application_id = 7");
    await assert.rejects(open(foreign), corrupt);
    const garbage = await created(context);
    writeFileSync(storeFile(garbage), Buffer.alloc(8192, "x"));
    await assert.rejects(open(garbage), corrupt);
    const keyless = await created(context);
    raw(keyless, "DELETE FROM meta WHERE key = 'data-key'");
    await assert.rejects(open(keyless), corrupt);
    const expensive = await created(context, passphrase("p"));
    raw(expensive, `UPDATE meta SET value = CAST(replace(CAST(value AS TEXT), '"passes":3', '"passes":3000') AS BLOB)`);
    await assert.rejects(open(expensive, passphrase("p")), corrupt);
  });

  it("refused, it gives the lock back", async (context) => {
    const stateDir = await created(context, passphrase("right"));
    await assert.rejects(open(stateDir, passphrase("wrong")), { code: "store/wrong-passphrase" });
    (await open(stateDir, passphrase("right"))).close();
  });
});

function raw(stateDir: string, sql: string): void {
  const database = new DatabaseSync(storeFile(stateDir));
  database.exec(sql);
  database.close();
}

async function holdsConversation(stateDir: string): Promise<boolean> {
  const store = await open(stateDir);
  try {
    return store.conversation(0) !== undefined;
  } finally {
    store.close();
  }
}
