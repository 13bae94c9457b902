// Goal: subscribers get exactly what they asked for, on one stream, for as long as they are there.
import assert from "node:assert/strict";
import { test } from "node:test";
import { multiaddr } from "@multiformats/multiaddr";
import { filterPushCodec } from "../../src/devnet/services/filter-service.ts";
import { rawPeer } from "./support/raw-peer.ts";
import { contentTopic, type FilterRequestType, filter, message, pubsubTopic, push } from "./support/requests.ts";
import { eventually, scratchDevnet } from "./support/scratch-devnet.ts";

interface Step {
  readonly type: FilterRequestType;
  readonly fields: { readonly pubsubTopic?: string; readonly contentTopics?: string[] };
  readonly code: number;
}

/** Content topics of one application and version share a shard. */
function topics(count: number, start = 0): string[] {
  return Array.from({ length: count }, (_, index) => `/umbra/1/t-${start + index}/proto`);
}

test("status codes", async (t) => {
  const devnet = await scratchDevnet(t);
  const peer = await rawPeer(t, devnet.multiaddr);
  const one = { pubsubTopic, contentTopics: [contentTopic] };
  const table: Step[] = [
    { type: "SUBSCRIBER_PING", fields: {}, code: 404 },
    { type: "UNSUBSCRIBE", fields: one, code: 404 },
    { type: "UNSUBSCRIBE_ALL", fields: {}, code: 404 },
    { type: "SUBSCRIBE", fields: { contentTopics: [contentTopic] }, code: 400 },
    { type: "SUBSCRIBE", fields: { pubsubTopic }, code: 400 },
    { type: "SUBSCRIBE", fields: { pubsubTopic, contentTopics: [""] }, code: 400 },
    { type: "SUBSCRIBE", fields: { pubsubTopic: "/waku/2/rs/1/0", contentTopics: [contentTopic] }, code: 400 },
    { type: "SUBSCRIBE", fields: { pubsubTopic, contentTopics: topics(101) }, code: 400 },
    { type: "SUBSCRIBER_PING", fields: {}, code: 404 },
    { type: "SUBSCRIBE", fields: { pubsubTopic, contentTopics: topics(100) }, code: 200 },
    { type: "SUBSCRIBE", fields: { pubsubTopic, contentTopics: topics(100) }, code: 200 },
    { type: "SUBSCRIBER_PING", fields: {}, code: 200 },
    { type: "UNSUBSCRIBE", fields: { pubsubTopic, contentTopics: topics(99) }, code: 200 },
    { type: "SUBSCRIBER_PING", fields: {}, code: 200 },
    { type: "UNSUBSCRIBE", fields: { pubsubTopic, contentTopics: topics(1, 99) }, code: 200 },
    { type: "SUBSCRIBER_PING", fields: {}, code: 404 },
    { type: "SUBSCRIBE", fields: one, code: 200 },
    { type: "UNSUBSCRIBE_ALL", fields: {}, code: 200 },
    { type: "SUBSCRIBER_PING", fields: {}, code: 404 },
  ];
  for (const [step, { type, fields, code }] of table.entries()) {
    const { statusCode, requestId } = await filter(peer, type, fields);
    assert.deepEqual([step, type, statusCode, requestId], [step, type, code, "filter"]);
  }
  for (let start = 0; start < 1_000; start += 100) {
    assert.equal((await filter(peer, "SUBSCRIBE", { pubsubTopic, contentTopics: topics(100, start) })).statusCode, 200);
  }
  assert.equal((await filter(peer, "SUBSCRIBE", one)).statusCode, 503);
});

