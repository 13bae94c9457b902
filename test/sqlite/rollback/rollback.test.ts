/**
 * Goal: a database that was put back is told from one that crashed, and the file that tells them apart can do no harm.
 * Method: real files: copies made while the store runs, put back, with the counter file as it was, older, gone or garbage.
 */
import assert from "node:assert/strict";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { backup, DatabaseSync } from "node:sqlite";
import { describe, it, type TestContext } from "node:test";
import type { Store } from "../../../src/engine/ports.ts";
import { restore } from "../../../src/sqlite/backup/backup.ts";
import { createStore, openStore } from "../../../src/sqlite/open.ts";
import { turn } from "../../conformance/store/store-rows.ts";
import { until } from "../../support/engine/test-node.ts";
import { plaintext, random, temporaryDir } from "../temporary-store.ts";

const open = (stateDir: string, onCounterFault?: (error: unknown) => void) =>
  openStore({ stateDir, seal: plaintext, random, ...(onCounterFault === undefined ? {} : { onCounterFault }) });
const counterOf = (stateDir: string) => join(stateDir, "change-counter");
const change = (store: Store, times: number) => {
  for (let count = 0; count < times; count += 1) store.appendEvent({ type: "test" }, count);
};

/** A store with ten changes, closed. */
async function someState(context: TestContext, name = "state"): Promise<string> {
  const stateDir = join(temporaryDir(context), name);
  const store = await createStore({ stateDir, seal: plaintext, random });
  change(store, 10);
  store.close();
  return stateDir;
}

async function copyDatabase(stateDir: string, to: string): Promise<void> {
  const source = new DatabaseSync(join(stateDir, "umbrad.db"), { readOnly: true });
  await backup(source, to);
  source.close();
  chmodSync(to, 0o600);
}

function putBack(copy: string, stateDir: string): void {
  for (const suffix of ["-wal", "-shm"]) rmSync(join(stateDir, `umbrad.db${suffix}`), { force: true });
  copyFileSync(copy, join(stateDir, "umbrad.db"));
}

async function causeAt(stateDir: string): Promise<string | undefined> {
  const store = await open(stateDir);
  const cause = store.rollbacks.pending();
  store.close();
  return cause;
}

const leftByKilled = ["umbrad.db", "umbrad.db-wal", "change-counter"];

/** What a daemon that is killed now leaves, as a state directory of its own. */
function killedNow(context: TestContext, stateDir: string): string {
  const left = join(temporaryDir(context), "left, 100%");
  mkdirSync(left, { mode: 0o700 });
  for (const name of leftByKilled) copyFileSync(join(stateDir, name), join(left, name));
  return left;
}

function checkpoint(stateDir: string, how: "PASSIVE" | "RESTART"): void {
  const other = new DatabaseSync(join(stateDir, "umbrad.db"));
  other.exec(`PRAGMA wal_checkpoint(${how})`);
  other.close();
}

