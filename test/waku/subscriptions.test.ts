/**
 * Goal: subscriptions at a service node stay what is wanted, within what nodes allow a peer to ask.
 * Method: a polite node on raw libp2p counts requests; minutes pass on a manual clock.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Clock, Transport } from "../../src/engine/ports.ts";
import { filterSubscribeCodec } from "../../src/waku/filter/client.ts";
import { createRateLimit } from "../../src/waku/filter/rate-limit.ts";
import { Recorder, topicOf } from "../conformance/transport/transport-recorder.ts";
import { transportTo } from "./fixture.ts";
import { filterStatus, type HostileNode, startHostileNode } from "./hostile-node.ts";
import { ManualClock } from "./manual-clock.ts";

interface Scene {
  readonly node: HostileNode;
  readonly transport: Transport;
  readonly recorder: Recorder;
  readonly clock: ManualClock;
  /** Moves the clock second by second until `condition` holds; returns how many milliseconds that took. */
  pass(condition: () => boolean, limitMs: number): Promise<number>;
  idle(ms: number): Promise<void>;
}

async function scene(run: (scene: Scene) => Promise<void>): Promise<void> {
  const node = await startHostileNode();
  const clock = new ManualClock();
  const transport = transportTo([node.multiaddr], { clock, deadlineMs: 3_600_000 });
  const recorder = new Recorder();
  const idle = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 1_000) {
      await clock.advance(1_000);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  const pass = async (condition: () => boolean, limitMs: number): Promise<number> => {
    for (let passed = 0; passed <= limitMs; passed += 1_000) {
      // Real time for the bytes of this second to travel over loopback.
      for (let turn = 0; turn < 20 && !condition(); turn += 1) await new Promise((resolve) => setTimeout(resolve, 1));
      if (condition()) return passed;
      await clock.advance(1_000);
    }
    throw new Error(`not within ${limitMs} ms of the manual clock`);
  };
  try {
    await transport.start(recorder);
    await run({ node, transport, recorder, clock, pass, idle });
  } finally {
    await transport.stop();
    await node.stop();
  }
  assert.equal(clock.timers, 0, "stop leaves no timer");
}

const count = (requests: readonly string[], kind: string): number => requests.filter((each) => each === kind).length;

test("150 topics go out in requests of at most 100, each topic once", () =>
  scene(async ({ node, transport, recorder }) => {
    const topics = [...Array(150).keys()].map(topicOf);
    transport.listen(topics);
    await recorder.listening(topics);
    assert.deepEqual(
      node.subscribed.map((chunk) => chunk.length),
      [100, 50],
    );
    assert.deepEqual(node.subscribed.flat().sort(), [...topics].sort());
  }));

test("a ping every 20 s; when the node has forgotten us, everything is subscribed anew at once", () =>
  scene(async ({ node, transport, recorder, pass }) => {
    transport.listen([topicOf(1)]);
    await recorder.listening([topicOf(1)]);
    const pinged = (): boolean => node.filterRequests.includes("SUBSCRIBER_PING");
    const waited = await pass(pinged, 40_000);
    assert.ok(waited >= 19_000 && waited <= 28_000, `${waited} ms`);
    assert.equal(recorder.listenings.length, 1, "an answered ping changes nothing");

    let refusals = 0;
    node.behaviours.set(filterSubscribeCodec, async (stream) => {
      refusals += 1;
      node.behave();
      await filterStatus(404)(stream);
    });
    await pass(() => recorder.listenings.length === 2, 30_000);
    assert.equal(refusals, 1);
    assert.deepEqual(recorder.listenings[1], [topicOf(1)]);
  }));

test("a refused ping for asking too often does not drop the subscription", () =>
  scene(async ({ node, transport, recorder, pass }) => {
    transport.listen([topicOf(1)]);
    await recorder.listening([topicOf(1)]);
    let pings = 0;
    node.behaviours.set(filterSubscribeCodec, async (stream) => {
      pings += 1;
      await filterStatus(429)(stream);
    });
    await pass(() => pings === 3, 90_000);
    assert.deepEqual(transport.status().listening, [topicOf(1)]);
    assert.equal(recorder.listenings.length, 1);
  }));

