/** Goal: a failing environment gives a stable code, changes nothing, and does not outlast its cause. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { describe, it, type TestContext } from "node:test";
import { InvariantError } from "../../src/engine/errors.ts";
import { APPLICATION_ID, configureWriter, Database } from "../../src/sqlite/database.ts";
import { first } from "../../src/sqlite/migrations/0001-first.ts";
import { migrate, newestSchema, schemaOf } from "../../src/sqlite/migrations/migrate.ts";
import { createStore, openStore, storeFile } from "../../src/sqlite/open.ts";
import { Sealer } from "../../src/sqlite/seal.ts";
import { SqliteStore } from "../../src/sqlite/store.ts";
import { bareTurn, bytes, topic, turn } from "../conformance/store/store-rows.ts";
import { plaintext, random, temporaryDir } from "./temporary-store.ts";

/** A store whose connection the test holds too. */
function bareStore(context: TestContext, options: { readOnly?: boolean } = {}) {
  const file = storeFile(temporaryDir(context));
  const writer = new Database(file);
  configureWriter(writer);
  writer.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
  migrate(writer);
  const database = options.readOnly ? new Database(file, options) : writer;
  const store = new SqliteStore(database, new Sealer(random(32), random), { release: () => writer.close() });
  context.after(() => store.close());
  return { store, database, file };
}

describe("a writer's connection", () => {
  it("synchronises every commit and forgets what is deleted", (context) => {
    const { database } = bareStore(context);
    const pragma = (name: string) => [name, database.value(`PRAGMA ${name}`)];
    const names = ["journal_mode", "synchronous", "foreign_keys", "secure_delete", "trusted_schema", "application_id"];
    assert.deepEqual(Object.fromEntries(names.map(pragma)), {
      journal_mode: "wal",
      synchronous: 2,
      foreign_keys: 1,
      secure_delete: 1,
      trusted_schema: 0,
      application_id: APPLICATION_ID,
    });
    assert.deepEqual(
      database.all("SELECT name FROM pragma_table_list WHERE strict = 0 AND name NOT LIKE 'sqlite_%'"),
      [],
    );
  });

  it("refuses a place where it cannot be durable", () => {
    const inMemory = new Database(":memory:");
    assert.throws(() => configureWriter(inMemory), { code: "store/io", hint: /local file system/ });
    inMemory.close();
  });
});

describe("a full disk", () => {
  it("refuses the turn whole, and the next one passes when there is room again", (context) => {
    const { store, database } = bareStore(context);
    store.commit(turn());
    const pages = Number(database.value("PRAGMA page_count"));
    database.exec(`PRAGMA max_page_count = ${pages + 2}`);
    const large = turn({ expectedRevision: 1, state: new Uint8Array(60_000), events: [{ type: "x" }] });
    assert.throws(() => store.commit(large), { code: "store/full" });
    assert.throws(() => store.commitAll([turn({ number: 1 }), large]), { code: "store/full" });
    assert.deepEqual([store.conversation(0)?.revision, store.conversation(1), store.lastSeq()], [1, undefined, 0]);
    database.exec("PRAGMA max_page_count = 100000");
    assert.deepEqual(
      store.commit(large).events.map((event) => event.seq),
      [1],
    );
  });
});

describe("a read-only database", () => {
  it("says so on the first write, and is read", (context) => {
    const { store } = bareStore(context, { readOnly: true });
    assert.equal(store.conversation(0), undefined);
    assert.throws(() => store.commit(turn()), { code: "store/readonly" });
    assert.throws(() => store.commitAll([turn()]), { code: "store/readonly" });
  });
});

describe("a damaged file", () => {
  it("is named when a turn reads the damage", async (context) => {
    const stateDir = temporaryDir(context);
    const store = await createStore({ stateDir, seal: plaintext, random });
    for (let number = 0; number < 40; number++) store.commit(turn({ number, state: new Uint8Array(3000) }));
    store.close();
    const whole = readFileSync(storeFile(stateDir));
    // Keeps the header, the schema and the first tables' roots.
    writeFileSync(
      storeFile(stateDir),
      Buffer.concat([whole.subarray(0, 4096 * 32), Buffer.alloc(whole.length - 4096 * 32, 0xff)]),
    );
    const damaged = await openStore({ stateDir, seal: plaintext, random });
    context.after(() => damaged.close());
    assert.throws(() => [...damaged.conversations()], { code: "store/corrupt" });
  });
});

describe("our own faults", () => {
  it("are not taken for the environment's", (context) => {
    const { store, database } = bareStore(context);
    assert.throws(() => store.commit(bareTurn({ atMs: 0.5, seenWakuHash: bytes("h") })), InvariantError);
    assert.throws(
      () => store.commit({ ...turn(), conversations: [{ ...turn().conversations[0]!, createdAtMs: Number.NaN }] }),
      InvariantError,
    );
    const parked = { topic: topic("t"), payload: bytes("p"), wakuHash: bytes("h"), parkedAtMs: 1, dueAtMs: 1 };
    assert.throws(() => store.park({ ...parked, conversation: 9, errorCode: "x" }), InvariantError);
    assert.throws(() => database.transaction(() => Promise.resolve()), InvariantError);
    assert.equal(database.inTransaction, false);
    assert.throws(() => database.transaction(() => store.commit(turn())), InvariantError);
    assert.equal(store.conversation(0), undefined);
    store.commit(turn());
    store.close();
    assert.throws(() => store.commit(turn({ expectedRevision: 1 })), InvariantError);
  });

  it("cannot take the newest event away, whose number would be given again", (context) => {
    const { store, database } = bareStore(context);
    for (let count = 0; count < 3; count++) store.appendEvent({ type: "x" }, 1);
    database.run("DELETE FROM event WHERE seq < 3");
    assert.throws(() => database.run("DELETE FROM event"), /newest event/);
    assert.equal(store.appendEvent({ type: "x" }, 1).seq, 4);
  });
});

describe("migrations", () => {
  const second = { number: 2, up: (database: Database) => database.exec("CREATE TABLE extra (a INTEGER) STRICT") };

  it("go on from the present schema, with a private copy of it beside", (context) => {
    const { database, file } = bareStore(context);
    migrate(database, { steps: [first, second], snapshotBeside: file });
    assert.equal(schemaOf(database), 2);
    assert.equal(database.value("SELECT count(*) FROM extra"), 0);
    const copy = new Database(`${file}.schema-1`, { readOnly: true });
    context.after(() => copy.close());
    assert.equal(schemaOf(copy), 1);
    assert.equal(copy.value("PRAGMA integrity_check"), "ok");
    assert.throws(() => copy.value("SELECT count(*) FROM extra"), InvariantError);
  });

  it("are announced before the copy and before each step, and never when there is nothing to do", (context) => {
    const { database, file } = bareStore(context);
    const schemas: number[] = [];
    const options = { steps: [first, second], snapshotBeside: file, onStep: () => schemas.push(schemaOf(database)) };
    migrate(database, options);
    migrate(database, options);
    assert.deepEqual(schemas, [1, 1], "one for the copy, one for the step");
  });

  it("that fail leave the schema that was", (context) => {
    const { database } = bareStore(context);
    const failing = {
      number: 2,
      up: (inner: Database) => inner.exec("CREATE TABLE extra (a INTEGER) STRICT; nonsense"),
    };
    assert.throws(() => migrate(database, { steps: [first, failing] }));
    assert.equal(schemaOf(database), newestSchema());
    migrate(database, { steps: [first, second] });
    assert.equal(schemaOf(database), 2);
  });
});
