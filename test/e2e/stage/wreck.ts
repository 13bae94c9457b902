// What a killed daemon left behind, read from a copy of its database, so that the next daemon finds every byte as the
// dead one left it: also the write-ahead log that nobody has recovered yet.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, rmSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { openStore, storeFile } from "../../../src/sqlite/open.ts";
import type { LogLine } from "./output.ts";

/** The rows that tell in which window a kill fell. */
export interface Wreck {
  /** Envelopes that are committed, whose turn it is to leave, and that are not marked as published. */
  readonly outbox: readonly Uint8Array[];
  /** How many envelopes this state has taken, ever. */
  readonly seen: number;
  /** Whether the message with this key is in it. */
  readonly knowsKey: boolean;
}

export async function readWreck(stateDir: string, copyDir: string, key: string): Promise<Wreck> {
  mkdirSync(copyDir, { mode: 0o700 });
  const [from, to] = [storeFile(stateDir), storeFile(copyDir)];
  for (const suffix of ["", "-wal"]) {
    if (existsSync(`${from}${suffix}`)) copyFileSync(`${from}${suffix}`, `${to}${suffix}`);
  }
  const store = await openStore({ stateDir: copyDir, seal: undefined, random: (length) => randomBytes(length) });
  try {
    const outbox = store.outboxDue(Number.MAX_SAFE_INTEGER, 1_000).map((row) => row.envelope);
    const knowsKey = store.idempotent(key) !== undefined;
    return { outbox, knowsKey, seen: count(to, "SELECT count(*) AS count FROM seen") };
  } finally {
    store.close();
    rmSync(copyDir, { recursive: true, force: true });
  }
}

function count(file: string, sql: string): number {
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    return Number(database.prepare(sql).get()?.["count"]);
  } finally {
    database.close();
  }
}

/** How many envelopes a process gave to a conversation that did not refuse them, until it died. */
export function takenOf(log: readonly LogLine[]): number {
  const count = (event: string): number => log.filter((line) => line.event === event).length;
  return count("envelope.routed") - count("envelope.dropped");
}

/** Every page of the database reads, every index agrees with its table. */
export function assertIntegrity(stateDir: string): void {
  const database = new DatabaseSync(storeFile(stateDir));
  try {
    const verdicts = database.prepare("PRAGMA integrity_check").all();
    assert.deepEqual(
      verdicts.map((row) => row["integrity_check"]),
      ["ok"],
    );
    assert.deepEqual(database.prepare("PRAGMA foreign_key_check").all(), []);
  } finally {
    database.close();
  }
}
