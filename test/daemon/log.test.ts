import assert from "node:assert/strict";
import { test } from "node:test";
import { createLog } from "../../src/daemon/log.ts";
import { isLibraryFault } from "../../src/daemon/signals.ts";

test("a line of JSON has time, level as a word, event, component, msg, and the fields", () => {
  const lines: string[] = [];
  const log = createLog({ level: "info", format: "json" }, { write: (line) => lines.push(line) });
  log.debug({ event: "x", component: "y" }, "not at this level");
  log.warn({ event: "peer.lost", component: "waku", peers: 0, err: new Error("reset") }, "lost");
  assert.equal(lines.length, 1);
  const { time, err, ...rest } = JSON.parse(lines[0] ?? "");
  assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.equal(err.message, "reset");
  assert.deepEqual(rest, { level: "warn", event: "peer.lost", component: "waku", peers: 0, msg: "lost" });
});

test("pretty is one readable line, and an error's stack below it", () => {
  const lines: string[] = [];
  const log = createLog({ level: "debug", format: "pretty" }, { write: (line) => lines.push(line) });
  log.debug({ event: "a.b", component: "admin", note: "two words" }, "done");
  assert.match(lines[0] ?? "", /^\d\d:\d\d:\d\d\.\d{3} DEBUG admin {4}done event=a\.b note="two words"\n$/);
  log.error({ event: "a.c", component: "admin", err: new Error("why") }, "failed");
  assert.match(lines[1] ?? "", /ERROR admin {4}failed event=a\.c\nError: why\n {4}at /);
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
