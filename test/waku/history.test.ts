/** Merging the answers of several Store nodes: nothing is lost, nothing is repeated, no half answer passes for a whole. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { IncomingMessage } from "../../src/engine/ports.ts";
import { toIncoming } from "../../src/waku/message.ts";
import { type HistorySource, mergeHistory } from "../../src/waku/store/history.ts";
import { topicOf } from "../conformance/transport/transport-recorder.ts";

type Sent = { readonly text: number; readonly ms: number };

function messageOf({ text, ms }: Sent): IncomingMessage {
  const fields = { payload: Buffer.from(`${text}`), contentTopic: topicOf(1), timestamp: BigInt(ms) * 1_000_000n };
  const message = toIncoming("/waku/2/rs/66/6", fields);
  assert.ok(message);
  return message;
}

function source(sent: readonly Sent[], pageSize: number, failure?: Error): HistorySource {
  const sorted = sent
    .map(messageOf)
    .sort((one, other) => one.timestampMs - other.timestampMs || Buffer.compare(one.hash, other.hash));
  async function* pages(): AsyncGenerator<readonly IncomingMessage[], void> {
    for (let index = 0; index < sorted.length; index += pageSize) yield sorted.slice(index, index + pageSize);
    if (failure !== undefined) throw failure;
  }
  return { pubsubTopic: "/waku/2/rs/66/6", pages: pages() };
}

async function collect(sources: readonly HistorySource[], failures: unknown[] = []): Promise<IncomingMessage[]> {
  const all: IncomingMessage[] = [];
  for await (const page of mergeHistory(sources, (error) => failures.push(error))) {
    assert.ok(page.length > 0);
    all.push(...page);
  }
  return all;
}

const sentList = fc.array(fc.record({ text: fc.nat(50), ms: fc.nat(20) }), { maxLength: 60 });
const keyOf = ({ hash }: IncomingMessage): string => Buffer.from(hash).toString("hex");

test("the union of all answers, oldest first, each message once", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(sentList, { minLength: 1, maxLength: 3 }),
      fc.integer({ min: 1, max: 20 }),
      async (lists, size) => {
        // One node has no exact repetition within its own answer.
        const archives = lists.map((list) => [
          ...new Map(list.map((sent) => [`${sent.text}@${sent.ms}`, sent])).values(),
        ]);
        const found = await collect(archives.map((list) => source(list, size)));
        const expected = new Set(archives.flat().map((sent) => keyOf(messageOf(sent))));
        assert.deepEqual(new Set(found.map(keyOf)), expected);
        assert.equal(found.length, expected.size);
        const times = found.map(({ timestampMs }) => timestampMs);
        assert.deepEqual(
          times,
          [...times].sort((one, other) => one - other),
        );
      },
    ),
  );
});

test("one failing node does not spoil a complete answer; what it gave is kept", async () => {
  const failures: unknown[] = [];
  const broken = new Error("gone");
  const found = await collect([source([{ text: 1, ms: 1 }], 1, broken), source([{ text: 2, ms: 2 }], 1)], failures);
  assert.equal(found.length, 2);
  assert.deepEqual(failures, [broken]);
});

test("without one complete answer there is no end", async () => {
  const sources = [1, 2].map((text) => source([{ text, ms: text }], 1, new Error("gone")));
  const seen: IncomingMessage[] = [];
  await assert.rejects(
    async () => {
      for await (const page of mergeHistory(sources, () => undefined)) seen.push(...page);
    },
    { code: "transport/unavailable" },
  );
  assert.equal(seen.length, 2, "what there was has been given");
});

test("every shard needs its own complete answer", async () => {
  const other = { ...source([], 1, new Error("gone")), pubsubTopic: "/waku/2/rs/66/1" };
  await assert.rejects(collect([source([{ text: 1, ms: 1 }], 1), other]), { code: "transport/unavailable" });
});
