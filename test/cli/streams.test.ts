// Goal: the commands that read the event log, and `stop`. Method: see the fixture.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fixturePeer as peer, startCliFixture, succeeded, fixtureTime as ts } from "../support/cli/cli-fixture.ts";
import { startUmbrad } from "../support/cli/umbrad-command.ts";

const firstId = "0".repeat(31).concat("1");

test("event list, over several pages", async (t) => {
  const { run, engine } = await startCliFixture(t);
  const view = engine.open(null);
  engine.receive(view, "hi");
  succeeded(await run("event", "list"), `1  ${ts}  c1  conversation.opened\n2  ${ts}  c1  message.received  "hi"\n`);
  const sender = peer;
  const received = { messageId: firstId, sender, timestamp: ts, text: "hi" };
  const event = { v: 1, seq: 2, ts, type: "message.received", conversation: "c1", data: received };
  const json = await run("event", "list", "--after", "1", "--json");
  assert.deepEqual(JSON.parse(json.stdout), event);
  for (let n = 0; n < 2_100; n += 1) engine.daemonEvent("daemon.note");
  const all = (await run("event", "list", "--json")).stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line).seq);
  assert.deepEqual(
    all,
    Array.from({ length: 2_102 }, (_, at) => at + 1),
  );
  const some = (await run("event", "list", "--limit", "1500")).stdout.trimEnd().split("\n");
  assert.equal(some.length, 1_500);
});

test("listen: from now, from a place, of one conversation, so many", async (t) => {
  const { run, engine, stateDir } = await startCliFixture(t);
  const [one, two] = [engine.open("one"), engine.open("two")];
  const env = { UMBRAD_STATE_DIR: stateDir };
  const live = startUmbrad(t, ["listen", "two", "--max", "2", "--json"], { env });
  while (engine.followers === 0) await new Promise((resolve) => setTimeout(resolve, 2));
  engine.receive(one, "not this");
  engine.receive(two, "first");
  engine.receive(two, "second");
  engine.receive(two, "third");
  const lines = (await live.ended).stdout.trimEnd().split("\n");
  assert.deepEqual(
    lines.map((line) => JSON.parse(line).data.text),
    ["first", "second"],
  );
  succeeded(await run("listen", "--after", "3", "--max", "1"), `4  ${ts}  c2  message.received  "first"\n`);
  assert.equal((await run("listen", "three")).code, 67);
  const received = ["--type", "message.received"];
  const second = `6  ${ts}  c2  message.received  "third"\n`;
  succeeded(await run("listen", "--consumer", "bot", "--after", "5", ...received, "--max", "1"), second);
  succeeded(await run("event", "list", ...received, "--type", "invite.created", "--after", "5"), second);
  const unknown = await run("listen", "--type", "message.recieved");
  assert.equal(unknown.code, 64);
  assert.match(
    unknown.stderr,
    /type: there is no "message\.recieved"; the types are message\.received, .*, events\.gap \[/,
  );
  const late = await run("listen", "--max", "1", "--timeout", "100ms");
  assert.equal(late.code, 75);
  // In that time a busy machine has to answer, too.
  succeeded(await run("listen", "--timeout", "1s"), "");
});

test("listen: a daemon that stops says where to go on", async (t) => {
  const { engine, server, stateDir, socketPath } = await startCliFixture(t);
  engine.open(null);
  const reader = startUmbrad(t, ["listen", "--after", "0", "--json"], { env: { UMBRAD_STATE_DIR: stateDir } });
  await reader.line((line) => line.includes("conversation.opened"));
  await server.stopAccepting();
  const { code, stderr } = await reader.ended;
  assert.equal(code, 69);
  assert.equal(
    JSON.parse(stderr).error.hint,
    `when it runs again: umbrad listen --socket ${socketPath} --json --after 1`,
  );
});

test("a reader that has enough ends a stream with 0", async (t) => {
  const { engine, stateDir } = await startCliFixture(t);
  for (let n = 0; n < 3_000; n += 1) engine.daemonEvent("daemon.note");
  const reader = startUmbrad(t, ["event", "list"], { env: { UMBRAD_STATE_DIR: stateDir } });
  await reader.line((line) => line.includes("daemon.note"));
  reader.child.stdout?.destroy();
  const { code, stderr } = await reader.ended;
  assert.equal(stderr, "");
  assert.equal(code, 0);
});

test("stop answers when the daemon has stopped", async (t) => {
  const { run, host, server } = await startCliFixture(t);
  host.onStop = () => {
    host.draining = true;
    void server.stopAccepting().then(() => server.close());
  };
  succeeded(await run("stop", "--json"), '{"stopped":true}\n');
  assert.equal((await run("stop")).code, 69);
});
