// Goal: a sign of life needs every kind of work: commits, the supervisor's loops, the event loop. Method: the watchdog
// over work whose progress the test decides and a clock of the test; then the loops of a real transport.
import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "../../src/daemon/clock.ts";
import { readServiceEnvironment } from "../../src/daemon/service/environment.ts";
import { Watchdog, type WatchedWork } from "../../src/daemon/service/watchdog.ts";
import { UmbradError } from "../../src/engine/errors.ts";
import { createWakuTransport } from "../../src/waku/transport.ts";
import { until } from "../e2e/stage/processes.ts";
import { MemoryEngine } from "../support/engine/memory-engine.ts";

function scene() {
  const told: string[] = [];
  const reasons: unknown[] = [];
  const state = { now: 0, rounds: new Map([["a", 1]]), probe: (): void => {} };
  const engine = new MemoryEngine();
  const work: WatchedWork = { probe: () => state.probe(), rounds: () => state.rounds, status: () => engine.status() };
  const nothing = (): void => {};
  const log = { debug: nothing, info: nothing, warn: (fields: object) => reasons.push(fields), error: nothing };
  const notifier = { tell: (...all: readonly string[]) => told.push(...all), tellNow: nothing };
  // Its own timer never fires within the test.
  const periodMs = 4 * 3_600_000;
  const watchdog = new Watchdog({ notifier, work, log, periodMs, now: () => state.now });
  const signs = (): number => told.filter((one) => one === "WATCHDOG=1").length;
  return { state, told, reasons, watchdog, signs };
}

test("a loop of the supervisor that stands still for 90 s ends the signs, and its going on brings them back", () => {
  const { state, reasons, watchdog, signs } = scene();
  using _watchdog = watchdog;
  assert.equal(signs(), 1);
  for (let at = 1; at <= 9; at += 1) {
    state.now = at * 10_000;
    watchdog.beat();
  }
  assert.equal(signs(), 10);
  state.now = 90_001;
  watchdog.beat();
  watchdog.beat();
  assert.equal(signs(), 10);
  assert.equal(reasons.length, 1, "said once");
  state.rounds = new Map([["a", 2]]);
  watchdog.beat();
  assert.equal(signs(), 11);
  state.now = 300_000;
  // Another service node was configured: the old one's loop is no more.
  state.rounds = new Map([["b", 1]]);
  watchdog.beat();
  assert.equal(signs(), 12);
});

test("a commit that fails ends the signs; the line of state is told when it changes", () => {
  const { state, told, watchdog, signs } = scene();
  using _watchdog = watchdog;
  state.probe = () => {
    throw new Error("disk");
  };
  watchdog.beat();
  assert.equal(signs(), 1);
  assert.equal(told.filter((one) => one.startsWith("STATUS=")).length, 1);
  state.probe = () => {
    throw new UmbradError("store/full", "the disk is full");
  };
  watchdog.beat();
  assert.equal(signs(), 2, "a new process could not write either");
});

test("the loops of a transport go on while nobody answers", async () => {
  const privateKeySeed = new Uint8Array(32).fill(7);
  const silent = (): void => {};
  const log = { debug: silent, info: silent, warn: silent, error: silent };
  const peer = "/ip4/127.0.0.1/tcp/9";
  const transport = createWakuTransport({
    clusterId: 66,
    shards: 8,
    peers: [peer],
    privateKeySeed,
    clock: systemClock,
    log,
  });
  assert.deepEqual([...transport.rounds()], [], "not started");
  await transport.start({ onMessage: silent, onListening: silent, onStatus: silent });
  await until("three dials", () => ([...transport.rounds().values()].every((count) => count >= 3) ? true : undefined));
  assert.equal(transport.rounds().size, 1);
  await transport.stop();
});

test("variables of a service manager count for the process that they name, and only then", () => {
  const none = { notifySocket: undefined, watchdogMs: undefined, adminSocketFd: undefined };
  assert.deepEqual(readServiceEnvironment({}, 5), none);
  assert.deepEqual(readServiceEnvironment({ NOTIFY_SOCKET: "", WATCHDOG_USEC: "-1", LISTEN_FDS: "x" }, 5), none);
  assert.deepEqual(
    readServiceEnvironment({ WATCHDOG_USEC: "9", WATCHDOG_PID: "4", LISTEN_FDS: "1", LISTEN_PID: "4" }, 5),
    none,
  );
  const env = { NOTIFY_SOCKET: "@abstract", WATCHDOG_USEC: "120000000", WATCHDOG_PID: "5" };
  assert.deepEqual(readServiceEnvironment(env, 5), { ...none, notifySocket: "@abstract", watchdogMs: 120_000 });
  const two = { LISTEN_FDS: "2", LISTEN_PID: "5", LISTEN_FDNAMES: "one:two" };
  assert.throws(() => readServiceEnvironment(two, 5), { code: "admin/cannot-listen", message: /none is named admin/ });
  const far = { LISTEN_FDS: "1000", LISTEN_PID: "5", LISTEN_FDNAMES: `${"x:".repeat(998)}x:admin` };
  assert.throws(() => readServiceEnvironment(far, 5), {
    code: "admin/cannot-listen",
    message: /descriptor 1002, .* is no socket/,
  });
});
