/**
 * Goal: messages end when they are old enough, of them nothing is left on the disk, a repetition of one is not new, and
 * what a consumer has not read waits. Method: the real loop and store with a clock that the test moves; the files' bytes.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { afterEach, beforeEach, describe, it } from "node:test";
import { ExpiryLoop } from "../../../src/engine/expiry/expiry-loop.ts";
import { EXPIRY_LOOK_MS } from "../../../src/engine/limits.ts";
import type { Retention } from "../../../src/engine/loops/retention.ts";
import type { MessageRow, Store } from "../../../src/engine/ports.ts";
import { Database } from "../../../src/sqlite/database.ts";
import { storeFile } from "../../../src/sqlite/open.ts";
import { textContent } from "../../../src/wire/content-frame.ts";
import type { MessageId } from "../../../src/wire/ids.ts";
import { turn } from "../../conformance/store/store-rows.ts";
import { temporaryStore } from "../../sqlite/temporary-store.ts";
import { type FaultyStore, faultyStore } from "../probe/faulty-store.ts";
import { type LogLine, recorder } from "../probe/rig.ts";
import { SteppingClock } from "../probe/stepping-clock.ts";

const hour = 3_600_000;
let files: Awaited<ReturnType<typeof temporaryStore>>;
let store: Store;
let faults: FaultyStore;
let clock: SteppingClock;
const lines: LogLine[] = [];
const revisions = new Map<number, number>();

beforeEach(async () => {
  files = await temporaryStore();
  store = files.store;
  faults = faultyStore(store);
  clock = new SteppingClock();
  revisions.clear();
});
afterEach(() => files.dispose());

function loopOf(retention: Retention): ExpiryLoop {
  return new ExpiryLoop({ store: faults.store, clock, log: recorder(lines), retention });
}

async function run(retention: Retention, ms = 2 * EXPIRY_LOOK_MS): Promise<void> {
  const loop = loopOf(retention);
  loop.wake();
  await clock.advance(ms);
  loop.stop();
}

const idOf = (n: number): MessageId => n.toString(16).padStart(64, "0") as MessageId;

function receive(n: number, agoMs = 0, number = 0, extra: Partial<MessageRow> = {}): void {
  const expectedRevision = revisions.get(number) ?? 0;
  revisions.set(number, expectedRevision + 1);
  const body = { sender: "peer", ...textContent(`text ${n}`) };
  const message = { messageId: idOf(n), direction: "in", state: "received", timestampMs: 1, body } as const;
  const written = turn({
    number,
    expectedRevision,
    newMessages: [{ ...message, ...extra }],
    events: [{ type: "message.received", messageId: idOf(n) }],
  });
  store.commit({ ...written, atMs: clock.now() - agoMs });
}

const left = (number = 0): number[] =>
  store
    .messages({ conversation: number, limit: 1_000 })
    .filter(({ body }) => body.isExpired !== true)
    .map(({ messageId }) => Number.parseInt(messageId, 16))
    .reverse();

describe("messages that are too old", () => {
  it("stay for ever unless somebody says otherwise", async () => {
    receive(1, 1_000 * hour);
    await run({});
    assert.deepEqual(left(), [1]);
  });

  it("end after the general time, and are not taken for new when they come again", async () => {
    receive(1, 25 * hour);
    receive(2, 23 * hour);
    await run({ messagesMs: 24 * hour });
    assert.deepEqual(left(), [2]);
    const ended = store.message(idOf(1));
    assert.deepEqual([ended?.body.isExpired, ended?.body.bytes.length, ended?.state], [true, 0, "received"]);
    const events = store.lastSeq();
    receive(1);
    assert.deepEqual([left(), store.lastSeq()], [[2], events]);
  });

  it("end after the time of their conversation, when it is the shorter one", async () => {
    for (const number of [0, 1, 2]) receive(number + 1, 10 * hour, number);
    store.setExpiry(1, 5 * hour);
    await run({});
    assert.deepEqual([left(0), left(1), left(2)], [[1], [], [3]]);
    store.setExpiry(2, 50 * hour);
    await run({ messagesMs: 8 * hour });
    assert.deepEqual([left(0), left(1), left(2)], [[], [], []]);
    store.setExpiry(1, undefined);
    assert.deepEqual([store.expiry(1), store.expiry(2)], [undefined, 50 * hour]);
  });

  it("wait for consumers, up to the last bound; those that disappear do not", async () => {
    receive(1, 30 * hour);
    receive(2, 10 * hour);
    receive(3, 10 * hour, 1);
    store.setExpiry(1, hour);
    store.addConsumer({ name: "slow", ackedSeq: 0, createdAtMs: 0 });
    await run({ messagesMs: 5 * hour, unacknowledgedMs: 20 * hour });
    assert.deepEqual([left(0), left(1)], [[2], []]);
    store.acknowledge("slow", store.lastSeq(), 1);
    await run({ messagesMs: 5 * hour, unacknowledgedMs: 20 * hour });
    assert.deepEqual(left(0), []);
  });

  it("stay while they have not left", async () => {
    receive(1, 10 * hour, 0, { direction: "out", state: "queued" });
    receive(2, 10 * hour, 0, { direction: "out", state: "failed" });
    await run({ messagesMs: hour });
    assert.deepEqual(left(), [1]);
  });

  it("go in batches, over many conversations", async () => {
    const batches: number[] = [];
    for (let n = 1; n <= 250; n += 1) receive(n, 10 * hour, n % 150);
    for (let n = 300; n <= 450; n += 1) receive(n, 10 * hour, 7);
    faults.after = ({ method }) => {
      if (method === "expireMessages") batches.push(1);
    };
    await run({ messagesMs: hour });
    for (let number = 0; number < 150; number += 1) assert.deepEqual(left(number), []);
    assert.ok(batches.length >= 150);
  });

  it("leave no byte in the database and its log, nor do the parts of files", async () => {
    receive(1, 10 * hour);
    const parts = { prefix: "part/1/", count: 3, offset: 0 };
    const attachment = { size: 30_000, sha256: "00", parts };
    const body = { sender: "peer", ...textContent("a file"), attachment };
    receive(2, 10 * hour, 0, { body });
    const records = [0, 1, 2].map((index) => ({ key: `part/1/${index}`, bytes: new Uint8Array(10_000).fill(index) }));
    store.commit(turn({ expectedRevision: 2, putRecords: records }));
    revisions.set(0, 3);
    receive(3, 0);
    const reader = new Database(storeFile(files.stateDir), { readOnly: true });
    const blobs = [
      ...reader.all<{ blob: Uint8Array }>("SELECT body AS blob FROM message WHERE row_id < 3"),
      ...reader.all<{ blob: Uint8Array }>("SELECT value AS blob FROM record"),
    ].map(({ blob }) => Buffer.from(blob));
    reader.close();
    assert.equal(blobs.length, 5);
    assert.ok(blobs.every((blob) => isOnDisk(blob.subarray(0, 64))));
    await run({ messagesMs: hour });
    assert.deepEqual(left(), [3]);
    assert.equal(store.records(0, ["part/1/0", "part/1/1", "part/1/2"]).size, 0);
    for (const blob of blobs) {
      // Its end too: a large one lies on pages of its own.
      assert.equal(isOnDisk(blob.subarray(0, 64)), false);
      assert.equal(isOnDisk(blob.subarray(-64)), false);
    }
  });
});

function isOnDisk(bytes: Buffer): boolean {
  const file = storeFile(files.stateDir);
  return [file, `${file}-wal`].some((path) => existsSync(path) && readFileSync(path).includes(bytes));
}
