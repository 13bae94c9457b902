/** A second migration, as one might be: a column that is filled from what is there. */
import type { Migration } from "../../../src/sqlite/migrations/migrate.ts";

export const second: Migration = {
  number: 2,
  up(database) {
    database.exec("ALTER TABLE conversation ADD COLUMN note TEXT");
    database.exec("UPDATE conversation SET note = 'made by the second'");
  },
};
