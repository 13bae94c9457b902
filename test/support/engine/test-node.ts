/** A whole node but for process and network: the real engine and conversation types on a real SQLite file. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inboxV1, inboxWith } from "../../../src/conversation/inbox-v1/inbox-v1.ts";
import { privateV1 } from "../../../src/conversation/private-v1/private-v1.ts";
import { systemClock } from "../../../src/daemon/clock.ts";
import { createEngine, type Engine } from "../../../src/engine/engine.ts";
import { initialiseState } from "../../../src/engine/initialise.ts";
import type { CanaryOptions } from "../../../src/engine/loops/canary/canary.ts";
import type { Clock, EventRow, Log, LogFields, Store, Transport } from "../../../src/engine/ports.ts";
import type { QuotaRule } from "../../../src/engine/quota/quota.ts";
import { createStore, openStore } from "../../../src/sqlite/open.ts";

export interface TestNode {
  readonly stateDir: string;
  readonly engine: Engine;
  readonly store: Store;
  /** Lines at warn and above; a test of the sunny path wants none at error. */
  readonly problems: readonly { readonly level: string; readonly fields: LogFields; readonly message: string }[];
  stop(): Promise<void>;
}

/** Starts on `stateDir`, which is created on first use. */
export async function startNode(
  transport: Transport,
  stateDir: string,
  clock: Clock = systemClock,
  canary: CanaryOptions | "off" = "off",
  quota?: QuotaRule,
  unknownSenders: "ask" | "reject" = "ask",
): Promise<TestNode> {
  const random = (length: number) => clock.random(length);
  const location = { stateDir, seal: { kind: "plaintext" }, random } as const;
  let store: Store;
  try {
    store = await openStore(location);
  } catch {
    store = await createStore(location);
    initialiseState({ store, clock, inbox: inboxV1 });
  }
  const problems: { level: string; fields: LogFields; message: string }[] = [];
  const log: Log = {
    debug: () => {},
    info: () => {},
    warn: (fields, message) => problems.push({ level: "warn", fields, message }),
    error: (fields, message) => problems.push({ level: "error", fields, message }),
  };
  const types = [inboxWith({ unknownSenders }), privateV1];
  const engine = createEngine({ store, transport, clock, log, types, canary, quota });
  await engine.start();
  return {
    stateDir,
    engine,
    store,
    problems,
    async stop() {
      await engine.stop(2_000);
      store.close();
    },
  };
}

export function scratchDir(name: string): string {
  return mkdtempSync(join(tmpdir(), `umbrad-${name}-`));
}

export function removeDir(directory: string): void {
  rmSync(directory, { recursive: true, force: true });
}

/** Resolves with the first event, past or future, that matches; rejects after `limitMs`. */
export function eventOf(engine: Engine, matches: (event: EventRow) => boolean, limitMs = 60_000): Promise<EventRow> {
  return new Promise((resolve, reject) => {
    const deadline = setTimeout(() => {
      unfollow();
      reject(new Error(`no such event within ${limitMs} ms; the log has ${engine.lastSeq()} events`));
    }, limitMs);
    const look = (events: readonly EventRow[]) => {
      const found = events.find(matches);
      if (found === undefined) return;
      clearTimeout(deadline);
      unfollow();
      resolve(found);
    };
    const unfollow = engine.onEvents(look);
    look(engine.events({ after: 0, limit: 100_000 }));
  });
}

/** Resolves when `holds` is true; looks again after every event and status change, and every 20 ms. */
export async function until(holds: () => boolean, what: string, limitMs = 60_000): Promise<void> {
  const deadline = Date.now() + limitMs;
  while (!holds()) {
    if (Date.now() > deadline) throw new Error(`not within ${limitMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
