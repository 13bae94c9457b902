/**
 * A node that can die at a chosen instant: from then on none of its timers runs, nothing it is told arrives, every call of
 * its store fails, and what SQLite has not committed is gone. Its directory stays, and the next node starts on it.
 */
import { inboxV1 } from "../../../src/conversation/inbox-v1/inbox-v1.ts";
import { privateV1 } from "../../../src/conversation/private-v1/private-v1.ts";
import { systemClock } from "../../../src/daemon/clock.ts";
import { createEngine, type Engine } from "../../../src/engine/engine.ts";
import { initialiseState } from "../../../src/engine/initialise.ts";
import type { Clock, Store, Transport } from "../../../src/engine/ports.ts";
import { createStore, openStore } from "../../../src/sqlite/open.ts";
import { plaintext, random } from "../../sqlite/temporary-store.ts";
import { faultyStore, type StoreCall } from "../probe/faulty-store.ts";
import { type LogLine, recorder } from "../probe/rig.ts";

/** Where in a turn's life the power goes. */
export type CrashPoint = "before-commit" | "after-commit" | "before-mark";

export interface MortalNode {
  readonly engine: Engine;
  readonly store: Store;
  /** Lines at error that were written while it lived. */
  readonly errors: readonly LogLine[];
  /** Dies at the `skip`-th passage of the point from now on. */
  crashAt(point: CrashPoint, skip: number): void;
  /** Resolves when it has died. */
  readonly died: Promise<void>;
  kill(): Promise<void>;
  stop(): Promise<void>;
}

export async function createIdentity(stateDir: string): Promise<void> {
  const store = await createStore({ stateDir, seal: plaintext, random });
  initialiseState({ store, clock: systemClock, inbox: inboxV1 });
  store.close();
}

export async function startMortal(stateDir: string, transport: Transport): Promise<MortalNode> {
  const real = await openStore({ stateDir, seal: plaintext, random });
  const faults = faultyStore(real);
  const lines: LogLine[] = [];
  const clock = mortalClock();
  let isDead = false;
  let plan: { readonly point: CrashPoint; skip: number } | undefined;
  const { promise: died, resolve: announce } = Promise.withResolvers<void>();
  const errors: LogLine[] = [];
  const die = (): never => {
    isDead = true;
    errors.push(...lines.filter(({ level }) => level === "error"));
    clock.kill();
    announce();
    throw new Error("the process is gone");
  };
  const passes = (point: CrashPoint) => plan?.point === point && plan.skip-- <= 0;
  faults.before = ({ method }: StoreCall) => {
    if (isDead) throw new Error("the process is gone");
    if (method === "commitAll" && passes("before-commit")) die();
    if (method === "outboxDone" && passes("before-mark")) die();
  };
  faults.after = ({ method }: StoreCall) => {
    if (method === "commitAll" && passes("after-commit")) die();
  };
  const engine = createEngine({
    store: faults.store,
    transport,
    clock,
    log: recorder(lines),
    types: [inboxV1, privateV1],
    canary: "off",
  });
  await engine.start();
  return {
    engine,
    store: real,
    get errors() {
      return isDead ? errors : lines.filter(({ level }) => level === "error");
    },
    crashAt(point, skip) {
      plan = { point, skip };
    },
    died,
    async kill() {
      isDead = true;
      clock.kill();
      await transport.stop();
      real.close();
    },
    async stop() {
      await engine.stop(2_000);
      real.close();
    },
  };
}

function mortalClock(): Clock & { kill(): void } {
  let isDead = false;
  const pending = new Set<() => void>();
  return {
    now: () => systemClock.now(),
    steady: () => systemClock.steady(),
    random: (length) => systemClock.random(length),
    after(delayMs, run) {
      if (isDead) return () => {};
      const cancel = systemClock.after(delayMs, () => {
        pending.delete(cancel);
        run();
      });
      pending.add(cancel);
      return () => {
        pending.delete(cancel);
        cancel();
      };
    },
    kill() {
      isDead = true;
      for (const cancel of pending) cancel();
    },
  };
}
