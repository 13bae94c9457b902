/**
 * Goal: every schema that was ever released upgrades with all that it has; a migration that is killed in its middle leaves the
 * old schema and a copy of it, and goes through at the next start. Method: databases of released schemas in `fixtures/`, a
 * migration of this test's own, a process that is killed inside it.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, existsSync, readdirSync, statSync } from "node:fs";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { configureWriter, Database } from "../../../src/sqlite/database.ts";
import { first } from "../../../src/sqlite/migrations/0001-first.ts";
import { migrate, newestSchema, schemaOf } from "../../../src/sqlite/migrations/migrate.ts";
import { createStore, openStore, storeFile } from "../../../src/sqlite/open.ts";
import { Sealer } from "../../../src/sqlite/seal.ts";
import { SqliteStore } from "../../../src/sqlite/store.ts";
import { unwrapDataKey } from "../../../src/sqlite/wrapped-key.ts";
import { plaintext, random, temporaryDir } from "../temporary-store.ts";
import { contentOf, fill } from "./content.ts";
import { second } from "./second.ts";

const fixtures = fileURLToPath(new URL("../fixtures/", import.meta.url));
const dying = fileURLToPath(new URL("./dying-migration.ts", import.meta.url));

async function expected(): Promise<unknown> {
  const stateDir = temporaryDir({ after: (run) => process.once("exit", run) });
  const store = await createStore({ stateDir, seal: plaintext, random });
  fill(store);
  const content = contentOf(store);
  store.close();
  return content;
}

function copyOf(name: string, context: { after(run: () => void): void }): string {
  const stateDir = temporaryDir(context);
  cpSync(`${fixtures}${name}`, storeFile(stateDir));
  chmodSync(storeFile(stateDir), 0o600);
  return stateDir;
}

describe("a database of a released schema", () => {
  const names = readdirSync(fixtures).filter((name) => name.endsWith(".db"));

  it("is there for every schema up to the newest", () => {
    const wanted = Array.from(
      { length: newestSchema() },
      (_, index) => `schema-${String(index + 1).padStart(4, "0")}.db`,
    );
    assert.deepEqual(names.sort(), wanted);
  });

  for (const name of names) {
    it(`${name}: has everything after the upgrade`, async (context) => {
      const store = await openStore({ stateDir: copyOf(name, context), seal: plaintext, random });
      context.after(() => store.close());
      assert.deepEqual(contentOf(store), await expected());
    });
  }
});

describe("a migration of a database that holds something", () => {
  it("keeps a private copy of the schema before, with all its content", async (context) => {
    const file = storeFile(copyOf("schema-0001.db", context));
    const database = new Database(file);
    configureWriter(database);
    migrate(database, { snapshotBeside: file, steps: [first, second] });
    assert.equal(schemaOf(database), 2);
    assert.equal(database.value("SELECT note FROM conversation"), "made by the second");
    await requireContent(database, context);
    const copy = new Database(`${file}.schema-1`);
    assert.equal(schemaOf(copy), 1);
    assert.equal(statSync(`${file}.schema-1`).mode & 0o777, 0o600);
    await requireContent(copy, context);
  });

  it("that is killed in its middle goes through the next time", async (context) => {
    const file = storeFile(copyOf("schema-0001.db", context));
    const { signal, stdout } = spawnSync(process.execPath, [dying, file], { encoding: "utf8" });
    assert.deepEqual([signal, stdout], ["SIGKILL", "in the middle\n"]);
    assert.ok(existsSync(`${file}.schema-1`));
    const database = new Database(file);
    configureWriter(database);
    assert.equal(schemaOf(database), 1, "one transaction: nothing of it is there");
    assert.throws(() => database.value("SELECT note FROM conversation"));
    migrate(database, { snapshotBeside: file, steps: [first, second] });
    assert.equal(schemaOf(database), 2);
    await requireContent(database, context);
  });
});

async function requireContent(database: Database, context: { after(run: () => void): void }): Promise<void> {
  const { value } = database.get<{ value: Uint8Array }>("SELECT value FROM meta WHERE key = 'data-key'") ?? {};
  assert.ok(value);
  const sealer = new Sealer(await unwrapDataKey(value, plaintext), random);
  const store = new SqliteStore(database, sealer, { release: () => {} });
  context.after(() => store.close());
  assert.deepEqual(contentOf(store), await expected());
}
