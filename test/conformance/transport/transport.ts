/**
 * What the engine relies on of every Transport. Run over the real one against a local service node and over the
 * in-process one that engine and simulation tests use, so that the latter cannot promise more than the former.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { describe, test } from "node:test";
import type { Transport } from "../../../src/engine/ports.ts";
import type { ContentTopic } from "../../../src/wire/ids.ts";
import { historyOf, publishText, Recorder, readHistory, topicOf } from "./transport-recorder.ts";

/** A network of the kind under test. */
export interface TransportRig {
  /** A new participant, not started. */
  transport(): Transport;
  /** The network becomes unreachable for everyone. */
  away(): Promise<void>;
  back(): Promise<void>;
  /** Stops everything that the rig made. */
  close(): Promise<void>;
}

/** Registers the suite; `make` is called once for every test. */
export function transportConformance(name: string, make: () => Promise<TransportRig>): void {
  describe(`transport conformance: ${name}`, () => {
    const check = (what: string, run: (rig: TransportRig, joined: Join) => Promise<void>): void => {
      test(what, { timeout: 120_000 }, async () => {
        const rig = await make();
        const transports: Transport[] = [];
        const join: Join = async (...topics) => {
          const transport = rig.transport();
          transports.push(transport);
          const recorder = new Recorder();
          await transport.start(recorder);
          transport.listen(topics);
          await recorder.until(() => transport.status().peers > 0, "a connected service node");
          if (topics.length > 0) await recorder.listening(topics);
          return { transport, recorder };
        };
        try {
          await run(rig, join);
        } finally {
          await Promise.all(transports.map((transport) => transport.stop()));
          await rig.close();
        }
      });
    };
    pushTests(check);
    historyTests(check);
    outageTests(check);
    confirmTests(check);
    stopTests(check);
  });
}

type Join = (...topics: ContentTopic[]) => Promise<{ readonly transport: Transport; readonly recorder: Recorder }>;
type Check = (what: string, run: (rig: TransportRig, join: Join) => Promise<void>) => void;

function pushTests(check: Check): void {
  check("a message reaches every listener, byte for byte, with hash and time", async (_rig, join) => {
    const topic = topicOf(1);
    const sender = await join();
    const one = await join(topic);
    const two = await join(topic);
    const payload = new Uint8Array([...Array(256).keys(), ...randomBytes(5_000)]);
    const before = Date.now();
    const result = await sender.transport.publish({ topic, payload }, new AbortController().signal);
    assert.equal(result.kind, "published");
    for (const { recorder } of [one, two]) {
      await recorder.until(() => recorder.messages.length > 0, "the message");
      const [message] = recorder.messages;
      assert.ok(message);
      assert.deepEqual(Buffer.from(message.payload), Buffer.from(payload));
      assert.equal(message.topic, topic);
      assert.equal(message.hash.length, 32);
      assert.ok(message.timestampMs >= before && message.timestampMs <= Date.now());
    }
    assert.deepEqual(one.recorder.messages[0]?.hash, two.recorder.messages[0]?.hash);
  });

  check("topics that are not wanted are not delivered, and listen() replaces the wanted ones", async (_rig, join) => {
    const { transport, recorder } = await join(topicOf(1), topicOf(2));
    assert.deepEqual([...transport.status().listening].sort(), [topicOf(1), topicOf(2)]);
    transport.listen([topicOf(2), topicOf(3)]);
    await recorder.listening([topicOf(3)]);
    await publishText(transport, topicOf(1), "unwanted");
    await publishText(transport, topicOf(2), "kept");
    await publishText(transport, topicOf(3), "added");
    await recorder.until(() => recorder.messages.length >= 2, "both wanted messages");
    assert.deepEqual(recorder.payloads().sort(), ["added", "kept"]);
    assert.deepEqual([...transport.status().listening].sort(), [topicOf(2), topicOf(3)]);
  });

  check("a topic that is wanted again is announced again: there may be a gap", async (_rig, join) => {
    const { transport, recorder } = await join(topicOf(1));
    transport.listen([]);
    await publishText(transport, topicOf(1), "in the gap");
    const skip = recorder.listenings.length;
    transport.listen([topicOf(1)]);
    await recorder.listening([topicOf(1)], skip);
    await publishText(transport, topicOf(1), "after it");
    await recorder.until(() => recorder.payloads().includes("after it"), "the message after the gap");
  });

  check("more than 100 topics", async (_rig, join) => {
    const topics = [...Array(150).keys()].map(topicOf);
    const { transport, recorder } = await join(...topics);
    assert.equal(transport.status().listening.length, 150);
    for (const bucket of [0, 99, 100, 149]) await publishText(transport, topicOf(bucket), `to ${bucket}`);
    await recorder.until(() => recorder.messages.length === 4, "a message on the first and last topics");
  });

  check("what no relay can carry is refused for ever, and nothing else is", async (_rig, join) => {
    const { transport, recorder } = await join(topicOf(1));
    const { signal } = new AbortController();
    const huge = await transport.publish({ topic: topicOf(1), payload: new Uint8Array(150 * 1024) }, signal);
    assert.equal(huge.kind, "refused");
    assert.ok(huge.kind === "refused" && !huge.retryable && huge.status === 413 && huge.reason.length > 0);
    const large = await transport.publish({ topic: topicOf(1), payload: new Uint8Array(149 * 1024) }, signal);
    assert.equal(large.kind, "published", JSON.stringify(large));
    await recorder.until(() => recorder.messages.length === 1, "the largest message");
    assert.equal(recorder.messages[0]?.payload.length, 149 * 1024);
  });
}