test("200 pushes come on one stream, in order, and only for subscribed topics", async (t) => {
  const devnet = await scratchDevnet(t);
  const subscriber = await rawPeer(t, devnet.multiaddr, "mplex");
  const sender = await rawPeer(t, devnet.multiaddr);
  await filter(subscriber, "SUBSCRIBE", { pubsubTopic, contentTopics: [contentTopic] });
  const [other = ""] = topics(1);
  for (let index = 0; index < 200; index += 1) {
    await push(sender, message(`${index}`));
    await push(sender, message(`${index}`, { contentTopic: other }));
  }
  await eventually("all were pushed", () => subscriber.pushes.length >= 200);
  assert.deepEqual(
    subscriber.pushes.map(({ wakuMessage }) => new TextDecoder().decode(wakuMessage?.payload)),
    Array.from({ length: 200 }, (_, index) => `${index}`),
  );
  assert.deepEqual(new Set(subscriber.pushes.map((pushed) => pushed.pubsubTopic)), new Set([pubsubTopic]));
  assert.equal(subscriber.pushStreams.length, 1);
  assert.equal(devnet.counters.filterPushes, 200);
});

test("a reset push stream is opened anew at once, so that the next message is not lost", async (t) => {
  const devnet = await scratchDevnet(t);
  const peer = await rawPeer(t, devnet.multiaddr);
  await filter(peer, "SUBSCRIBE", { pubsubTopic, contentTopics: [contentTopic] });
  for (let round = 1; round <= 5; round += 1) {
    await push(peer, message(`${round}`));
    await eventually(`push ${round} arrived`, () => peer.pushes.length === round);
    peer.pushStreams.at(-1)?.abort(new Error("reset by the test"));
    await eventually(`stream ${round + 1} was opened`, () => peer.pushStreams.length === round + 1);
  }
});

test("a subscriber that does not read costs a bounded queue, and nobody else anything", async (t) => {
  const devnet = await scratchDevnet(t);
  const [deaf, other, sender] = [
    await rawPeer(t, devnet.multiaddr),
    await rawPeer(t, devnet.multiaddr),
    await rawPeer(t, devnet.multiaddr),
  ];
  await deaf.libp2p.unhandle(filterPushCodec);
  await deaf.libp2p.handle(filterPushCodec, () => {});
  for (const peer of [deaf, other]) await filter(peer, "SUBSCRIBE", { pubsubTopic, contentTopics: [contentTopic] });
  const count = 50;
  for (let index = 0; index < count; index += 1) await push(sender, message(`${index}`.padEnd(140 * 1024)));
  await eventually("the other has everything", () => other.pushes.length === count);
  // 50 times 140 KiB are 6.8 MiB; 4 MiB of queue and a window of 256 KiB have no room for about 18 of them.
  const { filterPushesDropped } = devnet.counters;
  assert.ok(filterPushesDropped >= 15 && filterPushesDropped <= 21, `${filterPushesDropped} dropped`);
  assert.equal((await filter(deaf, "SUBSCRIBER_PING")).statusCode, 200);
});

test("a subscription ends with unsubscribe, with its time, and with the last connection", async (t) => {
  let nowMs = Date.now();
  const devnet = await scratchDevnet(t, { now: () => nowMs });
  const peer = await rawPeer(t, devnet.multiaddr);
  const sender = await rawPeer(t, devnet.multiaddr);
  const one = { pubsubTopic, contentTopics: [contentTopic] };
  await filter(peer, "SUBSCRIBE", one);
  nowMs += 4 * 60_000;
  assert.equal((await filter(peer, "SUBSCRIBER_PING")).statusCode, 200);
  nowMs += 4 * 60_000;
  await push(sender, message("renewed by the ping"));
  await eventually("pushed", () => peer.pushes.length === 1);
  nowMs += 60_000;
  await push(sender, message("too late"));
  assert.equal(devnet.counters.filterSubscribers, 0);
  assert.equal((await filter(peer, "SUBSCRIBER_PING")).statusCode, 404);

  await filter(peer, "SUBSCRIBE", one);
  assert.equal(devnet.counters.filterSubscribers, 1);
  await peer.connection.close();
  await eventually("forgotten", () => devnet.counters.filterSubscribers === 0);
  await peer.libp2p.dial(multiaddr(devnet.multiaddr));
  await push(sender, message("not subscribed any more"));
  assert.equal(devnet.counters.filterPushes, 1);
});
