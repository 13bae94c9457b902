// Goal: what is written, what is kept, what follows an error, and for how long a level is another. Method: the real log on
// a list of lines and a clock that stands still until it is told.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { LogControl } from "../../../src/admin/log/log-control.ts";
import { createLog, type DaemonLog, type LogOptions } from "../../../src/daemon/log/log.ts";
import { isLibraryFault } from "../../../src/daemon/signals.ts";
import { ManualClock } from "../../waku/manual-clock.ts";

interface Line {
  readonly event: string;
  readonly level: string;
  readonly n?: number;
  readonly ring?: true;
  readonly [field: string]: unknown;
}

function logOn(options: LogOptions): { log: DaemonLog; clock: ManualClock; texts: string[]; lines: () => Line[] } {
  const texts: string[] = [];
  const clock = new ManualClock();
  const log = createLog(options, { write: (line) => texts.push(line) }, clock);
  return { log, clock, texts, lines: () => texts.map((text) => JSON.parse(text)) };
}

function kept(log: LogControl, level: "debug" | "info" = "debug"): Line[] {
  return log.lines({ after: undefined, level }).lines.map((text) => JSON.parse(text));
}

const debug = (log: DaemonLog, n: number, component = "intake"): void =>
  log.debug({ event: "envelope.routed", component, n }, "ours");
const fail = (log: DaemonLog): void => log.error({ event: "process.fault", component: "daemon" }, "broken");

test("a line of JSON has time, level as a word, event, component, msg, and the fields", () => {
  const { log, texts } = logOn({ level: "info", format: "json" });
  log.debug({ event: "x", component: "y" }, "not at this level");
  log.warn({ event: "peer.lost", component: "waku", peers: 0, err: new Error("reset") }, "lost");
  assert.equal(texts.length, 1);
  const { time, err, ...rest } = JSON.parse(texts[0] ?? "");
  assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.equal(err.message, "reset");
  assert.deepEqual(rest, { level: "warn", event: "peer.lost", component: "waku", peers: 0, msg: "lost" });
});

test("pretty is one readable line, and an error's stack below it", () => {
  const { log, texts } = logOn({ level: "debug", format: "pretty" });
  log.debug({ event: "a.b", component: "admin", note: "two words" }, "done");
  assert.match(texts[0] ?? "", /^\d\d:\d\d:\d\d\.\d{3} DEBUG admin {4}done event=a\.b note="two words"\n$/);
  log.error({ event: "a.c", component: "admin", err: new Error("why") }, "failed");
  assert.match(texts[1] ?? "", /ERROR admin {4}failed event=a\.c\nError: why\n {4}at /);
});

test("an error is followed by the lines below the level that came before it, once, and at most once a minute", async () => {
  const { log, clock, lines } = logOn({ level: "info", format: "json" });
  debug(log, 1);
  log.info({ event: "peer.lost", component: "waku" }, "seen already");
  debug(log, 2);
  assert.equal(lines().length, 1, "debug lines are not written");
  fail(log);
  const shown = (): (string | number)[] => lines().map(({ event, n }) => n ?? event);
  const first = ["peer.lost", "process.fault", "log.ring", 1, 2];
  assert.deepEqual(shown(), first);
  const [, , header, one] = lines();
  assert.equal(header?.["lines"], 2);
  assert.deepEqual([one?.level, one?.ring], ["debug", true]);

  debug(log, 3);
  fail(log);
  await clock.advance(59_999);
  fail(log);
  assert.deepEqual(shown(), [...first, "process.fault", "process.fault"]);
  await clock.advance(1);
  debug(log, 4);
  fail(log);
  const second = ["process.fault", "process.fault", "process.fault", "log.ring", 3, 4];
  assert.deepEqual(shown(), [...first, ...second]);
  await clock.advance(60_000);
  fail(log);
  assert.deepEqual(shown(), [...first, ...second, "process.fault"], "nothing unseen: no ring");
});

test("what was written at debug does not follow an error again", () => {
  const { log, lines } = logOn({ level: "debug", format: "json" });
  debug(log, 1);
  fail(log);
  assert.deepEqual(
    lines().map(({ event }) => event),
    ["envelope.routed", "process.fault"],
  );
});

test("the ring is bounded by lines, and by bytes; long lines and objects are cut to their names", () => {
  const { log, lines } = logOn({ level: "info", format: "json" });
  for (let n = 0; n < 5_000; n += 1) debug(log, n);
  const ring = kept(log);
  assert.deepEqual([ring.length, ring[0]?.n, ring.at(-1)?.n], [2_000, 3_000, 4_999]);

  const reason = "r".repeat(2_000);
  for (let n = 0; n < 5_000; n += 1) log.debug({ event: "a.b", component: "waku", reason, n }, "long");
  const bytes = kept(log).reduce((sum, line) => sum + JSON.stringify(line).length, 0);
  assert.ok(bytes > 400_000 && bytes < 1_048_576, `${bytes}`);
  assert.equal(kept(log).at(-1)?.n, 4_999);

  const err = new Error("x".repeat(100_000));
  log.debug({ event: "a.c", component: "waku", err, list: [1] }, "m".repeat(9_000));
  const { time, msg, ...cut } = kept(log).at(-1) ?? { event: "", level: "" };
  assert.deepEqual(cut, { level: "debug", event: "a.c", component: "waku", cut: true });
  assert.deepEqual([typeof time, String(msg).length], ["string", 2_048]);
  assert.ok(kept(log).length > 100, "one long line pushes out few others");
  assert.deepEqual(lines(), []);
});

