// Goal: Store pages are complete, ordered, exclusive of their cursor, and small enough to be read.
import assert from "node:assert/strict";
import { test } from "node:test";
import { readArchive } from "../../src/devnet/archive.ts";
import { messageHash } from "../../src/devnet/waku-message.ts";
import { type RawPeer, rawPeer } from "./support/raw-peer.ts";
import { contentTopic, message, nowNs, pubsubTopic, push, query, textsOf } from "./support/requests.ts";
import { scratchDevnet, scratchDir } from "./support/scratch-devnet.ts";

const here = { pubsubTopic, contentTopics: [contentTopic] };

async function pushAll(peer: RawPeer, texts: readonly string[], timestampOf: (index: number) => bigint): Promise<void> {
  for (const [index, text] of texts.entries()) {
    assert.equal((await push(peer, message(text, { timestamp: timestampOf(index) }))).statusCode, 200);
  }
}

/** Walks all pages by the cursor of each response. */
async function walk(peer: RawPeer, fields: Parameters<typeof query>[1]): Promise<string[][]> {
  const pages: string[][] = [];
  let paginationCursor: Uint8Array | undefined;
  do {
    const page = await query(peer, { ...fields, ...(paginationCursor && { paginationCursor }) });
    assert.equal(page.statusCode, 200);
    pages.push(textsOf(page));
    assert.ok(pages.length <= 100, "the walk goes in circles");
    paginationCursor = page.paginationCursor;
  } while (paginationCursor !== undefined);
  return pages;
}

test("pages in both directions, also among equal timestamps", async (t) => {
  const devnet = await scratchDevnet(t);
  const peer = await rawPeer(t, devnet.multiaddr);
  const start = nowNs();
  const texts = Array.from({ length: 25 }, (_, index) => `m${index}`);
  // Five messages share each timestamp: their order is that of their hashes.
  await pushAll(peer, texts, (index) => start + BigInt(Math.floor(index / 5)));
  const sorted = texts
    .map((text, index) => {
      const timestamp = start + BigInt(Math.floor(index / 5));
      return { text, timestamp, hash: Buffer.from(messageHash(pubsubTopic, message(text, { timestamp }))) };
    })
    .sort((a, b) => Number(a.timestamp - b.timestamp) || a.hash.compare(b.hash))
    .map(({ text }) => text);
  assert.notDeepEqual(sorted, texts);
  for (const paginationLimit of [1n, 7n, 24n, 25n, 100n]) {
    const forward = await walk(peer, { ...here, paginationLimit });
    assert.deepEqual(forward.flat(), sorted);
    assert.equal(forward.length, Math.ceil(25 / Number(paginationLimit)), "no empty last page");
    const backward = await walk(peer, { ...here, paginationLimit, paginationForward: false });
    assert.deepEqual(backward.toReversed().flat(), sorted);
  }
  assert.equal((await query(peer, here)).messages.length, 20, "the default page");
  assert.equal((await query(peer, { ...here, paginationLimit: 0n })).messages.length, 20);
  const all = await query(peer, { includeData: true });
  assert.equal(all.messages.length, 20, "without conditions the whole store is asked");
});

test("a page never has more than 100 messages", async (t) => {
  const devnet = await scratchDevnet(t);
  const peer = await rawPeer(t, devnet.multiaddr);
  const start = nowNs();
  await pushAll(
    peer,
    Array.from({ length: 101 }, (_, index) => `${index}`),
    (index) => start + BigInt(index),
  );
  const pages = await walk(peer, { ...here, paginationLimit: 1_000_000n });
  assert.deepEqual(
    pages.map((page) => page.length),
    [100, 1],
  );
});

test("the time range includes its start and excludes its end", async (t) => {
  const devnet = await scratchDevnet(t);
  const peer = await rawPeer(t, devnet.multiaddr);
  const start = nowNs();
  await pushAll(peer, ["a", "b", "c", "d"], (index) => start + BigInt(index));
  const range = async (from: bigint | undefined, to: bigint | undefined): Promise<string[]> =>
    textsOf(
      await query(peer, {
        ...here,
        ...(from !== undefined && { timeStart: start + from }),
        ...(to !== undefined && { timeEnd: start + to }),
      }),
    );
  assert.deepEqual(await range(1n, 3n), ["b", "c"]);
  assert.deepEqual(await range(1n, undefined), ["b", "c", "d"]);
  assert.deepEqual(await range(undefined, 1n), ["a"]);
  assert.deepEqual(await range(2n, 2n), []);
  assert.equal((await query(peer, { ...here, timeStart: start + 1n, timeEnd: start })).statusCode, 400);
});

