// Goal: a daemon on a network with a quota never publishes more than it may, also when it is killed in the middle, says
// what waits, and takes back what has not left. Method: real processes, a custom network with a small quota on the devnet.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { SentView, StatusView } from "../../src/admin/views.ts";
import type { FateJson, OutboxJson } from "../../src/admin/waiting/views.ts";
import { assertGapFree, assertNoErrors, connect, Party, ServiceNode } from "./stage/party.ts";
import { Stage, until } from "./stage/processes.ts";

const QUOTA = 10;
const WINDOW_MS = 9_000;
/** A publishing is told when it is answered, which may take some time. */
const SLACK_MS = 3_000;
const MESSAGES = 18;

test("18 messages through a quota of 10 in 9 s, one of them taken back, with a kill in the middle", async (t) => {
  const stage = new Stage(t);
  const node = new ServiceNode(stage);
  await node.start();
  const flags = ["--peer", node.multiaddr];
  const [alice, bob] = [new Party(stage, "alice", flags), new Party(stage, "bob", flags)];
  await alice.init("--network", "custom", "--cluster-id", "66", "--shards", "8");
  await bob.init();
  const file = join(alice.stateDir, "config.toml");
  const quota = `[network]\nquota = ${QUOTA}\nquota_window = "${WINDOW_MS / 1_000}s"`;
  writeFileSync(file, readFileSync(file, "utf8").replace("[network]", quota));
  for (const party of [alice, bob]) {
    await party.start();
    await party.wait("synced");
  }
  await connect(alice, bob, "hello");

  const texts = Array.from({ length: MESSAGES }, (_, index) => `message ${index + 1}`);
  const ids: string[] = [];
  for (const text of texts)
    ids.push((await alice.admin.post<SentView>("/v1/messages", { conversation: "c1", text })).messageId);
  const last = ids.at(-1) ?? "";
  const fate = await alice.admin.post<FateJson>(`/v1/outbox/${last}/cancel`);
  assert.deepEqual(fate, { messageId: last, state: "failed" });
  // What is on its way has no reason to wait: killed then, it would be told as published only after the restart.
  await until("used up", async () => {
    const { quota: left } = await alice.admin.get<StatusView>("/v1/status");
    const { waiting } = await alice.admin.get<OutboxJson>("/v1/outbox");
    const wait = waiting.filter(({ reason }) => reason?.startsWith("the network takes 10 envelopes in 9 s"));
    return (left?.left === 0 && waiting.length > 0 && wait.length === waiting.length) || undefined;
  });

  await alice.stop("SIGKILL");
  await alice.start();
  await bob.receive(MESSAGES - 1);
  assert.deepEqual(await bob.receivedTexts(), texts.slice(0, -1));
  await until("acknowledged", async () => {
    const delivered = (await alice.events()).filter(({ type }) => type === "message.delivered");
    return ids.slice(0, -1).every((id) => delivered.some(({ data }) => data["messageId"] === id)) || undefined;
  });

  const events = await alice.events();
  assertGapFree(events);
  assert.ok(events.some(({ type }) => type === "quota.exhausted"));
  const atMs = events.filter(({ type }) => type === "message.published").map(({ ts }) => Date.parse(ts));
  for (const since of atMs) {
    const count = atMs.filter((at) => at >= since && at < since + WINDOW_MS - SLACK_MS).length;
    assert.ok(count <= QUOTA, `${count} in one window`);
  }
  const failed = events.find(({ type }) => type === "message.failed");
  assert.deepEqual(
    [failed?.data["messageId"], failed?.data["reason"], failed?.data["retry"]],
    [last, "cancelled", `umbrad outbox retry ${last}`],
  );

  assert.match(await alice.text("outbox", "retry", last), /queued/);
  await until("the last one", async () => (await bob.receivedTexts()).length === MESSAGES || undefined);
  assert.deepEqual(await bob.receivedTexts(), texts);
  for (const party of [alice, bob]) await party.stop();
  assertNoErrors(stage);
});