test("a topic is unsubscribed 60 s after it is no longer wanted, and not at all if it is wanted again", () =>
  scene(async ({ node, transport, recorder, pass, idle }) => {
    transport.listen([topicOf(1), topicOf(2)]);
    await recorder.listening([topicOf(1), topicOf(2)]);
    transport.listen([topicOf(1)]);
    await idle(30_000);
    transport.listen([topicOf(1), topicOf(2)]);
    await idle(1_000);
    transport.listen([topicOf(1)]);
    const waited = await pass(() => node.filterRequests.includes("UNSUBSCRIBE"), 90_000);
    assert.ok(waited >= 58_000 && waited <= 72_000, `${waited} ms`);
    assert.equal(count(node.filterRequests, "SUBSCRIBE"), 1);
  }));

test("filter requests stay within 30 a minute, whatever is wanted", () =>
  scene(async ({ node, transport, clock, pass, idle }) => {
    const beganAtMs = clock.now();
    for (let round = 0; round < 100; round += 1) {
      transport.listen([topicOf(round)]);
      await idle(1_000);
    }
    await pass(() => transport.status().listening.includes(topicOf(99)), 60_000);
    const requests = node.filterRequests.length;
    assert.ok(requests <= 10 + (clock.now() - beganAtMs) / 3_000, `${requests} requests`);
    assert.ok(requests > 20, "the limit was reached");
  }));

test("a rate limit of 10 and 20 a minute never gives more than 30 in any minute", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 20_000 }), { maxLength: 200 }), (pauses) => {
      let nowMs = 0;
      const chance = { random: () => new Uint8Array(0), after: () => () => undefined };
      const clock: Clock = { now: () => 0, steady: () => nowMs, ...chance };
      const limit = createRateLimit({ capacity: 10, perSecond: 20 / 60, clock });
      const taken: number[] = [];
      for (const pause of pauses) {
        while (limit.take()) taken.push(nowMs);
        assert.ok(limit.delayMs() > 0);
        nowMs += pause;
      }
      for (const [index, atMs] of taken.entries()) {
        assert.ok(taken.slice(index).filter((other) => other < atMs + 60_000).length <= 30);
      }
    }),
  );
});

test("a refused subscription is tried again with growing pauses until it is accepted", () =>
  scene(async ({ node, transport, recorder, pass }) => {
    let refused = 0;
    node.behaviours.set(filterSubscribeCodec, async (stream) => {
      refused += 1;
      await filterStatus(503)(stream);
    });
    transport.listen([topicOf(1)]);
    await pass(() => refused === 5, 60_000);
    assert.deepEqual(transport.status().listening, []);
    node.behave();
    await pass(() => recorder.listenings.length === 1, 60_000);
  }));

for (const [name, byMs] of [
  ["back", -3_600_000],
  ["forwards", 3_600_000],
] as const) {
  test(`a clock that is set ${name} by an hour changes no pause: pings, refused requests, redials`, () =>
    scene(async ({ node, transport, recorder, clock, pass, idle }) => {
      const pings = (): number => count(node.filterRequests, "SUBSCRIBER_PING");
      transport.listen([topicOf(1)]);
      await recorder.listening([topicOf(1)]);
      await pass(() => pings() === 1, 40_000);
      // Its answer comes, and the next one is set for later.
      await idle(2_000);
      clock.set(byMs);
      await idle(90_000);
      assert.ok(pings() >= 4 && pings() <= 6, `${pings()} pings`);

      let refused = 0;
      node.behaviours.set(filterSubscribeCodec, async (stream) => {
        refused += 1;
        await filterStatus(503)(stream);
      });
      transport.listen([topicOf(1), topicOf(2)]);
      await pass(() => refused === 3, 30_000);
      await idle(1_000);
      clock.set(byMs);
      await pass(() => refused >= 5, 60_000);
      node.behave();
      await pass(() => transport.status().listening.length === 2, 60_000);

      clock.set(byMs);
      for (const connection of node.libp2p.getConnections()) connection.abort(new Error("gone"));
      await pass(() => transport.status().peers === 0, 10_000);
      await pass(() => transport.status().listening.length === 2, 30_000);
    }));
}