test("topics: all asked ones, in one order; none of others", async (t) => {
  const devnet = await scratchDevnet(t);
  const peer = await rawPeer(t, devnet.multiaddr);
  const start = nowNs();
  const topics = ["/umbra/1/one/proto", "/umbra/1/two/proto", "/umbra/1/three/proto"];
  for (let index = 0; index < 12; index += 1) {
    const topic = topics[index % 3] ?? "";
    await push(peer, message(`${index}`, { contentTopic: topic, timestamp: start + BigInt(index) }));
  }
  const two = topics.slice(0, 2);
  const pages = await walk(peer, { pubsubTopic, contentTopics: [...two, ...two], paginationLimit: 3n });
  assert.deepEqual(pages, [
    ["0", "1", "3"],
    ["4", "6", "7"],
    ["9", "10"],
  ]);
  const sameMoment = nowNs();
  const hashes: string[] = [];
  for (const topic of [...topics, ...topics, ...topics]) {
    const one = message(`${hashes.length}`, { contentTopic: topic, timestamp: sameMoment });
    hashes.push(Buffer.from(messageHash(pubsubTopic, one)).toString("hex"));
    await push(peer, one);
  }
  const merged = await walk(peer, { pubsubTopic, contentTopics: topics, timeStart: sameMoment, paginationLimit: 2n });
  const inOrder = [...hashes.keys()].sort((a, b) => ((hashes[a] ?? "") < (hashes[b] ?? "") ? -1 : 1));
  assert.deepEqual(merged.flat(), inOrder.map(String));
  const elsewhere = await query(peer, { pubsubTopic: "/waku/2/rs/66/7", contentTopics: topics });
  assert.deepEqual(textsOf(elsewhere), []);
});

test("by hash, and only the hashes", async (t) => {
  const devnet = await scratchDevnet(t);
  const peer = await rawPeer(t, devnet.multiaddr);
  const start = nowNs();
  const messages = ["a", "b", "c"].map((text, index) => message(text, { timestamp: start + BigInt(index) }));
  for (const one of messages) await push(peer, one);
  const [a, b, c] = messages.map((one) => messageHash(pubsubTopic, one));
  assert.ok(a && b && c);
  const unknown = new Uint8Array(32);
  assert.deepEqual(textsOf(await query(peer, { messageHashes: [c, unknown, a, a] })), ["a", "c"]);
  const page = await query(peer, { messageHashes: [c, b, a], paginationLimit: 2n });
  assert.deepEqual(textsOf(page), ["a", "b"]);
  assert.deepEqual(
    textsOf(await query(peer, { messageHashes: [c, b, a], paginationCursor: page.paginationCursor ?? unknown })),
    ["c"],
  );
  const bare = await query(peer, { ...here, includeData: false });
  assert.deepEqual(
    bare.messages.map((entry) => [Buffer.from(entry.messageHash ?? unknown), entry.message, entry.pubsubTopic]),
    [a, b, c].map((hash) => [Buffer.from(hash), undefined, undefined]),
  );
});

test("what cannot be answered is a bad request", async (t) => {
  const devnet = await scratchDevnet(t);
  const peer = await rawPeer(t, devnet.multiaddr);
  await push(peer, message("x"));
  const hash = new Uint8Array(32).fill(7);
  const bad: Parameters<typeof query>[1][] = [
    { ...here, paginationCursor: hash },
    { ...here, paginationCursor: hash.subarray(1) },
    { pubsubTopic },
    { contentTopics: [contentTopic] },
    { ...here, messageHashes: [hash] },
    { messageHashes: [hash], timeStart: 1n },
    { messageHashes: [hash.subarray(1)] },
    { messageHashes: Array.from({ length: 101 }, () => hash) },
    { pubsubTopic, contentTopics: Array.from({ length: 1_001 }, (_, index) => `/umbra/1/${index}/proto`) },
  ];
  for (const [index, fields] of bad.entries()) {
    const { statusCode, statusDesc, messages, requestId } = await query(peer, fields);
    assert.deepEqual([index, statusCode, messages, requestId], [index, 400, [], "query"]);
    assert.ok(statusDesc);
  }
  assert.equal((await query(peer, { ...here, paginationCursor: new Uint8Array() })).messages.length, 1);
});

