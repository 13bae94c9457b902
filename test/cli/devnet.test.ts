// Goal: the contract of `umbrad devnet`: its first line, the same address after a restart, an orderly end.
import assert from "node:assert/strict";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type RunningCommand, startUmbrad, temporaryDirectory, umbrad } from "../support/umbrad-command.ts";

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

async function ready(
  t: TestContext,
  stateDir: string,
): Promise<{ readonly command: RunningCommand; readonly line: Record<string, unknown> }> {
  const command = startUmbrad(t, ["devnet", "--json", "--state-dir", stateDir]);
  return { command, line: JSON.parse(await command.line(() => true)) };
}
