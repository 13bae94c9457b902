// Goal: tokens survive a restart, and the file alone tells nothing of them. Method: a real store, reopened; its raw rows.
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { createStore, openStore, storeFile } from "../../src/sqlite/open.ts";
import { plaintext, random, temporaryDir } from "./temporary-store.ts";

test("tokens are kept, sealed as a whole, and their ids are not given twice", async (t) => {
  const stateDir = temporaryDir(t);
  const first = await createStore({ stateDir, seal: plaintext, random });
  const hash = random(32);
  const scope = {
    conversations: [1, 7],
    successors: [],
    consumers: ["bot"],
    methods: undefined,
    perMinute: 60,
    expiresAtMs: undefined,
  };
  const token = { name: "canary-name", hash, roles: ["read"], createdAtMs: 5, ...scope };
  assert.equal(first.tokenTable.add(token), 1);
  assert.equal(first.tokenTable.add({ ...token, name: "second" }), 2);
  first.tokenTable.drop(2);
  const grown = { ...token, id: 1, successors: [[3, 4], []] };
  first.tokenTable.replace(grown);
  first.tokenTable.replace({ ...grown, id: 2 });
  first.close();

  const file = new DatabaseSync(storeFile(stateDir), { readOnly: true });
  const rows = file.prepare("SELECT * FROM token").all();
  file.close();
  assert.equal(rows.length, 1);
  const bytes = Buffer.from(rows[0]?.["body"] as Uint8Array);
  for (const part of ["canary-name", Buffer.from(hash), "read"]) assert.equal(bytes.includes(part), false);

  const second = await openStore({ stateDir, seal: plaintext, random });
  t.after(() => second.close());
  assert.deepEqual(second.tokenTable.list(), [grown]);
  assert.equal(second.tokenTable.add(token), 3);
});
