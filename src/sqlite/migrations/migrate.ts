/** Brings a database to the newest schema: numbered steps, each in one transaction with its number. */
import { rmSync } from "node:fs";
import { invariant } from "../../engine/errors.ts";
import type { Database } from "../database.ts";
import { createPrivate } from "../lock.ts";
import { first } from "./0001-first.ts";

export interface Migration {
  /** What `user_version` becomes. */
  readonly number: number;
  up(database: Database): void;
}

/** All migrations, oldest first. */
const migrations: readonly Migration[] = [first];

/** The schema that this build writes. */
export function newestSchema(steps: readonly Migration[] = migrations): number {
  return steps.at(-1)?.number ?? 0;
}

/** The schema of an open database; 0 is an empty file. */
export function schemaOf(database: Database): number {
  return Number(database.value("PRAGMA user_version"));
}

/**
 * A crash between two steps leaves the schema of the first: the next start goes on from there. Before the first step of
 * a database that holds something, a copy is kept beside it, for whoever must go back to the older umbrad.
 */
export function migrate(
  database: Database,
  options: {
    readonly snapshotBeside?: string;
    readonly steps?: readonly Migration[];
    /** Called before the snapshot and before each step: the event loop stands still until the next call. */
    readonly onStep?: (() => void) | undefined;
  } = {},
): void {
  const { snapshotBeside, steps = migrations, onStep } = options;
  invariant(
    steps.every((step, index) => step.number === index + 1),
    "migrations are numbered from 1 without a gap",
  );
  const present = schemaOf(database);
  const missing = steps.slice(present);
  if (missing.length > 0 && snapshotBeside !== undefined) {
    onStep?.();
    snapshot(database, `${snapshotBeside}.schema-${present}`);
  }
  for (const step of missing) {
    onStep?.();
    database.transaction(() => {
      step.up(database);
      database.exec(`PRAGMA user_version = ${step.number}`);
    });
  }
}

function snapshot(database: Database, file: string): void {
  // Half of one, when a crash interrupted it.
  rmSync(file, { force: true });
  createPrivate(file);
  database.run("VACUUM INTO ?", file);
}
