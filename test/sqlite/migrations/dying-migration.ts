/** A process that is killed within a migration, when its work is done and not committed: `dying-migration.ts FILE`. */
import { writeSync } from "node:fs";
import { configureWriter, Database } from "../../../src/sqlite/database.ts";
import { first } from "../../../src/sqlite/migrations/0001-first.ts";
import { migrate } from "../../../src/sqlite/migrations/migrate.ts";
import { second } from "./second.ts";

const file = process.argv[2] ?? "";
const database = new Database(file);
configureWriter(database);
const dying = {
  number: 2,
  up(inner: Database): void {
    second.up(inner);
    writeSync(1, "in the middle\n");
    process.kill(process.pid, "SIGKILL");
  },
};
migrate(database, { snapshotBeside: file, steps: [first, dying] });
