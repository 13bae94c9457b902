// Goal: a daemon from init to stop as its operator meets it: what is refused and with which exit code, a stop in good
// order under traffic, a second start that finds everything. Method: real processes with a real network between them.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { StatusView } from "../../src/admin/views.ts";
import { assertGapFree, assertNoErrors, connect, Party, ServiceNode } from "./stage/party.ts";
import { DEADLINE_MS, inTime, Stage } from "./stage/processes.ts";
import { Traffic } from "./stage/traffic.ts";

function passphraseFile(stage: Stage, name: string, passphrase: string): string {
  const path = join(stage.directory, name);
  writeFileSync(path, `${passphrase}\n`, { mode: 0o600 });
  return path;
}

test("init twice, run twice, a wrong passphrase: refused with the next step, and nobody is harmed", async (t) => {
  const stage = new Stage(t);
  const file = passphraseFile(stage, "passphrase", "correct horse");
  const alice = new Party(stage, "alice", ["--passphrase-file", file]);
  const initialised = await alice.json<{ sealed: boolean; clientAddress: string }>("init", "--passphrase-file", file);
  assert.equal(initialised.sealed, true);
  const again = await alice.command(["init", "--passphrase-file", file, "--json"]);
  assert.equal(again.code, 73);
  assert.equal(again.stdout, "");
  assert.equal(JSON.parse(again.stderr).error.code, "store/exists");

  const wrong = passphraseFile(stage, "wrong", "battery staple");
  const refused = await alice.command(["run", "--passphrase-file", wrong]);
  assert.equal(refused.code, 77);
  assert.match(refused.stderr, /\[store\/wrong-passphrase\]\n/);
  assert.equal((await alice.command(["run"])).code, 77, "no passphrase at all");

  const daemon = await alice.start();
  const second = await alice.command(["run", "--passphrase-file", file]);
  assert.equal(second.code, 75);
  assert.match(
    second.stderr,
    new RegExp(`^umbrad: ${alice.stateDir} is in use by process ${daemon.pid} \\[store/locked\\]`),
  );
  assert.match(second.stderr, /\n {2}next: umbrad status/);
  const status = await alice.status();
  assert.deepEqual([status.pid, status.clientAddress], [daemon.pid, initialised.clientAddress]);
  await alice.stop();
  assertNoErrors(stage);
});

test("every command that needs a daemon says so, with exit code 69 and the command that starts one", async (t) => {
  const stage = new Stage(t);
  const alice = new Party(stage, "alice");
  const commands = [
    ["status"],
    ["stop"],
    ["send", "c1", "hello"],
    ["listen", "--max", "1"],
    ["history", "c1"],
    ["event", "list"],
    ["conversation", "list"],
    ["invite", "create"],
    ["invite", "accept", "umbra:x"],
    ["wait", "ready", "--timeout", "10ms"],
  ];
  const nothing = await alice.command(["status"]);
  assert.equal(nothing.code, 69);
  assert.match(nothing.stderr, /next: umbrad init --state-dir \S+ --passphrase-file FILE, then umbrad run /);
  await alice.init();
  const results = await Promise.all(commands.map((command) => alice.command(command)));
  for (const [index, { code, stdout, stderr }] of results.entries()) {
    const command = commands[index]?.join(" ");
    assert.equal(code, 69, command);
    assert.equal(stdout, "", command);
    assert.match(
      stderr,
      /^umbrad: no daemon is running: .* \[daemon\/unreachable\]\n {2}next: umbrad run --state-dir /,
    );
  }
});

/** Not what differs from one moment to the next: an acknowledgement of the last message may just be leaving. */
function lasting({ pid: _pid, startedAt: _startedAt, canary: _canary, outbox: _outbox, ...status }: StatusView) {
  return status;
}

test("a second start finds everything as it was", async (t) => {
  const stage = new Stage(t);
  const node = new ServiceNode(stage);
  await node.start();
  const file = passphraseFile(stage, "passphrase", "correct horse");
  const alice = new Party(stage, "alice", ["--passphrase-file", file, "--peer", node.multiaddr]);
  const bob = new Party(stage, "bob", ["--peer", node.multiaddr]);
  await alice.text("init", "--passphrase-file", file);
  await bob.init();
  for (const party of [alice, bob]) await party.start();
  await connect(alice, bob, "hello");
  for (const text of ["one", "two"]) await alice.text("send", "c1", text, "--wait", "delivered", "--timeout", "120s");
  await bob.text("send", "c1", "three", "--wait", "delivered", "--timeout", "120s");
  for (const party of [alice, bob]) await party.wait("outbox-empty");

  const views = [
    ["conversation", "list", "--json"],
    ["history", "c1", "--json"],
    ["event", "list", "--json"],
    ["history", "c1"],
  ];
  for (const party of [alice, bob]) {
    await party.wait("synced");
    const before = lasting(await party.status());
    const shown = await Promise.all(views.map((view) => party.text(...view)));
    await party.stop();
    await party.start();
    await party.wait("synced");
    assert.deepEqual(lasting(await party.status()), before);
    assert.deepEqual(await Promise.all(views.map((view) => party.text(...view))), shown);
  }
  await alice.text("send", "c1", "four", "--wait", "delivered", "--timeout", "120s");
  assert.deepEqual(await bob.receivedTexts(), ["one", "two", "four"]);
  for (const party of [alice, bob]) await party.stop();
  assertNoErrors(stage);
});

test("umbrad stop and SIGTERM under traffic: exit 0 in time, and no message is lost or doubled", async (t) => {
  const stage = new Stage(t);
  const node = new ServiceNode(stage);
  await node.start();
  const [alice, bob] = ["alice", "bob"].map((name) => new Party(stage, name, ["--peer", node.multiaddr])) as [
    Party,
    Party,
  ];
  for (const party of [alice, bob]) {
    await party.init();
    await party.start();
    await party.wait("synced");
  }
  await connect(alice, bob, "bob 0");
  const traffic = { alice: new Traffic(alice, Math.random), bob: new Traffic(bob, Math.random) };
  t.after(() => {
    for (const one of [traffic.alice, traffic.bob]) one.abandon();
  });
  for (const how of ["SIGTERM", "umbrad stop", "SIGINT"] as const) {
    for (let answers = 0; answers < 10; answers += 1) await inTime("an answer", traffic.alice.nextAnswer());
    const began = performance.now();
    const { running } = alice;
    const exit = how === "umbrad stop" ? alice.text("stop").then(() => running.ended) : running.kill(how);
    const { code } = await inTime(`the end by ${how}`, exit);
    assert.equal(code, 0, running.output.everything().slice(-4_000));
    t.diagnostic(`${how} under traffic took ${Math.round(performance.now() - began)} ms`);
    await alice.start();
  }
  for (const one of [traffic.alice, traffic.bob]) await inTime("the last answers", one.stop());
  const sent = { alice: traffic.alice.acknowledged.map(({ text }) => text), bob: traffic.bob.acknowledged };
  assert.deepEqual(await bob.receive(sent.alice.length), sent.alice);
  assert.deepEqual(await alice.receive(sent.bob.length + 1), ["bob 0", ...sent.bob.map(({ text }) => text)]);
  const last = traffic.alice.acknowledged.at(-1);
  await alice.text("send", "c1", "last", "--wait", "delivered", "--timeout", `${DEADLINE_MS}ms`);
  assert.equal((await alice.admin.get<{ state: string }>(`/v1/messages/${last?.messageId}`)).state, "delivered");
  for (const party of [alice, bob]) {
    assertGapFree(await party.events());
    await party.stop();
  }
  assertNoErrors(stage);
});