test("a line is what it was when it was logged, however late it is written", () => {
  const { log } = logOn({ level: "info", format: "json" });
  const list = [1];
  const err = new Error("before");
  log.debug({ event: "a.b", component: "waku", list, err }, "now");
  list.push(2);
  err.message = "after";
  const [line] = kept(log);
  assert.deepEqual(line?.["list"], [1]);
  assert.match(JSON.stringify(line?.["err"]), /"message":"before"/);
});

test("lines are found by level, component and place; a reader that is too slow is told", () => {
  const { log } = logOn({ level: "error", format: "json" });
  debug(log, 1);
  log.info({ event: "a.b", component: "waku", n: 2 }, "m");
  debug(log, 3, "waku");
  const numbers = (query: Parameters<LogControl["lines"]>[0]): (number | undefined)[] =>
    log.lines(query).lines.map((text) => (JSON.parse(text) as Line).n);
  assert.deepEqual(numbers({ after: undefined, level: "debug" }), [1, 2, 3]);
  assert.deepEqual(numbers({ after: undefined, level: "trace", component: "waku" }), [2, 3]);
  assert.deepEqual(numbers({ after: undefined, level: "info" }), [2]);
  const { through } = log.lines({ after: undefined, level: "debug" });
  assert.deepEqual(numbers({ after: through, level: "debug" }), []);
  for (let n = 0; n < 2_000; n += 1) debug(log, n);
  assert.equal(log.lines({ after: through, level: "debug" }).isGap, false);
  debug(log, 0);
  assert.equal(log.lines({ after: through, level: "debug" }).isGap, true);
  assert.equal(log.lines({ after: through, level: "info" }).isGap, false);
});

test("levels change for all or for a component, and change back when their time is over", async () => {
  const { log, clock, lines } = logOn({ level: "info", format: "json", components: new Map([["admin", "warn"]]) });
  const written = (component: string): boolean => {
    const before = lines().length;
    debug(log, 0, component);
    return lines().length > before;
  };
  assert.deepEqual([written("waku"), written("intake"), written("admin")], [false, false, false]);
  log.changeLevels([{ component: "waku", level: "debug" }], 600_000);
  assert.deepEqual([written("waku"), written("intake"), written("admin")], [true, false, false]);
  log.changeLevels([{ level: "debug" }], undefined);
  assert.deepEqual([written("waku"), written("intake"), written("admin")], [true, true, false], "admin has its own");
  assert.deepEqual(log.levels(), {
    level: "debug",
    components: { admin: "warn", waku: "debug" },
    overrides: [
      { component: "waku", level: "debug", until: new Date(clock.now() + 600_000).toISOString() },
      { component: null, level: "debug", until: null },
    ],
  });
  log.changeLevels([{ level: "warn" }], undefined);
  await clock.advance(599_999);
  assert.deepEqual([written("waku"), written("intake")], [true, false]);
  await clock.advance(1);
  assert.deepEqual([written("waku"), written("intake")], [false, false]);
  const told = lines().filter(({ event }) => event === "log.level");
  assert.deepEqual(
    told.map(({ what, target }) => [what, target]),
    [
      ["changed", "waku=debug"],
      ["changed", "all=debug"],
      ["changed", "all=warn"],
      ["expired", "waku"],
    ],
  );
  assert.deepEqual(log.resetLevels(), { level: "info", components: { admin: "warn" }, overrides: [] });
});

test("a newer change of the same component takes the place of the older one and of its end", async () => {
  const { log, clock } = logOn({ level: "info", format: "json" });
  log.changeLevels([{ component: "waku", level: "debug" }], 1_000);
  log.changeLevels([{ component: "waku", level: "error" }], 5_000);
  await clock.advance(1_000);
  assert.equal(log.levels().components.waku, "error");
  await clock.advance(4_000);
  assert.equal(log.levels().components.waku, undefined);
  log.changeLevels([{ component: "waku", level: "debug" }], 1_000);
  log.configure({ level: "error", format: "pretty", components: new Map([["waku", "warn"]]) });
  assert.deepEqual([log.levels().level, log.levels().components.waku], ["error", "debug"], "a reload ends nothing");
  await clock.advance(1_000);
  assert.equal(log.levels().components.waku, "warn");
});

test("whose fault a dropped promise is: the first frame of a file tells", () => {
  const fault = (...frames: string[]): Error =>
    Object.assign(new Error("x"), { stack: ["Error: x", ...frames.map((frame) => `    at ${frame}`)].join("\n") });
  const ours = "run (file:///srv/node_modules/umbrad/dist/waku/transport.js:3:1)";
  const sdk = "dial (file:///srv/node_modules/@waku/sdk/dist/waku/waku.js:9:2)";
  const node = "TCP.onStreamRead (node:internal/stream_base_commons:216:20)";
  assert.equal(isLibraryFault(fault(sdk, ours)), true);
  assert.equal(isLibraryFault(fault(node, sdk)), true);
  assert.equal(isLibraryFault(fault(ours, sdk)), false);
  assert.equal(isLibraryFault(fault(node)), false);
  assert.equal(isLibraryFault(Object.assign(fault(node), { code: "ECONNRESET" })), true);
  assert.equal(isLibraryFault(Object.assign(fault(node), { name: "AbortError" })), true);
  assert.equal(isLibraryFault("a string"), false);
  assert.equal(isLibraryFault(undefined), false);
});

test("written lines are counted by level, those that follow an error too", () => {
  const { log, texts } = logOn({ level: "info", format: "json" });
  debug(log, 1);
  debug(log, 2);
  assert.deepEqual(log.written, { debug: 0, info: 0, warn: 0, error: 0 }, "what is only kept is not written");
  log.warn({ event: "peer.lost", component: "waku" }, "lost");
  fail(log);
  assert.deepEqual(log.written, { debug: 2, info: 1, warn: 1, error: 1 });
  assert.equal(texts.length, 5);
});