function historyTests(check: Check): void {
  check("history is complete over many pages, oldest first, without repetitions", async (_rig, join) => {
    const { transport } = await join();
    const texts = [...Array(65).keys()].map((index) => `message ${index}`);
    for (const [index, text] of texts.entries()) await publishText(transport, topicOf(index % 3), text);
    await publishText(transport, topicOf(9), "not asked for");
    const topics = [topicOf(0), topicOf(1), topicOf(2)];
    const found = await historyOf(transport, topics, 0, texts.length);
    assert.deepEqual(found.map(({ payload }) => Buffer.from(payload).toString()).sort(), [...texts].sort());
    const times = found.map(({ timestampMs }) => timestampMs);
    assert.deepEqual(
      times,
      [...times].sort((one, other) => one - other),
    );
    assert.equal(new Set(found.map(({ hash }) => Buffer.from(hash).toString("hex"))).size, texts.length);
    const some = await readHistory(transport, [topicOf(1)], 0);
    assert.equal(some.flat().length, texts.filter((_, index) => index % 3 === 1).length);
  });

  check("history begins at sinceMs, inclusive", async (_rig, join) => {
    const { transport } = await join();
    const later = async (): Promise<void> => {
      const now = Date.now();
      while (Date.now() === now) await new Promise((resolve) => setImmediate(resolve));
    };
    await publishText(transport, topicOf(1), "old");
    await later();
    await publishText(transport, topicOf(1), "middle");
    await later();
    await publishText(transport, topicOf(1), "new");
    const all = await historyOf(transport, [topicOf(1)], 0, 3);
    const since = all[1]?.timestampMs ?? 0;
    const found = (await readHistory(transport, [topicOf(1)], since)).flat();
    assert.deepEqual(
      found.map(({ payload }) => Buffer.from(payload).toString()),
      ["middle", "new"],
    );
    assert.deepEqual((await readHistory(transport, [topicOf(1)], Date.now() + 60_000)).flat(), []);
    assert.deepEqual(await readHistory(transport, [], 0), []);
  });

  check("the same message has the same hash when pushed and when fetched", async (_rig, join) => {
    const { transport, recorder } = await join(topicOf(1));
    await publishText(transport, topicOf(1), "both ways");
    await recorder.until(() => recorder.messages.length > 0, "the push");
    const [fetched] = await historyOf(transport, [topicOf(1)], 0, 1);
    const { from, ...pushed } = recorder.messages[0] ?? assert.fail();
    assert.deepEqual(fetched, pushed);
    assert.ok(
      from !== undefined && transport.subscribedAt(topicOf(1)).some(({ node }) => node === from),
      "who pushed it",
    );
    assert.deepEqual(transport.subscribedAt(topicOf(2)), []);
  });

  check("a shifted timestamp is that of the message", async (_rig, join) => {
    const { transport, recorder } = await join(topicOf(1));
    const shifted = { topic: topicOf(1), payload: Buffer.from("later"), shiftMs: 10_000 };
    const from = Date.now();
    assert.equal((await transport.publish(shifted, new AbortController().signal)).kind, "published");
    await recorder.until(() => recorder.messages.length > 0, "the push");
    const offMs = (recorder.messages[0]?.timestampMs ?? 0) - from;
    assert.ok(offMs >= 10_000 && offMs < 40_000, `${offMs}`);
  });

  check("repeating the same bytes later makes another message", async (_rig, join) => {
    const { transport, recorder } = await join(topicOf(1));
    await publishText(transport, topicOf(1), "same");
    const now = Date.now();
    await recorder.until(() => recorder.messages.length === 1, "the first");
    while (Date.now() <= now) await new Promise((resolve) => setImmediate(resolve));
    await publishText(transport, topicOf(1), "same");
    await recorder.until(() => recorder.messages.length === 2, "the second");
    assert.notDeepEqual(recorder.messages[0]?.hash, recorder.messages[1]?.hash);
  });
}