test("ephemeral messages and wrong clocks are carried but not archived", async (t) => {
  const devnet = await scratchDevnet(t);
  const peer = await rawPeer(t, devnet.multiaddr);
  await push(peer, message("ephemeral", { ephemeral: true }));
  await push(peer, message("late", { timestamp: nowNs(-21_000) }));
  await push(peer, message("early", { timestamp: nowNs(25_000) }));
  await push(peer, message("a bit late", { timestamp: nowNs(-12_000) }));
  await push(peer, message("a bit early", { timestamp: nowNs(18_000) }));
  assert.deepEqual(textsOf(await query(peer, here)), ["a bit late", "a bit early"]);
  assert.equal(devnet.counters.notArchived, 3);
  const tolerant = await scratchDevnet(t, { archiveAnyTimestamp: true });
  const other = await rawPeer(t, tolerant.multiaddr);
  await push(other, message("long ago", { timestamp: 5n }));
  await push(other, message("ephemeral", { ephemeral: true }));
  assert.deepEqual(textsOf(await query(other, here)), ["long ago"]);
});

test("a page of large messages ends early, with a cursor", async (t) => {
  const devnet = await scratchDevnet(t);
  const peer = await rawPeer(t, devnet.multiaddr);
  const start = nowNs();
  const texts = Array.from({ length: 45 }, (_, index) => String.fromCharCode(65 + index).repeat(140 * 1024));
  await pushAll(peer, texts, (index) => start + BigInt(index));
  for (const paginationForward of [true, false]) {
    const pages = await walk(peer, { ...here, paginationLimit: 100n, paginationForward });
    assert.deepEqual((paginationForward ? pages : pages.toReversed()).flat(), texts);
    for (const page of pages) assert.ok(page.length * 140 * 1024 <= 3 * 1024 * 1024);
    assert.equal(pages.length, 3);
  }
});

test("what is older than a month is forgotten at the next start", async (t) => {
  const stateDir = scratchDir(t);
  const now = Date.now();
  for (const [days, expected] of [
    [0, 1],
    [29, 1],
    [31, 0],
  ] as const) {
    const devnet = await scratchDevnet(t, { stateDir, now: () => now + days * 24 * 3_600_000 });
    const peer = await rawPeer(t, devnet.multiaddr);
    if (days === 0) await push(peer, message("x", { timestamp: BigInt(now) * 1_000_000n }));
    assert.equal((await query(peer, here)).messages.length, expected, `after ${days} days`);
    await devnet.stop();
  }
});

test("the archive outlives the node, and an observer can read it", async (t) => {
  const stateDir = scratchDir(t);
  const first = await scratchDevnet(t, { stateDir });
  const before = await rawPeer(t, first.multiaddr);
  await push(before, message("kept"));
  for (const seen of readArchive(stateDir)) {
    assert.equal(seen.contentTopic, contentTopic, "while the node runs");
    break;
  }
  await first.stop();
  const second = await scratchDevnet(t, { stateDir });
  const after = await rawPeer(t, second.multiaddr);
  await push(after, message("new"));
  assert.deepEqual(textsOf(await query(after, here)), ["kept", "new"]);
  await second.stop();
  const seen = [...readArchive(stateDir)];
  assert.deepEqual(
    seen.map((one) => [one.contentTopic, new TextDecoder().decode(one.payload)]),
    [
      [contentTopic, "kept"],
      [contentTopic, "new"],
    ],
  );
  for (const one of seen) {
    const { payload, timestampNs: timestamp } = one;
    assert.deepEqual(
      Buffer.from(one.hash),
      Buffer.from(messageHash(pubsubTopic, { payload, contentTopic, timestamp })),
    );
  }
});
