// Goal: the door of the fault laboratory is for its owner only, and what it refuses changes nothing.
import assert from "node:assert/strict";
import { mkdirSync, statSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { openControl } from "../../src/devnet/control.ts";
import { type Devnet, startDevnet } from "../../src/devnet/node.ts";
import { rawPeer } from "./support/raw-peer.ts";
import { contentTopic, filter, message, pubsubTopic, push } from "./support/requests.ts";
import { eventually, scratchDir } from "./support/scratch-devnet.ts";

interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

interface Rig {
  readonly devnet: Devnet;
  readonly path: string;
  ask(method: string, url: string, body?: string): Promise<Answer>;
}

async function rig(t: TestContext, stateDir = scratchDir(t)): Promise<Rig> {
  const devnet = await startDevnet({ stateDir, seed: 5 });
  t.after(() => devnet.stop());
  const control = await openControl(devnet, stateDir);
  assert.ok(control !== undefined);
  t.after(() => control.close());
  const { path } = control;
  return {
    devnet,
    path,
    ask: (method, url, body = "") =>
      new Promise((resolve, reject) => {
        const call = request({ socketPath: path, method, path: url, agent: false }, async (response) => {
          let text = "";
          for await (const chunk of response.setEncoding("utf8")) text += chunk;
          resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) });
        });
        call.on("error", reject).end(body);
      }),
  };
}

test("set, list, count, reset", async (t) => {
  const { devnet, ask } = await rig(t);
  assert.deepEqual(await ask("GET", "/v1/faults"), { status: 200, body: { seed: 5, faults: [] } });
  const set = [
    { name: "drop", value: "0.25" },
    { name: "mute", value: "store,filter" },
  ];
  const { body } = await ask("POST", "/v1/faults", JSON.stringify({ set, next: 3, seed: 8 }));
  const drop = { name: "drop", value: "0.25", next: 3, struck: 0 };
  const mute = { name: "mute", value: "store,filter", next: 3, struck: 0 };
  assert.deepEqual(body, { seed: 8, faults: [drop, mute] });
  const again = { reset: true, set: [{ name: "delay", value: "1s-2s" }] };
  await ask("POST", "/v1/faults", JSON.stringify(again));
  assert.deepEqual(devnet.faults.list(), [{ name: "delay", value: "1s-2s", struck: 0 }]);
  await ask("POST", "/v1/faults", JSON.stringify({ set: [{ name: "delay", value: "off" }] }));
  assert.deepEqual(devnet.faults.list(), []);
});

test("what is refused is refused whole", async (t) => {
  const { devnet, ask } = await rig(t);
  const change = (set: readonly (readonly [string, string])[], rest: object = {}): string =>
    JSON.stringify({ set: set.map(([name, value]) => ({ name, value })), ...rest });
  const bad: readonly string[] = [
    "",
    "{",
    "null",
    "[1]",
    "7",
    '{"reset":1}',
    '{"sets":[]}',
    '{"set":[{"name":"drop"}]}',
    '{"set":[null]}',
    '{"seed":1.5}',
    change([["nonsense", "1"]]),
    change([["toString", "1"]]),
    ...["2", "-1", "many", "0.1x", ""].map((value) => change([["drop", value]])),
    ...["1-", "-5", "9-3", "1d", "1-2-3", "999999h"].map((value) => change([["delay", value]])),
    ...["", "relay", "store:503", "store,", "toString"].map((value) => change([["mute", value]])),
    ...["store", "503", "store:", "store:x"].map((value) => change([["reject", value]])),
    change([["refuse-connections", "maybe"]]),
    change([["clock-skew", "soon"]]),
    change([["clock-skew", "90s"]], { next: 3 }),
    change([["drop", "1"]], { next: 0 }),
    change([["drop", "1"]], { after: 0 }),
    change([["clock-skew", "90s"]], { after: 3 }),
    change([
      ["drop", "1"],
      ["mute", "nobody"],
    ]),
    `"${"x".repeat(100_000)}"`,
  ];
  for (const body of bad) {
    const { status, body: answer } = await ask("POST", "/v1/faults", body);
    assert.deepEqual([body, status, answer["code"]], [body, 400, "request/invalid"]);
  }
  assert.deepEqual(devnet.faults.list(), []);
  assert.equal(devnet.faults.seed, 5);
  assert.equal((await ask("GET", "/v1/nothing")).status, 404);
  assert.equal((await ask("DELETE", "/v1/faults")).status, 404);
});

test("status: who is there and what was done", async (t) => {
  const { devnet, ask } = await rig(t);
  const peer = await rawPeer(t, devnet.multiaddr);
  await filter(peer, "SUBSCRIBE", { pubsubTopic, contentTopics: [contentTopic, "/umbra/1/other/proto"] });
  await push(peer, message("x"));
  const { body } = await ask("GET", "/v1/status");
  const { peers, relayPeers, subscribers, subscriptions, archived, pushed } = body;
  assert.deepEqual(
    { peers, relayPeers, subscribers, subscriptions, archived, pushed },
    { peers: 1, relayPeers: 0, subscribers: 1, subscriptions: 2, archived: 1, pushed: 1 },
  );
  assert.deepEqual(body["counters"], { ...devnet.counters });
  await ask("POST", "/v1/faults", '{"cut":true}');
  await eventually("everybody is gone", () => peer.libp2p.getConnections().length === 0);
});

test("the socket is its owner's, replaces one that was left behind, and goes with the door", async (t) => {
  const stateDir = scratchDir(t);
  writeFileSync(join(stateDir, "faults.sock"), "left behind");
  const { path, ask } = await rig(t, stateDir);
  assert.equal(path, join(stateDir, "faults.sock"));
  const mode = statSync(path);
  assert.ok(mode.isSocket());
  assert.equal(mode.mode & 0o777, 0o600);
  assert.equal((await ask("GET", "/v1/status")).status, 200);
});

test("a directory whose path is too long for a socket has a node without a door", async (t) => {
  const stateDir = join(scratchDir(t), "x".repeat(100));
  mkdirSync(stateDir);
  const devnet = await startDevnet({ stateDir });
  t.after(() => devnet.stop());
  assert.equal(await openControl(devnet, stateDir), undefined);
});
