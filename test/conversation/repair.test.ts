/** Goal: dependencies, repair requests and losses (profile 8.9-2 and -5), and the bounds of what a state holds. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { SIBLINGS_MAX } from "../../src/conversation/pairwise-opening.ts";
import {
  GIVE_UP_MAX_MS,
  HELD_MAX,
  heldRecord,
  KEPT_WHOLES_MAX,
  knownRecord,
  LAMPORT_AHEAD_MAX_MS,
  LOST_AFTER_MS,
  LOST_MAX,
  MISSING_MAX,
  OUTGOING_SETS_MAX,
  type PrivateState,
  REPAIR_AFTER_MS,
  TAKEN_SETS_MAX,
  UNACKNOWLEDGED_MAX,
} from "../../src/conversation/private-v1/state.ts";
import { privateStateCodec } from "../../src/conversation/private-v1/state-codec.ts";
import { SKIPPED_CHAINS_MAX, SKIPPED_KEYS_MAX } from "../../src/protocol/double-ratchet/skipped-numbers.ts";
import { answered, couple, fatesOf, type Hand, onlyPublish, publishesOf, readEnvelope, say } from "./by-hand.ts";
import { craftSds, peek, sdsOf } from "./crafted/message.ts";

/** It is looked at all the while: nobody sleeps. */
function lookFor(hand: Hand<PrivateState>, ms: number): void {
  hand.nowMs += ms;
  hand.state = { ...hand.state, repairedAtMs: hand.nowMs - REPAIR_AFTER_MS };
}

