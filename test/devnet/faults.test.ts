// Goal: the knobs do what they say and nothing else, so that a test of a client can trust them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { multiaddr } from "@multiformats/multiaddr";
import { rawPeer } from "./support/raw-peer.ts";
import { contentTopic, filter, message, pubsubTopic, push, query, textsOf } from "./support/requests.ts";
import { eventually, scratchDevnet } from "./support/scratch-devnet.ts";

const here = { pubsubTopic, contentTopics: [contentTopic] };

test("a status code instead of the real answer", async (t) => {
  const devnet = await scratchDevnet(t);
  const peer = await rawPeer(t, devnet.multiaddr);
  devnet.faults.set("reject", "lightpush:429,store:429,filter:429");
  for (const answer of [
    await push(peer, message("x")),
    await query(peer, here),
    await filter(peer, "SUBSCRIBE", here),
  ]) {
    assert.equal(answer.statusCode, 429);
    assert.notEqual(answer.requestId, "");
  }
  devnet.faults.set("reject", "off");
  assert.equal(devnet.counters.archived, 0);
  assert.equal((await push(peer, message("x"))).statusCode, 200);
});

test("silence, and its end", async (t) => {
  const devnet = await scratchDevnet(t);
  const peer = await rawPeer(t, devnet.multiaddr);
  devnet.faults.set("mute", "store");
  let answered = false;
  void query(peer, here).then(
    () => (answered = true),
    () => {},
  );
  assert.equal((await push(peer, message("other protocols still answer"))).statusCode, 200);
  devnet.faults.set("mute", "off");
  assert.equal((await query(peer, here)).messages.length, 1);
  assert.equal(answered, false, "an unanswered request stays unanswered");
});

test("late answers", async (t) => {
  const devnet = await scratchDevnet(t);
  const peer = await rawPeer(t, devnet.multiaddr);
  devnet.faults.set("answer-delay", "50ms");
  const start = performance.now();
  assert.equal((await push(peer, message("x"))).statusCode, 200);
  assert.ok(performance.now() - start >= 45);
});

test("lost pushes are in the archive", async (t) => {
  const devnet = await scratchDevnet(t);
  const peer = await rawPeer(t, devnet.multiaddr);
  await filter(peer, "SUBSCRIBE", here);
  devnet.faults.set("drop", "1");
  await push(peer, message("lost"));
  devnet.faults.set("drop", "off");
  await push(peer, message("pushed"));
  await eventually("pushed", () => peer.pushes.length > 0);
  assert.equal(new TextDecoder().decode(peer.pushes[0]?.wakuMessage?.payload), "pushed");
  assert.deepEqual(textsOf(await query(peer, here)), ["lost", "pushed"]);
});

test("everyone is cut off, and may come back", async (t) => {
  const devnet = await scratchDevnet(t);
  const peers = [await rawPeer(t, devnet.multiaddr), await rawPeer(t, devnet.multiaddr)];
  // An answer proves that the connection is established on the node's side too.
  for (const peer of peers) await filter(peer, "SUBSCRIBER_PING");
  devnet.disconnectAll();
  for (const peer of peers) {
    await eventually("the peer noticed", () => peer.libp2p.getConnections().length === 0);
    await peer.libp2p.dial(multiaddr(devnet.multiaddr));
  }
});
