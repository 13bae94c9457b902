/** Goal: never two daemons on one state directory, and never a lock left behind by a dead one. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { refuseLocked, takeStateLock } from "../../src/sqlite/lock.ts";
import { createStore, openStore } from "../../src/sqlite/open.ts";
import { turn } from "../conformance/store/store-rows.ts";
import { startHolder } from "./child.ts";
import { plaintext, random, temporaryDir } from "./temporary-store.ts";

const open = (stateDir: string) => openStore({ stateDir, seal: plaintext, random });

describe("the lock of a state directory", () => {
  it("refuses a second store in the same process, until the first is closed", async (context) => {
    const stateDir = temporaryDir(context);
    const first = await createStore({ stateDir, seal: plaintext, random });
    const refused = { code: "store/locked", message: new RegExp(`process ${process.pid}$`) };
    await assert.rejects(open(stateDir), refused);
    // The refused attempt must not have dropped the lock of the first.
    await assert.rejects(open(stateDir), refused);
    first.close();
    first.close();
    (await open(stateDir)).close();
  });

  it("says of a damaged lock that it may go, and nothing of the database", async (context) => {
    const stateDir = temporaryDir(context);
    (await createStore({ stateDir, seal: plaintext, random })).close();
    const file = join(stateDir, "lock.db");
    writeFileSync(file, "no database".repeat(1_000));
    const said = { code: "store/corrupt", message: `${file} is damaged; nothing is kept in it` };
    assert.throws(() => refuseLocked(stateDir), said);
    await assert.rejects(open(stateDir), {
      ...said,
      hint: `make sure that no umbrad runs on this state, then: rm ${file}`,
    });
    rmSync(file);
    (await open(stateDir)).close();
  });

  it("names the process that holds it, and ends with it however it ends", async (context) => {
    const stateDir = temporaryDir(context);
    const holder = startHolder("create", stateDir);
    context.after(() => holder.kill());
    await holder.heard(1);
    assert.deepEqual(holder.lines, ["held"]);
    await assert.rejects(open(stateDir), { code: "store/locked", message: new RegExp(`process ${holder.pid}$`) });
    await holder.kill();
    (await open(stateDir)).close();
  });

  it("holds against another process while we hold it", async (context) => {
    const stateDir = temporaryDir(context);
    const store = await createStore({ stateDir, seal: plaintext, random });
    context.after(() => store.close());
    await assert.rejects(open(stateDir), { code: "store/locked" });
    const other = startHolder("hold", stateDir);
    context.after(() => other.kill());
    await other.heard(1);
    assert.match(other.lines[0] ?? "", new RegExp(`^store/locked .*process ${process.pid}$`));
  });

  it("is taken by exactly one of several that start at once", async (context) => {
    const stateDir = temporaryDir(context);
    (await createStore({ stateDir, seal: plaintext, random })).close();
    const starters = Array.from({ length: 4 }, () => startHolder("hold", stateDir));
    context.after(() => Promise.all(starters.map((starter) => starter.kill())));
    await Promise.all(starters.map((starter) => starter.heard(1)));
    const words = starters.map((starter) => starter.lines[0]?.split(" ")[0]).sort();
    assert.deepEqual(words, ["held", "store/locked", "store/locked", "store/locked"]);
  });

  it("is not refused to a starter because others look whether it is free", async (context) => {
    const stateDir = temporaryDir(context);
    takeStateLock(stateDir).release();
    const module = JSON.stringify(new URL("../../src/sqlite/lock.ts", import.meta.url).href);
    const script = `import { refuseLocked } from ${module};
      process.stdout.write("looks");
      for (;;) try { refuseLocked(process.argv[1]); } catch {}`;
    const looker = spawn(process.execPath, ["--input-type=module", "-e", script, stateDir]);
    context.after(() => looker.kill("SIGKILL"));
    await once(looker.stdout, "data");
    for (let start = 0; start < 500; start += 1) takeStateLock(stateDir).release();
  });

  it("is not moved by a pid file that lies", async (context) => {
    const stateDir = temporaryDir(context);
    (await createStore({ stateDir, seal: plaintext, random })).close();
    writeFileSync(join(stateDir, "lock.pid"), `${process.ppid}\n`);
    const store = await open(stateDir);
    rmSync(join(stateDir, "lock.pid"));
    await assert.rejects(open(stateDir), { code: "store/locked", message: /another process$/ });
    store.close();
  });

  it("deleted under a running daemon, still lets only the newest write", async (context) => {
    const stateDir = temporaryDir(context);
    const old = await createStore({ stateDir, seal: plaintext, random });
    context.after(() => old.close());
    rmSync(join(stateDir, "lock.db"));
    const newest = await open(stateDir);
    context.after(() => newest.close());
    assert.throws(() => old.commit(turn()), { code: "store/locked" });
    assert.throws(() => old.saveCursor({ topics: [], throughMs: 1 }), { code: "store/locked" });
    newest.commit(turn());
    assert.equal(newest.conversation(0)?.revision, 1);
  });
});
