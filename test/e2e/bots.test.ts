// Goal: the bot of docs/bots.md is short, works, and neither loses nor repeats when it or its daemon dies. Method: take it
// out of the page, run it as a process against a real daemon on the devnet, and kill both while a peer talks to it.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { connect } from "../../src/admin/client/umbrad-client.ts";
import { assertNoErrors, Party, ServiceNode } from "./stage/party.ts";
import { inTime, type Launched, Stage, until } from "./stage/processes.ts";

const root = join(import.meta.dirname, "..", "..");

function botOfPage(): string {
  const page = readFileSync(join(root, "docs", "bots.md"), "utf8");
  const code = /```js echo-bot\.mjs\n([\s\S]*?)```/.exec(page)?.[1];
  assert.ok(code, "the page has a block ```js echo-bot.mjs");
  return code;
}

test("the package exports the client, and the bot has at most 25 lines", () => {
  const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  assert.deepEqual(exports["./client"], {
    types: "./dist/admin/client/umbrad-client.d.ts",
    default: "./dist/admin/client/umbrad-client.js",
  });
  const lines = botOfPage().trimEnd().split("\n");
  assert.ok(lines.length <= 25, `${lines.length} lines`);
  assert.equal(lines[0], 'import { connect, isRefused } from "umbrad/client";');
});

test("the bot of docs/bots.md answers each message once, though it and its daemon are killed", async (t) => {
  const stage = new Stage(t);
  const bots = new Stage(t);
  const node = new ServiceNode(stage);
  await node.start();
  const [alice, bob] = ["alice", "bob"].map((name) => new Party(stage, name, ["--peer", node.multiaddr]));
  assert.ok(alice && bob);
  await Promise.all([alice.init(), bob.init()]);
  await Promise.all([alice.start(), bob.start()]);
  await Promise.all([alice.wait("ready"), bob.wait("ready")]);

  const client = pathToFileURL(join(root, "src", "admin", "client", "umbrad-client.ts")).href;
  const script = join(bots.directory, "echo-bot.mjs");
  writeFileSync(script, botOfPage().replace('"umbrad/client"', JSON.stringify(client)));
  const socket = join(alice.stateDir, "admin.sock");
  const runBot = (): Launched => bots.launch("bot", [socket], { script });

  const first = runBot();
  const link = await inTime(
    "the bot's link",
    first.output.line(() => true),
  );
  const peer = connect({ socket: join(bob.stateDir, "admin.sock") });
  const { conversation } = await peer.acceptInvite(link, "one");
  assert.deepEqual(await bob.receive(1), ["You said: one"]);

  await first.kill("SIGKILL");
  await peer.send(conversation, "two");
  const second = runBot();
  assert.deepEqual(await bob.receive(2), ["You said: one", "You said: two"]);

  await peer.send(conversation, "x".repeat(65_536));
  await until("the bot passes over it", () => second.output.stderr.includes("no answer: the text") || undefined);
  await alice.running.kill("SIGKILL");
  await peer.send(conversation, "three");
  await alice.start();
  const all = ["You said: one", "You said: two", "You said: three"];
  assert.deepEqual(await bob.receive(3), all);
  await second.kill("SIGKILL");
  await peer.send(conversation, "the end");
  await alice.receive(5);
  assert.deepEqual(await bob.receivedTexts(), all, "and nothing twice");
  assert.equal(second.output.stderr.split("\n").length, 2, "it went on by itself");
  assertNoErrors(stage);
});
