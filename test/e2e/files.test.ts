// Goal: a file goes from one daemon to the other by the command line alone, over the devnet: its progress is told, and it
// arrives byte for byte. One byte above the limit is refused.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdir, readFile, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { SentView } from "../../src/admin/views.ts";
import { FILE_BYTES_MAX } from "../../src/wire/file-content.ts";
import { assertNoErrors, connect, Party, ServiceNode } from "./stage/party.ts";
import { inTime, Stage } from "./stage/processes.ts";

const patience = ["--timeout", "300s"] as const;

test("files over the devnet", async (t) => {
  const stage = new Stage(t);
  const node = new ServiceNode(stage);
  await node.start();
  const alice = new Party(stage, "alice", ["--peer", node.multiaddr]);
  const bob = new Party(stage, "bob", ["--peer", node.multiaddr]);
  for (const party of [alice, bob]) {
    await party.init();
    await party.start();
    await party.wait("synced");
  }
  await connect(alice, bob, "hello");
  const path = join(stage.directory, "photo.jpg");
  const data = randomBytes(2 * 1024 * 1024 + 77);
  await writeFile(path, data);
  const saved = join(stage.directory, "saved");
  await mkdir(saved);

  const sent = await inTime(
    "the file is delivered",
    alice.command(["send", "c1", "--file", path, "--wait", "delivered", ...patience]),
  );
  assert.equal(sent.code, 0, sent.stderr);
  assert.match(sent.stdout, /^[0-9a-f]{32} delivered\n$/);
  const percents = [...sent.stderr.matchAll(/^(\d+) % delivered$/gm)].map(([, percent]) => Number(percent));
  assert.ok(percents.length >= 2 && percents.length < 10, sent.stderr);
  assert.ok(percents.every((percent, at) => percent > (percents[at - 1] ?? 0) && percent < 100));
  const text = await alice.json<SentView>("send", "c1", "after the file", "--wait", "delivered", ...patience);
  assert.equal(text.state, "delivered");

  const { lastSeq } = await bob.status();
  const heard = await bob.command(["listen", "--after", "0", "--max", String(lastSeq), "--save-dir", saved, "--json"]);
  assert.equal(heard.code, 0, heard.stderr);
  const received = heard.stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line))
    .filter(({ type }) => type === "message.received");
  assert.deepEqual(
    received.slice(-2).map(({ data: { file, text } }) => file?.name ?? text),
    ["photo.jpg", "after the file"],
  );
  assert.equal(received.at(-2).data.file.size, data.length);
  assert.ok((await readFile(join(saved, "photo.jpg"))).equals(data), "byte for byte");
  assert.equal((await stat(join(saved, "photo.jpg"))).mode & 0o777, 0o600);

  await truncate(path, FILE_BYTES_MAX + 1);
  const refused = await alice.command(["send", "c1", "--file", path]);
  assert.equal(refused.code, 65);
  assert.match(refused.stderr, /\[message\/too-large\]/);
  for (const party of [alice, bob]) await party.stop();
  assertNoErrors(stage);
});