const idOf = (n: number) => n.toString(16).padStart(32, "0");
describe("a message whose dependency is missing", () => {
  it("is held, not acknowledged, and delivered in order when that arrives", async () => {
    const { a, b } = await answered();
    const sent = [...(await say(a, "one")), ...(await say(a, "two")), ...(await say(a, "three"))];
    await b.read(sent[2]!);
    await b.read(sent[1]!);
    assert.deepEqual(b.texts(), ["hello"]);
    assert.equal(b.state.held.length, 2);
    assert.equal(b.state.owesAcknowledgement, false);
    await b.read(sent[0]!);
    assert.deepEqual(b.texts(), ["hello", "one", "two", "three"]);
    assert.deepEqual(b.state.held, []);
    assert.equal(
      [...b.row.records.keys()].some((key) => key.startsWith("held/")),
      false,
    );
  });

  it("asks for it after 30 s, but not for what is held too, and gets it at once under a new number", async () => {
    const { a, b } = await answered();
    const sent = [...(await say(a, "one")), ...(await say(a, "two")), ...(await say(a, "three"))];
    await b.read(sent[2]!);
    await b.read(sent[1]!);
    b.nowMs = a.nowMs + REPAIR_AFTER_MS;
    await b.fire("repair");
    const sync = onlyPublish(await b.fire("acknowledge"));
    assert.deepEqual(peek(a, sync).sds.repairRequest, [sent[0]!.messageId]);

    a.nowMs = b.nowMs;
    const answer = onlyPublish(await a.read(sync));
    assert.equal(answer.messageId, sent[0]!.messageId);
    assert.deepEqual(fatesOf(a), ["message.delivered", "message.queued", "message.queued", "message.queued"]);
    await b.read(answer);
    assert.deepEqual(b.texts(), ["hello", "one", "two", "three"]);
  });

  it("is asked for by three ids at most, and sent again once in 30 s", async () => {
    const { a, b } = await answered();
    const sent = [];
    for (let i = 0; i < 5; i += 1) sent.push(...(await say(a, `${i}`)));
    const ids = sent.map(({ messageId }) => messageId as string);
    b.nowMs = a.nowMs + REPAIR_AFTER_MS;
    a.nowMs = b.nowMs;
    await b.read(sent[4]!);
    const asking = sdsOf(b, "", { repairRequest: ids.slice(0, 3), causalHistory: [ids[4] ?? ""] });
    const again = publishesOf(await a.read(craftSds(b, asking)));
    assert.deepEqual(
      again.map(({ messageId }) => messageId),
      ids.slice(0, 3),
    );
    // Named and everything before it, but for what is asked for in the same breath.
    assert.deepEqual(
      a.state.unacknowledged.map(({ messageId }) => messageId),
      ids.slice(0, 3),
    );
    a.nowMs += REPAIR_AFTER_MS - 1;
    b.nowMs = a.nowMs;
    assert.deepEqual(publishesOf(await a.read(craftSds(b, sdsOf(b, "x", { repairRequest: ids.slice(0, 3) })))), []);
  });

  it("is waited for no longer than a day; the lost one is asked for until it arrives", async () => {
    const { a, b } = await answered();
    const [lost, follower] = [(await say(a, "lost"))[0]!, (await say(a, "follower"))[0]!];
    await b.read(follower);
    lookFor(b, LOST_AFTER_MS);
    await b.fire("repair");
    assert.deepEqual(b.texts(), ["hello", "follower"]);
    assert.ok(b.row.records.has(knownRecord(lost.messageId!)));
    const told = b.events.flatMap((event) => (event.type === "message.lost" ? event.messageIds : []));
    assert.deepEqual(told, [lost.messageId]);
    const [reply] = await say(b, "reply");
    assert.deepEqual(peek(a, reply!).sds.repairRequest, [lost.messageId]);

    a.nowMs = b.nowMs;
    const [again] = publishesOf(await a.read(reply!));
    assert.deepEqual(fatesOf(a), ["message.delivered", "message.queued", "message.delivered"]);
    assert.ok(again !== undefined);
    await b.read((await say(a, "and on"))[0]!);
    assert.deepEqual(b.texts(), ["hello", "follower", "and on"]);
    const sync = onlyPublish(await b.fire("acknowledge"));
    assert.deepEqual(peek(a, sync).sds.repairRequest, [lost.messageId]);
    // Better late than never.
    await b.read(again);
    assert.equal(b.texts().at(-1), "lost");
    assert.deepEqual(b.state.lost, []);
  });

  it("of which the peer knows nothing is not acknowledged by what came after it", async () => {
    const { a, b } = await answered();
    const sent = [];
    for (let i = 0; i < 4; i += 1) sent.push(...(await say(a, `${i}`)));
    const ids = sent.map(({ messageId }) => messageId as string);
    // B has the last only, and gives up the one before: of the first two it has never heard.
    await b.read(sent[3]!);
    lookFor(b, LOST_AFTER_MS);
    await b.fire("repair");
    const stale = (await say(b, "first answer"))[0]!;
    a.nowMs = b.nowMs;
    const again = publishesOf(await a.read(stale)).filter(({ messageId }) => messageId === ids[2]);
    const left = () => a.state.unacknowledged.map(({ messageId }) => messageId);
    assert.deepEqual(left(), ids.slice(0, 3));
    // What was lost arrives, and is held for what came before it.
    await b.read(again[0]!);
    const [second] = await say(b, "second answer");
    assert.deepEqual(peek(a, second!).sds.repairRequest, [ids[2]]);
    await a.read(second!);
    assert.deepEqual(left(), ids.slice(0, 3));
    for (let i = 0; left().length > 0; i += 1) {
      assert.ok(i < 10, "it comes to an end");
      a.nowMs = Math.max(a.nowMs, b.nowMs);
      for (const each of publishesOf(await a.fire("resend")))
        if (b.refOf(readEnvelope(each.envelope)) !== undefined) await b.read(each);
      b.nowMs = a.nowMs;
      if (b.row.timers.has("acknowledge")) await a.read(onlyPublish(await b.fire("acknowledge")));
    }
    assert.deepEqual(b.texts(), ["hello", "3", "0", "1", "2"]);
  });

  it("is not acknowledged by a message that was overtaken by one that asks for it", async () => {
    const { a, b } = await answered();
    const sent = [(await say(a, "lost"))[0]!, (await say(a, "follower"))[0]!];
    await b.read(sent[1]!);
    lookFor(b, LOST_AFTER_MS);
    await b.fire("repair");
    const [asking] = await say(b, "asking");
    const overtaken = craftSds(b, sdsOf(b, "from before", { lamport: 1, causalHistory: [sent[1]!.messageId!] }));
    a.nowMs = b.nowMs;
    await a.read(asking!);
    await a.read(overtaken);
    assert.deepEqual(
      a.state.unacknowledged.map(({ messageId }) => messageId),
      [sent[0]!.messageId],
    );
  });

  it("is acknowledged when it arrives late, by the name of a newer one that was acknowledged before", async () => {
    const { a, b } = await answered();
    const [, follower] = [await say(a, "late"), (await say(a, "follower"))[0]!];
    await b.read(follower);
    lookFor(b, LOST_AFTER_MS);
    await b.fire("repair");
    a.nowMs = b.nowMs;
    const again = onlyPublish(await a.read((await say(b, "I know the follower only"))[0]!));
    assert.deepEqual(
      a.state.unacknowledged.map(({ isPassed }) => isPassed),
      [true],
    );
    await b.read(again);
    await a.read(onlyPublish(await b.fire("acknowledge")));
    assert.deepEqual(a.state.unacknowledged, []);
    assert.deepEqual(fatesOf(a), ["message.delivered", "message.delivered", "message.delivered"]);
  });

  it("may wait in a circle that only a faulty peer can make", async () => {
    const { a, b } = await couple();
    const [one, two] = [sdsOf(a, "one"), sdsOf(a, "two")];
    await b.read(craftSds(a, { ...one, causalHistory: [two.messageId] }));
    await b.read(craftSds(a, { ...two, causalHistory: [one.messageId] }));
    assert.equal(b.state.held.length, 2);
    lookFor(b, LOST_AFTER_MS);
    await b.fire("repair");
    assert.equal(b.texts().length, 3);
  });

  it("may name itself, and things twice", async () => {
    const { a, b } = await couple();
    const sds = sdsOf(a, "myself");
    await b.read(craftSds(a, { ...sds, causalHistory: [sds.messageId, sds.messageId] }));
    assert.deepEqual(b.texts(), ["hello", "myself"]);
  });
});

