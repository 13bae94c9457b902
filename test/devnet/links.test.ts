// Goal: nodes given as peers are one network for as long as they live, whoever starts first and whoever restarts.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { settledWithin } from "../../src/devnet/host.ts";
import { type Devnet, startDevnet } from "../../src/devnet/node.ts";
import { type RawPeer, rawPeer } from "./support/raw-peer.ts";
import { contentTopic, filter, message, pubsubTopic, push, query, textsOf } from "./support/requests.ts";
import { eventually, scratchDevnet, scratchDir } from "./support/scratch-devnet.ts";

const here = { pubsubTopic, contentTopics: [contentTopic] };

async function subscriber(t: TestContext, devnet: Devnet): Promise<RawPeer> {
  const peer = await rawPeer(t, devnet.multiaddr);
  assert.equal((await filter(peer, "SUBSCRIBE", here)).statusCode, 200);
  return peer;
}

/** Sends on another topic until the mesh carries it over both links. */
async function crosses(from: RawPeer, to: Devnet): Promise<void> {
  const before = to.counters.relayReceived;
  await eventually("the mesh carries messages", async () => {
    await push(from, message(`probe ${performance.now()}`, { contentTopic: "/umbra/1/other/proto" }));
    return to.counters.relayReceived > before;
  });
}

test("three nodes in a row, the middle one restarted: pushed at one end, delivered and archived at the other", {
  timeout: 120_000,
}, async (t) => {
  const middleDir = scratchDir(t);
  const first = await scratchDevnet(t);
  let middle = await startDevnet({ stateDir: middleDir, peers: [first.multiaddr] });
  t.after(() => middle.stop());
  const last = await scratchDevnet(t, { peers: [middle.multiaddr] });
  const sender = await rawPeer(t, first.multiaddr);
  const receiver = await subscriber(t, last);

  await crosses(sender, last);
  await push(sender, message("before"));
  await eventually("it came by filter", () => receiver.pushes.length === 1);

  await middle.stop();
  await eventually("the last one noticed", () => last.population.relayPeers === 0);
  await push(sender, message("meanwhile"));
  middle = await startDevnet({ stateDir: middleDir, peers: [first.multiaddr] });
  await crosses(sender, last);
  await push(sender, message("after"));
  await eventually("it came by filter again", () => receiver.pushes.length === 2);

  // Relays keep nothing for those who are away: what was sent meanwhile is in the first archive only.
  assert.deepEqual(textsOf(await query(sender, here)), ["before", "meanwhile", "after"]);
  assert.deepEqual(textsOf(await query(receiver, here)), ["before", "after"]);
  const { peers, relayPeers } = middle.population;
  assert.deepEqual({ peers, relayPeers }, { peers: 2, relayPeers: 2 });
});

test("a peer that is not there yet is found when it comes, at both ends of a link", { timeout: 120_000 }, async (t) => {
  const dir = scratchDir(t);
  const absent = await startDevnet({ stateDir: dir });
  await absent.stop();
  const one = await scratchDevnet(t, { peers: [absent.multiaddr] });
  assert.equal(one.population.peers, 0);
  const two = await startDevnet({ stateDir: dir, peers: [one.multiaddr] });
  t.after(() => two.stop());
  assert.equal(two.multiaddr, absent.multiaddr);
  await eventually("they have met", () => one.population.relayPeers === 1 && two.population.relayPeers === 1);
});

test("an address that can never be a peer is refused, and leaves the directory free", async (t) => {
  const stateDir = scratchDir(t);
  for (const address of ["nonsense", "/ip4/127.0.0.1/tcp/1"]) {
    await assert.rejects(startDevnet({ stateDir, peers: [address] }), { code: "devnet/bad-option" });
  }
  await (await startDevnet({ stateDir })).stop();
});

test("a node that redials stops at once", async (t) => {
  const devnet = await scratchDevnet(t, {
    peers: ["/ip4/127.0.0.1/tcp/1/p2p/12D3KooWE9B6UwQpk4g3iamyuH58quqjNkTorX8A5oKf5KunJns5"],
  });
  const begun = performance.now();
  await devnet.stop();
  assert.ok(performance.now() - begun < 2_000);
});

test("what a library never finishes, or fails to, holds nothing up", async () => {
  const begun = performance.now();
  await settledWithin(new Promise(() => {}), 50);
  const waitedMs = performance.now() - begun;
  assert.ok(waitedMs >= 45 && waitedMs < 5_000);
  await settledWithin(Promise.reject(new Error("it could not stop")), 60_000);
  await settledWithin(Promise.resolve(), 60_000);
});
