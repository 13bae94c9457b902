/**
 * Goal: nothing that a service node sends, or never sends, crashes the process, hangs a call, or stops later work.
 * Method: a libp2p node misbehaves in every way on every protocol; each call must end within its (shortened) deadline,
 * and after the node behaves again the same transport must work again by itself. An unhandled rejection fails the test.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { describe, test } from "node:test";
import * as lengthPrefixed from "it-length-prefixed";
import type { Transport } from "../../src/engine/ports.ts";
import { filterSubscribeCodec } from "../../src/waku/filter/client.ts";
import { metadataCodec } from "../../src/waku/metadata.ts";
import { readHistory, topicOf } from "../conformance/transport/transport-recorder.ts";
import { askedCodecs, type Behaviour, sending } from "./hostile-node.ts";
import { deadlineMs, scene, topic } from "./hostile-scene.ts";

async function* trickle(): AsyncGenerator<Uint8Array> {
  // Announces 60,000 bytes and gives one at a time.
  yield new Uint8Array([0xe0, 0xd4, 0x03]);
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    yield new Uint8Array(1);
  }
}

function* flood(): Generator<Uint8Array> {
  for (let chunk = 0; chunk < 400; chunk += 1) yield lengthPrefixed.encode.single(new Uint8Array(16_000)).subarray();
}

const misbehaviours: Readonly<Record<string, Behaviour>> = {
  "never answers": async (stream) => {
    for await (const _ of stream.source);
    await new Promise(() => undefined);
  },
  "never even reads": async () => new Promise(() => undefined),
  "closes at once": async (stream) => stream.sink([]),
  resets: async (stream) => stream.abort(new Error("no")),
  "sends garbage in a good frame": sending([lengthPrefixed.encode.single(randomBytes(300)).subarray()]),
  "sends an empty frame": sending([new Uint8Array([0])]),
  "announces 2 GiB": sending([new Uint8Array([0x80, 0x80, 0x80, 0x80, 0x08, 1, 2, 3])]),
  "sends a length that never ends": sending([new Uint8Array(64).fill(0xff)]),
  "sends half a frame": sending([new Uint8Array([100, 1, 2, 3])]),
  trickles: sending(trickle()),
  "floods with frames": sending(flood()),
};

for (const muxer of ["yamux", "mplex"] as const) {
  describe(`misbehaving service node over ${muxer}`, { concurrency: 4 }, () => {
    for (const [what, behaviour] of Object.entries(misbehaviours)) {
      test(`every protocol ${what}`, { timeout: 120_000 }, () =>
        scene(muxer, async ({ node, transport, recorder }) => {
          await recorder.listening([topic]);
          for (const codec of askedCodecs) node.behaviours.set(codec, once(behaviour, what));
          const calls: Promise<unknown>[] = [1, 2, 3].map(async () => {
            const result = await transport.publish({ topic, payload: randomBytes(8) }, new AbortController().signal);
            // Garbage may decode to some status; an honest "published" it cannot be.
            assert.notEqual(result.kind, "published");
          });
          calls.push(assert.rejects(readHistory(transport, [topic], 0), { code: "transport/unavailable" }));
          transport.listen([topic, topicOf(2)]);
          await within(10 * deadlineMs, Promise.all(calls));

          node.behave();
          await recorder.listening([topicOf(2)]);
          await publishWhenPossible(transport);
          assert.deepEqual(await readWhenPossible(transport), []);
        }),
      );
    }
  });
}

// Generators can be sent only once; a second stream gets silence, which is as bad.
function once(behaviour: Behaviour, what: string): Behaviour {
  if (!["trickles", "floods with frames"].includes(what)) return behaviour;
  return what === "trickles" ? sending(trickle()) : (stream) => sending(flood())(stream);
}

async function within(ms: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done within ${ms} ms`)), ms);
  });
  await Promise.race([work, late]).finally(() => clearTimeout(timer));
}

async function publishWhenPossible(transport: Transport): Promise<void> {
  const until = Date.now() + 60_000;
  for (;;) {
    const result = await transport.publish({ topic, payload: Buffer.from("hello") }, new AbortController().signal);
    if (result.kind === "published") return;
    assert.ok(Date.now() < until, JSON.stringify(result));
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function readWhenPossible(transport: Transport): Promise<unknown> {
  const until = Date.now() + 60_000;
  for (;;) {
    try {
      return await readHistory(transport, [topic], 0);
    } catch (error) {
      if (Date.now() >= until) throw error;
    }
  }
}

test("a node that asks us for metadata in every bad way", { timeout: 120_000 }, () =>
  scene("yamux", async ({ node, transport, recorder }) => {
    await recorder.listening([topic]);
    const ask = async (behaviour: Behaviour): Promise<void> => {
      const [connection] = node.libp2p.getConnections();
      const stream = await connection?.newStream(metadataCodec, { maxOutboundStreams: 1_000 });
      // Not awaited: nobody has to take what this sends.
      if (stream !== undefined) void behaviour(stream).catch(() => undefined);
    };
    const bad = [sending([randomBytes(500)]), sending([new Uint8Array(64).fill(0xff)]), sending([]), sending(flood())];
    for (const behaviour of bad) await ask(behaviour);
    await Promise.allSettled([...Array(100)].map(() => ask(async () => undefined)));
    await publishWhenPossible(transport);
    assert.equal(transport.status().peers, 1);
  }),
);

test("a node of another cluster is not used", { timeout: 120_000 }, () =>
  scene("yamux", async ({ node, transport, recorder, log }) => {
    await recorder.listening([topic]);
    // Cluster 67, field 1.
    node.behaviours.set(metadataCodec, sending([new Uint8Array([2, 0x08, 67])]));
    for (const connection of node.libp2p.getConnections()) await connection.close();
    await recorder.until(() => recorder.status?.peers === 0, "the connection to be closed");
    while (!log.lines.some(({ fields }) => fields.event === "peer.wrong-cluster")) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    assert.equal(transport.status().peers, 0);
  }),
);

test("a node that stays silent on filter loses its connection, and a fresh one is tried", { timeout: 120_000 }, () =>
  scene("yamux", async ({ node, recorder }) => {
    await recorder.listening([topic]);
    node.behaviours.set(filterSubscribeCodec, async () => new Promise(() => undefined));
    for (const connection of node.libp2p.getConnections()) await connection.close();
    let lost = 0;
    node.libp2p.addEventListener("peer:disconnect", () => {
      lost += 1;
    });
    const until = Date.now() + 60_000;
    while (lost < 2 && Date.now() < until) await new Promise((resolve) => setTimeout(resolve, 20));
    assert.ok(lost >= 2, "hung up and dialled again");
    const skip = recorder.listenings.length;
    node.behave();
    await recorder.listening([topic], skip);
  }),
);
