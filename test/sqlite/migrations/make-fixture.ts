/**
 * Makes `schema-<n>.db`, the database of a released schema with some of everything: `npm run fixture`.
 * Until the first release, again after each change of the first migration; afterwards a fixture is history and never made anew.
 */
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { newestSchema } from "../../../src/sqlite/migrations/migrate.ts";
import { createStore, storeFile } from "../../../src/sqlite/open.ts";
import { plaintext, random } from "../temporary-store.ts";
import { fill } from "./content.ts";

const stateDir = mkdtempSync(join(tmpdir(), "umbrad-fixture-"));
const store = await createStore({ stateDir, seal: plaintext, random });
fill(store);
store.close();
const name = `schema-${String(newestSchema()).padStart(4, "0")}.db`;
cpSync(storeFile(stateDir), fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url)));
rmSync(stateDir, { recursive: true });