describe("bounds", () => {
  it("a peer whose messages all wait gets the oldest delivered, and the state stays small", async () => {
    const { a, b } = await couple();
    for (let i = 0; i < 110; i += 1) {
      const causalHistory = Array.from({ length: 256 }, (_, j) => idOf(1_000 * (i + 1) + j));
      a.nowMs += 1;
      await b.read(craftSds(a, sdsOf(a, `${i}`, { causalHistory: causalHistory.slice(0, i % 2 === 0 ? 256 : 3) })));
      assert.ok(b.state.held.length <= HELD_MAX);
      assert.ok(b.state.held.reduce((sum, { missing }) => sum + missing.length, 0) <= MISSING_MAX);
    }
    assert.ok(b.texts().length > 100);
    assert.equal(b.texts()[1], "0");
    const records = [...b.row.records.keys()].filter((key) => key.startsWith("held/"));
    assert.deepEqual(records.sort(), b.state.held.map(({ messageId }) => heldRecord(messageId)).sort());
  });

  it("the fullest state is below 64 KiB", async () => {
    const { b } = await couple();
    const { state } = b;
    const bytes32 = new Uint8Array(32).fill(7);
    const timeMs = 2 ** 45;
    const numbers = SKIPPED_KEYS_MAX / SKIPPED_CHAINS_MAX;
    const fullest: PrivateState = {
      ...state,
      unacknowledged: Array.from({ length: UNACKNOWLEDGED_MAX }, (_, i) => ({
        messageId: idOf(i),
        sendSerial: 0xffff_ffff,
        sentAtMs: timeMs,
        firstSentAtMs: timeMs,
        isSilent: true,
        isPassed: true,
        set: 0xffff_ffff,
        origin: { ident: idOf(i), messageId: idOf(i) },
      })),
      outgoing: Array.from({ length: OUTGOING_SETS_MAX }, (_, i) => ({
        serial: 0xffff_ffff,
        messageId: idOf(i),
        count: 255,
        acknowledged: 254,
        isLarge: true,
        ...(i < TAKEN_SETS_MAX && { origin: { ident: idOf(i), messageId: idOf(i) } }),
      })),
      siblings: Array.from({ length: SIBLINGS_MAX }, () => bytes32.slice(0, 16)),
      kept: Array.from({ length: KEPT_WHOLES_MAX }, (_, i) => ({ messageId: idOf(i), count: 255 })),
      held: Array.from({ length: HELD_MAX }, (_, i) => ({
        messageId: idOf(i),
        lamportMs: timeMs,
        sinceMs: timeMs,
        missing: Array.from({ length: MISSING_MAX / HELD_MAX }, (_, j) => idOf(j)),
      })),
      lost: Array.from({ length: LOST_MAX }, (_, i) => ({ messageId: idOf(i), sinceMs: timeMs })),
      ratchet: {
        ...state.ratchet,
        skipped: Array.from({ length: SKIPPED_CHAINS_MAX }, () => ({
          serial: 0xffff_ffff,
          headerKey: bytes32,
          numbers: Array(numbers).fill(0xffff),
        })),
      },
    };
    const bytes = privateStateCodec.encode(fullest);
    assert.ok(bytes.length <= 64 * 1024 - 512, `${bytes.length}`);
    assert.deepEqual(privateStateCodec.decode(bytes), fullest);
  });

  it("a clock far ahead does not push ours", async () => {
    const { a, b } = await couple();
    await b.read(craftSds(a, sdsOf(a, "from the future", { lamport: Number.MAX_SAFE_INTEGER })));
    assert.equal(b.state.lamportMs, b.nowMs + LAMPORT_AHEAD_MAX_MS);
    const [reply] = await say(b, "reply");
    assert.equal(peek(a, reply!).sds.lamport, b.nowMs + LAMPORT_AHEAD_MAX_MS + 1);
  });

  it("a message that failed is asked for in vain", async () => {
    const { a, b } = await answered();
    const [sent] = await say(a, "failed");
    a.nowMs += GIVE_UP_MAX_MS;
    await a.take({ kind: "timer", name: "resend" });
    assert.equal(fatesOf(a).at(-1), "message.failed");
    b.nowMs = a.nowMs;
    const asking = sdsOf(b, "where is it?", { repairRequest: [sent!.messageId!] });
    assert.deepEqual(publishesOf(await a.read(craftSds(b, asking))), []);
  });
});