describe("a write-ahead log that was left", () => {
  it("is refused beside an older database, and taken over beside its own", async (context) => {
    const stateDir = await someState(context, "100%25 #1?");
    const store = await open(stateDir);
    context.after(() => store.close());
    store.commit(turn({ number: 0, conversationId: "/inbox/v1/test", type: "inbox/v1" }));
    change(store, 5);
    checkpoint(stateDir, "RESTART");
    const older = killedNow(context, stateDir);
    change(store, 5);
    checkpoint(stateDir, "RESTART");
    change(store, 5);
    const whole = killedNow(context, stateDir);
    const mixed = killedNow(context, stateDir);
    copyFileSync(join(older, "umbrad.db"), join(mixed, "umbrad.db"));
    const bytes = () => leftByKilled.map((name) => readFileSync(join(mixed, name)));
    const before = bytes();
    await assert.rejects(open(mixed), { code: "store/corrupt", message: /belongs to another, newer copy/ });
    assert.deepEqual(bytes(), before, "nothing was changed");
    // As the error advises.
    const file = join(mixed, "older.db");
    renameSync(join(mixed, "umbrad.db"), file);
    await restore({ stateDir: mixed, file, keptName: "kept.db" }, { seal: plaintext, random });
    assert.equal(await causeAt(mixed), "restored");

    const again = await open(whole);
    assert.equal(again.lastSeq(), store.lastSeq(), "nothing of the log is lost");
    assert.equal(again.rollbacks.pending(), undefined);
    again.close();
  });

  it("is taken over when the counter had jumped in it, because the database was put back before", async (context) => {
    const stateDir = await someState(context);
    const copy = join(temporaryDir(context), "copy.db");
    await copyDatabase(stateDir, copy);
    const newer = await open(stateDir);
    change(newer, 50);
    newer.close();
    putBack(copy, stateDir);
    const store = await open(stateDir);
    context.after(() => store.close());
    assert.equal(store.rollbacks.pending(), "older-than-counter");
    assert.equal(await causeAt(killedNow(context, stateDir)), "older-than-counter");
    store.rollbacks.begin("older-than-counter", 1);
    store.rollbacks.end();
    change(store, 3);
    assert.equal(await causeAt(killedNow(context, stateDir)), undefined);
  });

  it("is never taken for another's, whatever of it is in the database by now", async (context) => {
    const stateDir = await someState(context);
    const store = await open(stateDir);
    context.after(() => store.close());
    for (let round = 0; round < 40; round += 1) {
      change(store, 1 + ((round * 7) % 30));
      if (round % 3 === 1) checkpoint(stateDir, "PASSIVE");
      if (round % 5 === 2) checkpoint(stateDir, "RESTART");
      const left = killedNow(context, stateDir);
      const again = await open(left);
      assert.equal(again.lastSeq(), store.lastSeq());
      again.close();
      assert.ok(!existsSync(join(left, ".log-check")));
    }
  });
});

describe("a database that was put back", () => {
  it("is behind the counter file", async (context) => {
    const stateDir = await someState(context);
    const copy = join(temporaryDir(context), "copy.db");
    await copyDatabase(stateDir, copy);
    const store = await open(stateDir);
    change(store, 1);
    store.close();
    putBack(copy, stateDir);
    assert.equal(await causeAt(stateDir), "older-than-counter");
    // Until somebody has dealt with it, over any number of starts; and then it is no news.
    const again = await open(stateDir);
    assert.equal(again.rollbacks.pending(), "older-than-counter");
    again.rollbacks.begin("older-than-counter", 1);
    again.rollbacks.end();
    again.close();
    assert.equal(await causeAt(stateDir), undefined);
  });

  it("is found though the process died before it wrote the counter file again", async (context) => {
    const stateDir = await someState(context);
    const copy = join(temporaryDir(context), "copy.db");
    await copyDatabase(stateDir, copy);
    const store = await open(stateDir);
    change(store, 1);
    const atCrash = readFileSync(counterOf(stateDir));
    store.close();
    writeFileSync(counterOf(stateDir), atCrash);
    putBack(copy, stateDir);
    assert.equal(await causeAt(stateDir), "older-than-counter");
  });

  it("is announced once, however often dealing with it begins", async (context) => {
    const stateDir = await someState(context);
    rmSync(counterOf(stateDir));
    const store = await open(stateDir);
    assert.equal(store.rollbacks.begin("counter-missing", 5).events.length, 1);
    store.close();
    const again = await open(stateDir);
    assert.equal(again.rollbacks.begin("counter-missing", 6).events.length, 0);
    again.rollbacks.end();
    const told = again.events({ after: 0, limit: 100 }).filter(({ type }) => type === "state.rolled-back");
    assert.deepEqual(
      told.map(({ atMs, data }) => ({ atMs, data })),
      [{ atMs: 5, data: { cause: "counter-missing" } }],
    );
    again.close();
  });

  it("is found again when it is put back again, behind a counter that went on", async (context) => {
    const stateDir = await someState(context);
    const copy = join(temporaryDir(context), "copy.db");
    await copyDatabase(stateDir, copy);
    for (let round = 0; round < 3; round += 1) {
      const store = await open(stateDir);
      store.rollbacks.end();
      store.close();
      putBack(copy, stateDir);
      assert.equal(await causeAt(stateDir), "older-than-counter");
    }
  });

  it("has no counter file on another machine, because backups leave it out", async (context) => {
    const [stateDir, elsewhere] = [await someState(context), temporaryDir(context)];
    await copyDatabase(stateDir, join(elsewhere, "umbrad.db"));
    assert.equal(await causeAt(elsewhere), "counter-missing");
  });

  it("does not match the counter file of another database", async (context) => {
    const [one, other] = [await someState(context), await someState(context)];
    copyFileSync(counterOf(other), counterOf(one));
    assert.equal(await causeAt(one), "counter-missing");
  });

  it("cannot be ruled out when the counter file is garbage", async (context) => {
    const garbage = [
      "",
      "umbrad-changes",
      "umbrad-changes 00 7\n",
      `${readCounter(await someState(context))}7\n`,
      "x".repeat(1e6),
    ];
    for (const bytes of garbage) {
      const stateDir = await someState(context);
      writeFileSync(counterOf(stateDir), bytes);
      assert.equal(await causeAt(stateDir), "counter-unreadable", JSON.stringify(bytes.slice(0, 80)));
    }
    assert.match(readCounter(await someState(context)), /^umbrad-changes [0-9a-f]{32} \d+\n$/);
  });
});

