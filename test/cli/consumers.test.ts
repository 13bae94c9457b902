// Goal: consumers on the command line. Method: see the fixture.
import assert from "node:assert/strict";
import { test } from "node:test";
import { startCliFixture, succeeded, fixtureTime as ts } from "../support/cli/cli-fixture.ts";
import { startUmbrad } from "../support/cli/umbrad-command.ts";

const line = (seq: number): string => `${seq}  ${ts}  -  node.tick\n`;

test("listen --consumer goes on where its acknowledgements ended", async (t) => {
  const { run, engine } = await startCliFixture(t);
  for (let n = 0; n < 5; n += 1) engine.daemonEvent("node.tick");
  succeeded(await run("listen", "--consumer", "bot", "--max", "2"), line(1) + line(2));
  succeeded(await run("listen", "--consumer", "bot", "--max", "1"), line(3));
  succeeded(await run("listen", "--consumer", "bot", "--max", "1", "--ack", "manual"), line(4));
  succeeded(await run("listen", "--consumer", "bot", "--max", "2", "--ack", "manual"), line(4) + line(5));
  succeeded(await run("event", "ack", "4", "--consumer", "bot"), "bot has acknowledged 4, 1 behind\n");
  succeeded(await run("event", "ack", "2", "--consumer", "bot"), "bot has acknowledged 4, 1 behind\n");
  succeeded(await run("listen", "--consumer", "bot", "--max", "1", "--after", "1"), line(5));
  assert.equal(engine.consumers.list()[0]?.ackedSeq, 5);
});

test("the consumers: list, JSON, drop", async (t) => {
  const { run, engine } = await startCliFixture(t);
  succeeded(await run("event", "consumers"), "");
  for (let n = 0; n < 3; n += 1) engine.daemonEvent("node.tick");
  await run("listen", "--consumer", "bot", "--max", "1");
  const [header, row] = (await run("event", "consumers", "list")).stdout.split("\n");
  assert.equal(header, "NAME  ACKED  BEHIND  READING  LAST ACK");
  assert.match(row ?? "", /^bot +1 +2 +no +2\d{3}-/);
  const { consumers } = JSON.parse((await run("event", "consumers", "--json")).stdout);
  assert.deepEqual(Object.keys(consumers[0]), ["name", "ackedSeq", "behind", "reading", "createdAt", "ackedAt"]);
  const acked = JSON.parse((await run("event", "ack", "3", "--consumer", "bot", "--json")).stdout);
  assert.deepEqual([acked.name, acked.ackedSeq, acked.behind], ["bot", 3, 0]);
  succeeded(await run("event", "consumers", "drop", "bot"), "bot is gone; it had acknowledged 3\n");
  assert.equal((await run("event", "consumers", "drop", "bot")).code, 67);
});

test("what consumers refuse, and with which exit code", async (t) => {
  const { run, engine, stateDir } = await startCliFixture(t);
  engine.daemonEvent("node.tick");
  const code = async (...args: string[]): Promise<number | null> => (await run(...args)).code;
  assert.equal(await code("event", "ack", "1", "--consumer", "nobody"), 67);
  assert.equal(await code("event", "ack", "1"), 64);
  assert.equal(await code("event", "ack", "x", "--consumer", "bot"), 64);
  assert.equal(await code("listen", "--ack", "auto"), 64);
  assert.equal(await code("listen", "c1", "--consumer", "bot"), 64);
  assert.equal(await code("listen", "--consumer", "Not_A_Name"), 64);
  assert.deepEqual(engine.consumers.list(), []);
  const env = { UMBRAD_STATE_DIR: stateDir };
  const reader = startUmbrad(t, ["listen", "--consumer", "bot"], { env });
  await reader.line((text) => text.includes("node.tick"));
  assert.equal(await code("listen", "--consumer", "bot"), 75);
  assert.equal(await code("event", "ack", "2", "--consumer", "bot"), 65);
});

test("a line that nobody took is not acknowledged", async (t) => {
  const { engine, stateDir } = await startCliFixture(t);
  engine.daemonEvent("node.tick");
  const reader = startUmbrad(t, ["listen", "--consumer", "bot"], { env: { UMBRAD_STATE_DIR: stateDir } });
  await reader.line((text) => text.includes("node.tick"));
  reader.child.stdout?.destroy();
  while (engine.consumers.list()[0]?.isReading === true) {
    engine.daemonEvent("node.tock");
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  await reader.ended;
  assert.ok((engine.consumers.list()[0]?.ackedSeq ?? 0) <= 1);
});

test("events that retention took are one line; the hint names the consumer", async (t) => {
  const { run, engine, server, socketPath, stateDir } = await startCliFixture(t);
  for (let n = 0; n < 5; n += 1) engine.daemonEvent("node.tick");
  await run("listen", "--consumer", "bot", "--max", "1");
  engine.forget(3);
  const gap = `3  ${ts}  -  events.gap  2-3 are no longer kept: retention\n`;
  succeeded(await run("event", "list", "--after", "1"), gap + line(4) + line(5));
  succeeded(await run("event", "list"), line(4) + line(5));
  succeeded(await run("listen", "--consumer", "bot", "--max", "2"), gap + line(4));
  const reader = startUmbrad(t, ["listen", "--consumer", "bot"], { env: { UMBRAD_STATE_DIR: stateDir } });
  await reader.line((text) => text.startsWith("5"));
  await server.stopAccepting();
  const { code, stderr } = await reader.ended;
  assert.equal(code, 69);
  assert.match(stderr, new RegExp(`umbrad listen --socket ${socketPath} --consumer bot\n$`));
});