function outageTests(check: Check): void {
  check("an outage: publish and history say so, then everything comes back by itself", async (rig, join) => {
    const { transport, recorder } = await join(topicOf(1));
    await publishText(transport, topicOf(1), "before");
    await recorder.until(() => recorder.messages.length === 1, "the message before the outage");
    const skip = recorder.listenings.length;
    await rig.away();
    await recorder.until(() => transport.status().peers === 0, "noticing the outage");
    assert.deepEqual(transport.status().listening, []);
    const away = await transport.publish(
      { topic: topicOf(1), payload: Buffer.from("lost") },
      new AbortController().signal,
    );
    assert.equal(away.kind, "unavailable");
    await assert.rejects(readHistory(transport, [topicOf(1)], 0), { code: "transport/unavailable" });
    await rig.back();
    await recorder.listening([topicOf(1)], skip);
    assert.equal(recorder.status?.peers, 1);
    await publishText(transport, topicOf(1), "after");
    await recorder.until(() => recorder.payloads().includes("after"), "the message after the outage");
    const found = await historyOf(transport, [topicOf(1)], 0, 2);
    assert.deepEqual(
      found.map(({ payload }) => Buffer.from(payload).toString()),
      ["before", "after"],
    );
  });

  check("topics wanted during an outage, or before start, are listened to after it", async (rig, join) => {
    await rig.away();
    const transport = rig.transport();
    const recorder = new Recorder();
    try {
      transport.listen([topicOf(1)]);
      await transport.start(recorder);
      transport.listen([topicOf(1), topicOf(2)]);
      assert.equal(transport.status().peers, 0);
      assert.equal(transport.status().configuredPeers > 0, true);
      await rig.back();
      await recorder.listening([topicOf(1), topicOf(2)]);
      const other = await join();
      await publishText(other.transport, topicOf(2), "hello");
      await recorder.until(() => recorder.payloads().includes("hello"), "the message");
    } finally {
      await transport.stop();
    }
  });
}

function confirmTests(check: Check): void {
  const { signal } = new AbortController();
  const publish = async (transport: Transport, text: string): Promise<Uint8Array> => {
    const result = await transport.publish({ topic: topicOf(1), payload: Buffer.from(text) }, signal);
    assert.ok(result.kind === "published");
    return result.hash;
  };

  check("the hash of a publishing is that of the message, and a Store node knows it", async (_rig, join) => {
    const { transport, recorder } = await join(topicOf(1));
    const hashes: Uint8Array[] = [];
    for (let index = 0; index < 120; index += 1) hashes.push(await publish(transport, `message ${index}`));
    await recorder.until(() => recorder.messages.length === hashes.length, "every message");
    const hex = (all: readonly Uint8Array[]): string[] => all.map((hash) => Buffer.from(hash).toString("hex")).sort();
    assert.deepEqual(hex(recorder.messages.map(({ hash }) => hash)), hex(hashes));
    await historyOf(transport, [topicOf(1)], 0, hashes.length);
    const unknown = new Uint8Array(randomBytes(32));
    assert.deepEqual(hex(await transport.confirm([unknown, ...hashes], signal)), hex(hashes));
    assert.deepEqual(await transport.confirm([unknown], signal), []);
  });

  check("without a Store node nothing is said about what is stored", async (rig, join) => {
    const { transport, recorder } = await join();
    const hash = await publish(transport, "stored");
    await assert.rejects(transport.confirm([hash], AbortSignal.abort()), { code: "transport/unavailable" });
    await rig.away();
    await recorder.until(() => transport.status().peers === 0, "noticing the outage");
    await assert.rejects(transport.confirm([hash], signal), { code: "transport/unavailable" });
  });

  check("a renewal subscribes anew, the second one at last; messages flow again", async (_rig, join) => {
    const { transport, recorder } = await join(topicOf(1));
    for (const round of ["first", "second"]) {
      const skip = recorder.listenings.length;
      transport.renew();
      await recorder.listening([topicOf(1)], skip);
      await publish(transport, round);
      await recorder.until(() => recorder.payloads().includes(round), "a message after the renewal");
    }
  });
}

function stopTests(check: Check): void {
  check("stop is idempotent; afterwards nothing is delivered, published or fetched", async (_rig, join) => {
    const { transport, recorder } = await join(topicOf(1));
    const other = await join();
    await Promise.all([transport.stop(), transport.stop()]);
    await transport.stop();
    await publishText(other.transport, topicOf(1), "too late");
    const result = await transport.publish(
      { topic: topicOf(1), payload: Buffer.from("x") },
      new AbortController().signal,
    );
    assert.equal(result.kind, "unavailable");
    await assert.rejects(readHistory(transport, [topicOf(1)], 0), { code: "transport/unavailable" });
    transport.listen([topicOf(2)]);
    assert.deepEqual(recorder.messages, []);
    assert.equal(transport.status().peers, 0);
  });

  check("stop before and during start", async (rig) => {
    await rig.transport().stop();
    const transport = rig.transport();
    const starting = transport.start(new Recorder());
    await Promise.all([starting, transport.stop()]);
    assert.equal(transport.status().peers, 0);
  });

  check("an aborted caller gets an answer at once", async (_rig, join) => {
    const { transport } = await join();
    await publishText(transport, topicOf(1), "something to fetch");
    const aborted = AbortSignal.abort();
    const result = await transport.publish({ topic: topicOf(1), payload: Buffer.from("x") }, aborted);
    assert.equal(result.kind, "unavailable");
    await assert.rejects(
      async () => {
        for await (const _ of transport.history({ topics: [topicOf(1)], sinceMs: 0 }, aborted)) assert.fail("a page");
      },
      { code: "transport/unavailable" },
    );
  });
}