describe("an ordinary start", () => {
  it("is none, whether or not the last stop was clean", async (context) => {
    const stateDir = await someState(context);
    assert.equal(await causeAt(stateDir), undefined);
    const lagging = readCounter(stateDir);
    const store = await open(stateDir);
    change(store, 20);
    store.close();
    // As after a crash within the second: the file is older than the database.
    writeFileSync(counterOf(stateDir), lagging);
    assert.equal(await causeAt(stateDir), undefined);
  });

  it("is none without a counter file while none was ever written", async (context) => {
    const stateDir = await someState(context);
    const database = new DatabaseSync(join(stateDir, "umbrad.db"));
    database.exec("UPDATE change_counter SET has_file = 0");
    database.close();
    rmSync(counterOf(stateDir));
    assert.equal(await causeAt(stateDir), undefined);
    assert.ok(existsSync(counterOf(stateDir)));
  });

  it("is none for a new state where an older one left its counter", async (context) => {
    const stateDir = await someState(context);
    rmSync(join(stateDir, "umbrad.db"));
    (await createStore({ stateDir, seal: plaintext, random })).close();
    assert.equal(await causeAt(stateDir), undefined);
  });
});

describe("the counter file", () => {
  const changesIn = (stateDir: string) => Number(readCounter(stateDir).split(" ")[2]);

  it("follows a running store by itself, and never runs ahead of it", async (context) => {
    const stateDir = await someState(context);
    const store = await open(stateDir);
    const before = changesIn(stateDir);
    change(store, 30);
    assert.equal(changesIn(stateDir), before, "not with each commit");
    await until(() => changesIn(stateDir) === before + 30, "the file has caught up");
    assert.equal(statSync(counterOf(stateDir)).mode & 0o777, 0o600);
    change(store, 1);
    store.close();
    assert.equal(changesIn(stateDir), before + 31, "a clean stop has the last word");
  });

  it("fails no turn when it cannot be written, and says so once", async (context) => {
    const stateDir = await someState(context);
    const faults: unknown[] = [];
    const store = await open(stateDir, (error) => faults.push(error));
    // Not a file mode: the tests may run as root, whom modes do not stop.
    rmSync(counterOf(stateDir));
    mkdirSync(join(counterOf(stateDir), "in the way"), { recursive: true });
    change(store, 1);
    await until(() => faults.length === 1, "the fault is told");
    change(store, 5);
    store.close();
    assert.equal(faults.length, 1);
    assert.equal(await causeAt(stateDir), "counter-unreadable");
    rmSync(counterOf(stateDir), { recursive: true });
  });
});

function readCounter(stateDir: string): string {
  return readFileSync(counterOf(stateDir), "latin1");
}
