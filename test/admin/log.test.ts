// Goal: the log and its levels over the admin API. Method: the real server and the real log; readers that follow, that stand
// still, and that ask for what there is not.
import assert from "node:assert/strict";
import { type IncomingMessage, request } from "node:http";
import { type TestContext, test } from "node:test";
import { call, startAdminFixture } from "../support/admin/admin-fixture.ts";

interface Reader {
  readonly response: IncomingMessage;
  /** Every line so far, without keep-alives. */
  until(met: (lines: Record<string, unknown>[]) => boolean): Promise<Record<string, unknown>[]>;
}

async function read(t: TestContext, socketPath: string, query: string): Promise<Reader> {
  const sent = request({ socketPath, path: `/v1/log?${query}`, agent: false });
  t.after(() => sent.destroy());
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    sent.on("response", resolve).on("error", reject).end();
  });
  assert.equal(response.statusCode, 200);
  response.on("error", () => {});
  let text = "";
  response.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
  });
  return {
    response,
    async until(met) {
      for (;;) {
        const lines = text.split("\n").slice(0, -1).filter(Boolean);
        const values = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
        if (met(values)) return values;
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    },
  };
}

const routed = (n: number) => ({ event: "envelope.routed", component: "intake", n });

test("once: the newest lines from a level on, of a component, so many", async (t) => {
  const { socketPath, log } = await startAdminFixture(t);
  for (let n = 0; n < 5; n += 1) log.debug(routed(n), "ours");
  log.info({ event: "peer.connected", component: "waku" }, "connected");
  const events = async (query: string): Promise<unknown[]> => {
    const { text } = await call(socketPath, "GET", `/v1/log?${query}`);
    const lines = text.split("\n").filter(Boolean);
    return lines.map((line) => JSON.parse(line)).map(({ n, event }) => n ?? event);
  };
  assert.deepEqual(await events(""), ["peer.connected"]);
  assert.deepEqual(await events("level=debug"), [0, 1, 2, 3, 4, "peer.connected"]);
  assert.deepEqual(await events("level=debug&lines=2"), [4, "peer.connected"]);
  assert.deepEqual(await events("level=debug&component=intake&lines=3"), [2, 3, 4]);
  assert.deepEqual(await events("level=debug&lines=0"), []);
  for (const query of ["level=loud", "component=moon", "lines=-1", "follow=maybe", "lvl=debug"]) {
    const { status, json } = await call(socketPath, "GET", `/v1/log?${query}`);
    assert.deepEqual([status, json["code"]], [400, "request/invalid"], query);
  }
});

test("follow: the past, then every line as it comes, though it is not written", async (t) => {
  const { socketPath, log, logged } = await startAdminFixture(t);
  log.debug(routed(0), "past");
  const reader = await read(t, socketPath, "level=debug&component=intake&follow=true");
  await reader.until((lines) => lines.length === 1);
  for (let n = 1; n <= 500; n += 1) log.debug(routed(n), "live");
  const lines = await reader.until((all) => all.length >= 501);
  assert.deepEqual(
    lines.map(({ n }) => n),
    Array.from({ length: 501 }, (_, n) => n),
  );
  assert.deepEqual(
    logged.filter((line) => line.includes("envelope.routed")),
    [],
  );
});

test("who comes too late for lines is told, and goes on", async (t) => {
  const { socketPath, log } = await startAdminFixture(t);
  const reader = await read(t, socketPath, "level=debug&component=intake&follow=true");
  // In one go: the reader gets no turn before lines are gone.
  for (let n = 0; n < 2_500; n += 1) log.debug(routed(n), "ours");
  const lines = await reader.until((all) => all.at(-1)?.["n"] === 2_499);
  assert.equal(lines[0]?.["event"], "log.gap");
  assert.deepEqual(
    lines.slice(1).map(({ n }) => n),
    Array.from({ length: 2_000 }, (_, at) => 500 + at),
  );
  log.debug(routed(2_500), "still there");
  await reader.until((all) => all.at(-1)?.["n"] === 2_500);
});

test("a reader that stands still is cut and holds no lines; another is not hurt", async (t) => {
  const { socketPath, log, logged } = await startAdminFixture(t, { pace: { stalledMs: 1_500 } });
  const slow = await read(t, socketPath, "level=debug&follow=true");
  slow.response.pause();
  const reason = "r".repeat(2_000);
  let n = 0;
  while (!logged.some((line) => line.includes("admin.reader-cut"))) {
    for (let count = 0; count < 200; count += 1) log.debug({ ...routed(n++), reason }, "ours");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const quick = await read(t, socketPath, "level=debug&lines=1");
  const [line] = await quick.until((lines) => lines.length === 1);
  assert.equal(line?.["event"], "envelope.routed");
});

test("a stream ends in good order when the daemon stops", async (t) => {
  const { socketPath, server } = await startAdminFixture(t);
  const reader = await read(t, socketPath, "follow=true");
  const ended = new Promise((resolve) => reader.response.on("end", resolve));
  await server.stopAccepting();
  await ended;
  assert.equal(reader.response.complete, true);
});

test("levels: shown, changed all or none, reset", async (t) => {
  const { socketPath, log } = await startAdminFixture(t);
  const post = (body: unknown) => call(socketPath, "POST", "/v1/log/level", { body: JSON.stringify(body) });
  const configured = { level: "info", components: {}, overrides: [] };
  assert.deepEqual((await call(socketPath, "GET", "/v1/log/level")).json, configured);
  for (const body of [
    {},
    { changes: [] },
    { changes: [{ level: "debug" }, { component: "moon", level: "debug" }] },
    { changes: [{ component: "waku", level: "loud" }] },
    { changes: [{ level: "debug" }], forMs: 0 },
    { changes: [{ level: "debug" }], forMs: 8 * 86_400_000 },
    { changes: [{ level: "debug" }], until: 1 },
  ]) {
    assert.equal((await post(body)).status, 400, JSON.stringify(body));
  }
  assert.deepEqual(log.levels(), configured, "a wrong change changes nothing");
  const { json } = await post({ changes: [{ component: "waku", level: "debug" }, { level: "warn" }], forMs: 60_000 });
  assert.deepEqual([json["level"], json["components"]], ["warn", { waku: "debug" }]);
  assert.deepEqual((await call(socketPath, "DELETE", "/v1/log/level")).json, configured);
});
