// Goal: the contract of `umbrad devnet`: its first line, the same address after a restart, an orderly end.
import assert from "node:assert/strict";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type RunningCommand, startUmbrad, temporaryDirectory, umbrad } from "../support/cli/umbrad-command.ts";

test("with --json the first line says where it is; the address survives a restart", async (t) => {
  const stateDir = join(await temporaryDirectory(t), "devnet");
  const first = await ready(t, stateDir);
  assert.deepEqual(Object.keys(first.line), [
    "event",
    "multiaddr",
    "websocketMultiaddr",
    "peerId",
    "clusterId",
    "shards",
    "faultSocket",
  ]);
  assert.equal(first.line["faultSocket"], join(stateDir, "faults.sock"));
  assert.equal(first.line["event"], "devnet.ready");
  assert.equal(first.line["clusterId"], 66);
  assert.equal(first.line["shards"], 8);
  assert.match(
    String(first.line["multiaddr"]),
    new RegExp(`^/ip4/127\\.0\\.0\\.1/tcp/\\d+/p2p/${first.line["peerId"]}$`),
  );
  const busy = await umbrad(t, ["devnet", "--json", "--state-dir", stateDir]);
  assert.equal(busy.code, 73);
  assert.equal(JSON.parse(busy.stderr).error.code, "devnet/state-dir-in-use");
  first.command.child.kill("SIGINT");
  assert.equal((await first.command.ended).code, 0);

  const second = await ready(t, stateDir);
  assert.deepEqual(second.line, first.line);
  second.command.child.kill("SIGTERM");
  const { code, stdout } = await second.command.ended;
  assert.equal(code, 0);
  assert.equal(stdout.split("\n").length, 2);
});

test("for people it says what to type next", async (t) => {
  const stateDir = join(await temporaryDirectory(t), "devnet");
  const command = startUmbrad(t, ["devnet", "--state-dir", stateDir]);
  const last = await command.line((line) => line.startsWith("multiaddr "));
  assert.match(command.stdout(), new RegExp(`\\n {2}umbrad run --peer ${last.slice("multiaddr ".length)}\\n`));
  command.child.kill("SIGTERM");
  assert.equal((await command.ended).code, 0);
});

test("faults and status of a running devnet, for people and for programs", async (t) => {
  const stateDir = join(await temporaryDirectory(t), "devnet");
  const where = ["--state-dir", stateDir];
  const none = await umbrad(t, ["devnet", "status", ...where]);
  assert.equal(none.code, 69);
  assert.match(none.stderr, /no devnet is running in .*\n {2}next: umbrad devnet --state-dir/);
  await ready(t, stateDir, "--seed", "7");
  const list = async (...words: string[]): Promise<unknown> => {
    const { code, stdout, stderr } = await umbrad(t, ["devnet", "fault", ...words, "--json", ...where]);
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout);
  };
  assert.deepEqual(await list(), { seed: 7, faults: [] });
  const drop = { name: "drop", value: "0.5", next: 3, struck: 0 };
  assert.deepEqual(await list("drop=0.5", "next=3", "--seed", "8"), { seed: 8, faults: [drop] });
  assert.deepEqual(await list("list"), { seed: 8, faults: [drop] });
  const table = await umbrad(t, ["devnet", "fault", ...where]);
  assert.match(table.stdout, /^FAULT +VALUE +NEXT +STRUCK\ndrop +0\.5 +3 +0\n\nseed 8\n$/);
  for (const words of [["drop=7"], ["nonsense=1"], ["nonsense"], ["next=3"], ["reset", "list"], ["drop=1", "next=x"]]) {
    const { code, stderr } = await umbrad(t, ["devnet", "fault", ...words, "--json", ...where]);
    assert.deepEqual([words, code, JSON.parse(stderr).error.code], [words, 64, "cli/usage"]);
  }
  assert.deepEqual(await list("reset", "cut"), { seed: 8, faults: [] });
  const status = await umbrad(t, ["devnet", "status", "--json", ...where]);
  const { peers, subscriptions, archived, pushed } = JSON.parse(status.stdout);
  assert.deepEqual({ peers, subscriptions, archived, pushed }, { peers: 0, subscriptions: 0, archived: 0, pushed: 0 });
});

test("two devnets, one network", async (t) => {
  const directory = await temporaryDirectory(t);
  const first = await ready(t, join(directory, "first"));
  const second = join(directory, "second");
  await ready(t, second, "--peer", String(first.line["multiaddr"]));
  const deadline = performance.now() + 20_000;
  for (;;) {
    const { stdout } = await umbrad(t, ["devnet", "status", "--json", "--state-dir", second]);
    if (JSON.parse(stdout).relayPeers === 1) break;
    assert.ok(performance.now() < deadline, stdout);
  }
  const bad = await umbrad(t, ["devnet", "--json", "--state-dir", join(directory, "third"), "--peer", "nonsense"]);
  assert.deepEqual([bad.code, JSON.parse(bad.stderr).error.code], [64, "devnet/bad-option"]);
});

async function ready(
  t: TestContext,
  stateDir: string,
  ...flags: string[]
): Promise<{ readonly command: RunningCommand; readonly line: Record<string, unknown> }> {
  const command = startUmbrad(t, ["devnet", "--json", "--state-dir", stateDir, ...flags]);
  return { command, line: JSON.parse(await command.line(() => true)) };
}
