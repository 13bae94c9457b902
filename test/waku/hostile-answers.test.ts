/** What well-framed but false, excessive or unhelpful pushes and answers of a service node do: nothing, or an honest error. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { describe, test } from "node:test";
import { proto_filter_v2, proto_lightpush, type proto_store } from "@waku/proto";
import * as lengthPrefixed from "it-length-prefixed";
import { lightpushCodec } from "../../src/waku/lightpush/lightpush.ts";
import { storeCodec } from "../../src/waku/store/store-query.ts";
import { publishText, readHistory, topicOf } from "../conformance/transport/transport-recorder.ts";
import { lightpushStatus, storeAnswer } from "./hostile-node.ts";
import { pubsubTopic, scene, topic } from "./hostile-scene.ts";

/** Of a polite node, however slow the machine is. */
const patienceMs = 20_000;

describe("pushes of a misbehaving service node", () => {
  const push = (fields: Partial<proto_filter_v2.MessagePush>): Uint8Array =>
    lengthPrefixed.encode.single(proto_filter_v2.MessagePush.encode(fields)).subarray();
  const good = (text: string, contentTopic: string = topic): Uint8Array =>
    push({ pubsubTopic, wakuMessage: { payload: Buffer.from(text), contentTopic, timestamp: 5_000_000n } });

  test(
    "garbage, other topics, missing fields and wrong shards are skipped; the rest arrives",
    { timeout: 120_000 },
    () =>
      scene("yamux", async ({ node, recorder }) => {
        await recorder.listening([topic]);
        const stream = await node.pushStream();
        await stream.sink([
          lengthPrefixed.encode.single(randomBytes(200)).subarray(),
          new Uint8Array([0]),
          good("another topic", topicOf(9)),
          good("no topic at all", ""),
          push({ pubsubTopic }),
          push({ wakuMessage: { payload: Buffer.from("no shard"), contentTopic: topic } }),
          push({ pubsubTopic: "/waku/2/rs/66/1", wakuMessage: { payload: new Uint8Array(1), contentTopic: topic } }),
          push({ pubsubTopic, wakuMessage: { payload: new Uint8Array(200 * 1024), contentTopic: topic } }),
          push({ pubsubTopic, wakuMessage: { payload: new Uint8Array(1), contentTopic: topic, timestamp: -1n } }),
          good("good"),
        ]);
        await recorder.until(() => recorder.payloads().includes("good"), "the good message");
        assert.equal(recorder.messages.length, 2);
        assert.deepEqual(
          recorder.messages.map(({ timestampMs }) => timestampMs),
          [0, 5],
        );
      }),
  );

  test("a stream for each push, 300 times, as old nodes do", { timeout: 120_000 }, () =>
    scene("yamux", async ({ node, recorder }) => {
      await recorder.listening([topic]);
      for (let index = 0; index < 300; index += 1) {
        const stream = await node.pushStream();
        await stream.sink([good(`${index}`)]);
        for await (const _ of stream.source);
      }
      await recorder.until(() => recorder.messages.length === 300, "all pushes");
    }),
  );

  test("500 streams at once, and then a broken frame: the subscription is renewed", { timeout: 120_000 }, () =>
    scene("yamux", async ({ node, recorder }) => {
      await recorder.listening([topic]);
      const opened = await Promise.allSettled([...Array(500)].map(() => node.pushStream()));
      const skip = recorder.listenings.length;
      const stream = opened.find((each) => each.status === "fulfilled");
      assert.ok(stream);
      await stream.value.sink([new Uint8Array(64).fill(0xff)]).catch(() => undefined);
      await recorder.listening([topic], skip);
    }),
  );

  test("a flood of pushes: none is lost and other work goes on meanwhile", { timeout: 120_000 }, () =>
    scene(
      "yamux",
      async ({ node, transport, recorder }) => {
        await recorder.listening([topic]);
        const stream = await node.pushStream();
        let pushed = 0;
        let isOver = false;
        const flood = stream.sink(
          (async function* () {
            // More than is read in a second, so that the reader has to slow the sender down.
            for (; !isOver || pushed < 7_000; pushed += 1) {
              if (pushed % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
              yield good(`${pushed}`);
            }
          })(),
        );
        await recorder.until(() => recorder.messages.length > 1_000, "the first pushes");
        await publishText(transport, topic, "in between");
        isOver = true;
        await flood;
        await recorder.until(() => recorder.messages.length === pushed, "all pushes");
      },
      patienceMs,
    ),
  );
});

describe("store answers", () => {
  const row = (text: string, contentTopic: string = topic): proto_store.WakuMessageKeyValue => ({
    pubsubTopic,
    message: { payload: Buffer.from(text), contentTopic, timestamp: 1_000_000n },
  });
  const cases: Readonly<Record<string, (asked: number) => Partial<proto_store.StoreQueryResponse>>> = {
    "a cursor that repeats": () => ({ messages: [row("again")], paginationCursor: new Uint8Array(32) }),
    "empty pages for ever": (asked) => ({ messages: [], paginationCursor: new Uint8Array([asked]) }),
    "an error after the first page": (asked) =>
      asked === 0 ? { messages: [row("one")], paginationCursor: new Uint8Array(32) } : { statusCode: 500 },
    "more than any page can have": () => ({ messages: [row("x".repeat(9 * 1024 * 1024))] }),
  };
  for (const [what, page] of Object.entries(cases)) {
    test(`${what}: unavailable, never an end`, { timeout: 120_000 }, () =>
      scene("yamux", async ({ node, transport, recorder }) => {
        await recorder.listening([topic]);
        let asked = 0;
        node.behaviours.set(
          storeCodec,
          storeAnswer(() => page(asked++)),
        );
        await assert.rejects(readHistory(transport, [topic], 0), { code: "transport/unavailable" });
      }),
    );
  }

  test("rows without a message or of other topics are skipped, a full page of large ones passes", () =>
    scene(
      "yamux",
      async ({ node, transport, recorder }) => {
        await recorder.listening([topic]);
        const large = [...Array(20).keys()].map((index) => row(`${index}`.padEnd(149 * 1024, "x")));
        const messages = [{ pubsubTopic }, row("other", topicOf(9)), ...large];
        node.behaviours.set(
          storeCodec,
          storeAnswer(() => ({ messages })),
        );
        assert.equal((await readHistory(transport, [topic], 0)).flat().length, 20);
      },
      patienceMs,
    ));

  test("asked what it keeps, it names others: those do not count", () =>
    scene(
      "yamux",
      async ({ node, transport, recorder }) => {
        await recorder.listening([topic]);
        const [ours, other, unknown] = [randomBytes(32), randomBytes(32), randomBytes(32)];
        const messages = [other, ours, ours].map((messageHash) => ({ messageHash }));
        node.behaviours.set(
          storeCodec,
          storeAnswer(() => ({ messages })),
        );
        const found = await transport.confirm([ours, unknown], AbortSignal.timeout(20_000));
        assert.deepEqual(
          found.map((hash) => Buffer.from(hash)),
          [ours],
        );
      },
      patienceMs,
    ));

  test("too many requests: asked again until there is an answer", () =>
    scene(
      "yamux",
      async ({ node, transport, recorder }) => {
        await recorder.listening([topic]);
        let asked = 0;
        const busyOnce = storeAnswer(() => (asked++ === 0 ? { statusCode: 429 } : { messages: [row("at last")] }));
        node.behaviours.set(storeCodec, busyOnce);
        assert.equal((await readHistory(transport, [topic], 0)).flat().length, 1);
      },
      patienceMs,
    ));
});

test("a node that closes its streams late keeps its connection: mplex counts strays", { timeout: 120_000 }, () =>
  scene(
    "mplex",
    async ({ node, transport, recorder }) => {
      await recorder.listening([topic]);
      let lost = 0;
      node.libp2p.addEventListener("peer:disconnect", () => {
        lost += 1;
      });
      node.behaviours.set(lightpushCodec, async (stream) => {
        const answer = proto_lightpush.LightPushResponseV3.encode({ requestId: "", statusCode: 200 });
        await stream.sink(
          (async function* () {
            yield lengthPrefixed.encode.single(answer);
            await new Promise((resolve) => setTimeout(resolve, 50));
          })(),
        );
      });
      for (let round = 0; round < 4; round += 1) {
        await Promise.all([...Array(25)].map(() => publishText(transport, topic, "hello")));
      }
      await publishText(transport, topic, "still here");
      assert.equal(lost, 0);
    },
    patienceMs,
  ),
);

test("statuses of LightPush reach the caller with their reason", { timeout: 120_000 }, () =>
  scene(
    "yamux",
    async ({ node, transport, recorder }) => {
      await recorder.listening([topic]);
      for (const [status, retryable] of [
        [400, false],
        [413, false],
        [420, false],
        [421, true],
        [429, true],
        [500, true],
        [503, true],
        [504, true],
        [505, true],
        [999, true],
      ] as const) {
        node.behaviours.set(lightpushCodec, lightpushStatus(status, `because\n\u001b[31m${status}`));
        const result = await transport.publish({ topic, payload: Buffer.from("x") }, new AbortController().signal);
        assert.deepEqual(result, { kind: "refused", status, reason: `because [31m${status}`, retryable });
      }
      node.behaviours.set(lightpushCodec, lightpushStatus(420, "invalid timestamp"));
      const late = await transport.publish({ topic, payload: Buffer.from("x") }, new AbortController().signal);
      assert.ok(late.kind === "refused" && late.retryable);
    },
    patienceMs,
  ),
);
