/** Goal: the database alone tells nothing and cannot be rearranged. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { describe, it, type TestContext } from "node:test";
import fc from "fast-check";
import type { Store } from "../../src/engine/ports.ts";
import { createStore, openStore, storeFile } from "../../src/sqlite/open.ts";
import { packRow, Sealer, unpackRow } from "../../src/sqlite/seal.ts";
import type { ContentTopic, MessageId } from "../../src/wire/ids.ts";
import {
  about,
  bytes,
  conversationWrite,
  newMessage,
  outboxRow,
  topic,
  turn,
} from "../conformance/store/store-rows.ts";
import { passphrase, plaintext, random, temporaryDir } from "./temporary-store.ts";

const place = (row: number) => ({ column: "message.body", row: [row] });

describe("a sealed value", () => {
  it("opens in its place and nowhere else, and not after any change", () => {
    const sealer = new Sealer(random(32), random);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat(), fc.nat(7), (plain, position, bit) => {
        const sealed = sealer.seal(place(1), plain);
        assert.deepEqual(sealer.open(place(1), sealed), plain);
        const corrupt = { code: "store/corrupt" };
        assert.throws(() => sealer.open(place(2), sealed), corrupt);
        assert.throws(() => sealer.open({ column: "message.bodies", row: [1] }, sealed), corrupt);
        assert.throws(() => sealer.open(place(1), sealed.subarray(0, position % sealed.length)), corrupt);
        const changed = sealed.slice();
        changed[position % sealed.length]! ^= 1 << bit;
        assert.throws(() => sealer.open(place(1), changed), corrupt);
      }),
    );
  });

  it("never looks the same twice, past the end of the salt pool", () => {
    const sealer = new Sealer(random(32), random);
    const seen = new Set<string>();
    for (let count = 0; count < 600; count++)
      seen.add(Buffer.from(sealer.seal(place(1), bytes("same"))).toString("hex"));
    assert.equal(seen.size, 600);
  });

  it("does not open under another data key, and neither do tags agree", () => {
    const [one, other] = [new Sealer(random(32), random), new Sealer(random(32), random)];
    assert.throws(() => other.open(place(1), one.seal(place(1), bytes("x"))), { code: "store/corrupt" });
    assert.notDeepEqual(one.tag("topic", "x"), other.tag("topic", "x"));
    assert.notDeepEqual(one.tag("topic", "x"), one.tag("record", "x"));
    assert.deepEqual(one.tag("topic", "x"), one.tag("topic", "x"));
  });

  it("keeps a header and raw bytes apart", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.string()), fc.uint8Array(), (header, raw) => {
        const packed = unpackRow(packRow(header, raw));
        assert.deepEqual({ ...(packed.header as object) }, { ...header });
        assert.deepEqual(packed.bytes, raw);
      }),
    );
  });
});

const canaries = {
  id: "/private/v1/canary-conversation-id",
  state: "canary-state-bytes",
  name: "canary-operator-name",
  recordKey: "contact/canary-peer-identity",
  record: "canary-record-bytes",
  sender: "canary-sender",
  content: "canary-content",
  data: "canary-event-data",
  topic: "/umbra/1/canary-topic/proto",
  envelope: "canary-envelope",
  messageId: "63616e6172792d6d6573736167652d69",
  idempotencyKey: "canary-idempotency-key",
  reply: "canary-reply",
  wakuHash: "canary-waku-hash-0123456789abcde",
  payload: "canary-parked-payload",
} as const;

function writeCanaries(store: Store): void {
  const messageId = canaries.messageId as MessageId;
  const content = { sender: canaries.sender, domain: 1, tag: 1, bytes: bytes(canaries.content) };
  const wakuHash = bytes(canaries.wakuHash);
  store.commit({
    atMs: 5,
    conversations: [
      conversationWrite(0, {
        conversationId: canaries.id,
        state: bytes(canaries.state),
        putRecords: [{ key: canaries.recordKey, bytes: bytes(canaries.record) }],
        newMessages: [newMessage("x", { messageId, body: content })],
        events: [{ type: "message.queued", messageId, data: { peer: canaries.data } }],
        outbox: [
          outboxRow("x", { topic: canaries.topic as ContentTopic, envelope: bytes(canaries.envelope), messageId }),
        ],
      }),
    ],
    seenWakuHash: wakuHash,
    cursor: { topics: [canaries.topic as ContentTopic], throughMs: 1 },
    idempotency: { key: canaries.idempotencyKey, fingerprint: "f", reply: { text: canaries.reply } },
  });
  store.renameConversation(0, canaries.name);
  const parked = { topic: canaries.topic as ContentTopic, payload: bytes(canaries.payload), wakuHash };
  store.park({ ...parked, conversation: 0, errorCode: "engine/bug", parkedAtMs: 1, dueAtMs: 1 });
}

function spellings(canary: string): string[] {
  const raw = Buffer.from(canary);
  const forms = [canary, raw.toString("hex"), raw.toString("base64").slice(0, -4)];
  return /^[0-9a-f]+$/.test(canary) ? [...forms, Buffer.from(canary, "hex").toString("latin1")] : forms;
}

describe("the files of a sealed store", () => {
  it("hold no secret in any spelling, in the database or its log", async (context) => {
    const stateDir = temporaryDir(context);
    const store = await createStore({ stateDir, seal: passphrase("canary-passphrase"), random });
    writeCanaries(store);
    const inLog = filesOf(stateDir);
    store.close();
    const onDisk = Buffer.concat([inLog, filesOf(stateDir)]);
    // What is clear by design shows that the search looks in the right place.
    assert.ok(onDisk.includes("private/v1") && onDisk.includes("message.queued"));
    for (const canary of [...Object.values(canaries), "canary-passphrase"]) {
      for (const spelling of spellings(canary)) assert.ok(!onDisk.includes(spelling, 0, "latin1"), spelling);
    }
  });

  it("give everything back to the right passphrase", async (context) => {
    const stateDir = temporaryDir(context);
    const created = await createStore({ stateDir, seal: passphrase("right"), random });
    writeCanaries(created);
    created.close();
    const store = await openStore({ stateDir, seal: passphrase("right"), random });
    context.after(() => store.close());
    assert.equal(store.conversation(0)?.name, canaries.name);
    assert.deepEqual(store.conversation(0)?.state, bytes(canaries.state));
    assert.equal(store.message(canaries.messageId as MessageId)?.body.sender, canaries.sender);
    assert.deepEqual(store.events({ after: 0, limit: 1 })[0]?.data, { peer: canaries.data });
    assert.equal(store.outboxDue(1e9, 1)[0]?.topic, canaries.topic);
    assert.deepEqual(store.recentWakuHashes(1), [bytes(canaries.wakuHash)]);
    assert.deepEqual(store.idempotent(canaries.idempotencyKey)?.reply, { text: canaries.reply });
  });
});

describe("a dropped record", () => {
  it("is gone from the file once the log has been folded in, sealed or not", async (context) => {
    const stateDir = temporaryDir(context);
    const store = await createStore({ stateDir, seal: plaintext, random });
    store.commit(turn({ putRecords: [{ key: "skip/1", bytes: bytes("used key") }] }));
    const probe = new DatabaseSync(storeFile(stateDir), { readOnly: true });
    const sealed = Buffer.from(probe.prepare("SELECT value FROM record").get()?.["value"] as Uint8Array);
    probe.close();
    assert.ok(filesOf(stateDir).includes(sealed));
    store.commit(turn({ expectedRevision: 1, dropRecords: ["skip/1"] }));
    store.close();
    assert.ok(!filesOf(stateDir).includes(sealed));
  });
});

function filesOf(stateDir: string): Buffer {
  const files = ["", "-wal", "-shm"].map((suffix) => storeFile(stateDir) + suffix);
  return Buffer.concat(files.filter((file) => existsSync(file)).map((file) => readFileSync(file)));
}

const swaps: Readonly<Record<string, readonly [sql: string, read: (store: Store) => unknown]>> = {
  "states of two conversations": [
    "UPDATE conversation SET state = (SELECT state FROM conversation AS other WHERE other.number = 1 - conversation.number)",
    (store) => store.conversation(0),
  ],
  "a record of another conversation": [
    "UPDATE record SET value = (SELECT value FROM record AS other WHERE other.conversation = 1 - record.conversation)",
    (store) => store.records(0, ["k"]),
  ],
  "bodies of two messages": [
    "UPDATE message SET body = (SELECT body FROM message AS other WHERE other.row_id = 3 - message.row_id)",
    (store) => store.messages({ conversation: 0, limit: 1 }),
  ],
  "a message of another conversation": [
    "UPDATE message SET conversation = 1 - conversation",
    (store) => store.messages({ conversation: 0, limit: 1 }),
  ],
  "data of two events": [
    "UPDATE event SET data = (SELECT data FROM event AS other WHERE other.seq = 3 - event.seq)",
    (store) => store.events({ after: 0, limit: 2 }),
  ],
  "an envelope queued for another conversation": [
    "UPDATE outbox SET conversation = 1 - conversation",
    (store) => store.outboxDue(1e9, 2),
  ],
};

describe("rows moved by whoever can write the file are refused:", () => {
  for (const [title, [sql, read]] of Object.entries(swaps)) {
    it(title, async (context) => {
      const stateDir = await storeOfTwo(context);
      const raw = new DatabaseSync(storeFile(stateDir));
      assert.equal(raw.prepare(sql).run().changes, 2);
      raw.close();
      const store = await openStore({ stateDir, seal: plaintext, random });
      context.after(() => store.close());
      assert.throws(() => read(store), { code: "store/corrupt" });
    });
  }
});

async function storeOfTwo(context: TestContext): Promise<string> {
  const stateDir = temporaryDir(context);
  const store = await createStore({ stateDir, seal: plaintext, random });
  const part = (name: string) => ({
    putRecords: [{ key: "k", bytes: bytes(name) }],
    newMessages: [newMessage(name)],
    events: [{ ...about("message.queued", name), data: { name } }],
    outbox: [outboxRow(name, { topic: topic(name) })],
  });
  store.commit({ atMs: 1, conversations: [conversationWrite(0, part("a")), conversationWrite(1, part("b"))] });
  store.close();
  return stateDir;
}
