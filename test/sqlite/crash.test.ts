/**
 * Goal: kill -9 at any instant loses no acknowledged commit and tears none.
 * Method: a child commits and prints after each commit; we kill it after a random number of lines and open its files.
 */
import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { DatabaseSync } from "node:sqlite";
import { describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { createStore, openStore, storeFile } from "../../src/sqlite/open.ts";
import { bytes } from "../conformance/store/store-rows.ts";
import { startHolder } from "./child.ts";
import { plaintext, random, temporaryDir } from "./temporary-store.ts";

/** Opens the store that a killed process left, checks it whole, and says how many turns it holds. */
async function turnsOnDisk(stateDir: string): Promise<number> {
  const store = await openStore({ stateDir, seal: plaintext, random });
  const revision = store.conversation(0)?.revision ?? 0;
  if (revision > 0) assert.deepEqual(store.conversation(0)?.state, bytes(`${revision} `.repeat(100)));
  assert.equal(store.lastSeq(), revision);
  assert.equal(store.outboxCount(), revision);
  let expected = 0;
  for (let after = 0; after < revision; after = expected) {
    for (const event of store.events({ after, limit: 1000 })) {
      assert.equal(event.seq, ++expected);
      assert.deepEqual(event.message?.body.bytes, bytes(`content of m${event.seq - 1}`));
    }
  }
  assert.equal(store.messages({ conversation: 0, limit: revision + 1 }).length, revision);
  store.close();
  const raw = new DatabaseSync(storeFile(stateDir));
  assert.deepEqual({ ...raw.prepare("PRAGMA integrity_check").get() }, { integrity_check: "ok" });
  raw.close();
  return revision;
}

describe("kill -9", () => {
  for (const mode of ["write", "write-groups"] as const) {
    it(`during ${mode}: every acknowledged turn is there, whole`, async (context) => {
      const stateDir = temporaryDir(context);
      (await createStore({ stateDir, seal: plaintext, random })).close();
      for (let round = 0; round < 12; round++) {
        const count = randomInt(1, 60);
        const child = startHolder(mode, stateDir);
        context.after(() => child.kill());
        await child.heard(count);
        await child.kill();
        assert.equal(child.lines[0], "held");
        const acknowledged = Number(child.lines.at(-1) === "held" ? 0 : child.lines.at(-1));
        const found = await turnsOnDisk(stateDir);
        const group = mode === "write" ? 1 : 8;
        assert.ok(
          found >= acknowledged,
          `round ${round}, after ${count} lines: ${acknowledged} acknowledged, ${found} found`,
        );
        assert.equal(found % group, 0, "a group was torn");
      }
    });
  }

  it("during creation: the next creation works, or the store is complete", async (context) => {
    for (let round = 0; round < 6; round++) {
      const stateDir = temporaryDir(context);
      const child = startHolder("create", stateDir);
      // No condition to wait for: the point is to hit an instant that nobody chose.
      await delay(randomInt(40, 160));
      await child.kill();
      const open = createStore({ stateDir, seal: plaintext, random }).catch((error) => {
        assert.equal(error.code, "store/exists");
        return openStore({ stateDir, seal: plaintext, random });
      });
      (await open).close();
    }
  });
});
