/** Goal: the sender rules of profile 8.5 and the timers of 8.9-3 and -4, one by one. Method: two conversations, every delivery by hand. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  ANSWER_PAUSE_MAX_MS,
  ANSWER_PAUSE_MS,
  AWAY_MS,
  CONTENT_NUMBER_MAX,
  GIVE_UP_MS,
  outRecord,
  QUIET_MS,
  RESEND_FIRST_MS,
  RESEND_MAX_MS,
  UNACKNOWLEDGED_MAX,
} from "../../src/conversation/private-v1/state.ts";
import type { MessageId } from "../../src/wire/ids.ts";
import {
  answered,
  assertSameBytes,
  couple,
  fatesOf,
  onlyPublish,
  type Publish,
  publishesOf,
  say,
  sayMany,
} from "./by-hand.ts";
import { hintIn, peek } from "./crafted/message.ts";

describe("rule 1: one number, one envelope", () => {
  it("keeps number 0 and the first content of the chain, and a chain's own only", async () => {
    const { a, b } = await answered();
    const [zero] = await say(a, "zero");
    await say(a, "one");
    assert.ok(zero !== undefined);
    assertSameBytes(onlyPublish(await a.fire("resend")), zero);
    await b.read(zero);
    await a.read(onlyPublish(await b.fire("acknowledge")));
    // The new chain has sent nothing yet: what is left goes under its number 0.
    a.nowMs += RESEND_FIRST_MS;
    const again = onlyPublish(await a.take({ kind: "timer", name: "resend" }));
    assert.notEqual(hintIn(again), hintIn(zero));
    assert.equal(a.state.ratchet.send?.n, 1);
    assertSameBytes(onlyPublish(await a.fire("resend")), again);
  });
});

describe("rule 2: resending", () => {
  it("waits 15 s, 15 s, 30 s … up to 2 h, each ± 20 %, and starts anew when the peer is heard", async () => {
    const { a, b } = await answered();
    const sentAtMs = a.nowMs;
    const [sent] = await say(a, "unheard");
    const [follower] = await say(a, "heard, but it waits for the other");
    let atMs = sentAtMs;
    let pauseMs = RESEND_FIRST_MS;
    for (let k = 0; k < 14; k += 1) {
      const dueMs = a.row.timers.get("resend") ?? 0;
      assert.ok(dueMs - atMs >= 0.8 * pauseMs - 1 && dueMs - atMs <= 1.2 * pauseMs + 1, `${k}: ${dueMs - atMs}`);
      assertSameBytes(onlyPublish(await a.fire("resend")), sent);
      atMs = dueMs;
      pauseMs = Math.min(RESEND_MAX_MS, RESEND_FIRST_MS * 2 ** k);
    }
    b.nowMs = a.nowMs;
    await b.read(follower!);
    await a.read((await say(b, "heard"))[0]!);
    assert.equal(a.state.unacknowledged.length, 2);
    assert.equal(a.state.resends, 0);
    assert.equal(a.row.timers.get("resend"), a.nowMs, "what is older than 15 s is due at once");
  });

  it("gives what was last sent in an older chain new numbers: the oldest and three more that are 15 s old", async () => {
    const { a } = await answered();
    const sent = await sayMany(a, 6);
    a.nowMs += 14_000;
    await say(a, "young");
    // As after a step of the peer that acknowledged nothing of these.
    a.state = { ...a.state, ratchet: { ...a.state.ratchet, sendSerial: a.state.ratchet.sendSerial + 1 } };
    a.nowMs += 2_000;
    const again = publishesOf(await a.take({ kind: "timer", name: "resend" }));
    assert.equal(again.length, 4);
    assert.deepEqual(
      again.map(({ messageId }) => messageId),
      sent.slice(0, 4).map(({ messageId }) => messageId),
    );
    // These are of the present chain now; the oldest decides, so the chain's first content is repeated.
    assertSameBytes(onlyPublish(await a.fire("resend")), again[0]);
  });

  it("resends the oldest even when the jitter made the timer early", async () => {
    const { a } = await answered();
    const [sent] = await say(a, "early");
    a.state = { ...a.state, ratchet: { ...a.state.ratchet, sendSerial: a.state.ratchet.sendSerial + 1 } };
    a.nowMs += 12_001;
    const again = onlyPublish(await a.take({ kind: "timer", name: "resend" }));
    assert.equal(again.messageId, sent?.messageId);
  });

  it("fails after 30 days, and the application is told", async () => {
    const { a } = await answered();
    await sayMany(a, 2);
    // Not away for the last day of them.
    a.nowMs += GIVE_UP_MS - AWAY_MS;
    await a.take({ kind: "timer", name: "resend" });
    a.nowMs += AWAY_MS - 1;
    assert.equal(publishesOf(await a.take({ kind: "timer", name: "resend" })).length, 1);
    a.nowMs += 1;
    await a.take({ kind: "timer", name: "resend" });
    assert.deepEqual(fatesOf(a), ["message.delivered", "message.failed", "message.failed"]);
    assert.deepEqual(a.state.unacknowledged, []);
  });
});

describe("rule 3: stops", () => {
  it("content stops at number 127 and goes on in the next chain", async () => {
    const { a, b } = await answered();
    const first = await sayMany(a, CONTENT_NUMBER_MAX + 1);
    assert.equal(first.length, 128);
    assert.deepEqual(await say(a, "waits"), []);
    assert.equal(a.state.ratchet.send?.n, 128);
    assertSameBytes(onlyPublish(await a.fire("resend")), first[0]);
    for (const each of first) await b.read(each);
    b.nowMs = a.nowMs;
    await a.read(onlyPublish(await b.fire("acknowledge")));
    assert.deepEqual(a.state.unacknowledged, []);
    const [flushed] = publishesOf(await a.fire("flush"));
    assert.ok(flushed !== undefined && peek(b, flushed).n === 0);
    await b.read(flushed);
    assert.equal(b.texts().at(-1), "waits");
  });

  it("content waits when too much is on its way, and goes when that is acknowledged", async () => {
    const { a, b } = await answered();
    const sent = await sayMany(a, 100);
    const [filler] = a.state.unacknowledged;
    assert.ok(filler !== undefined);
    const older = Array.from({ length: UNACKNOWLEDGED_MAX - 100 }, (_, i) => ({
      ...filler,
      messageId: i.toString(16).padStart(32, "0"),
    }));
    a.state = { ...a.state, unacknowledged: [...older, ...a.state.unacknowledged] };
    assert.deepEqual(await say(a, "waits"), []);
    for (const each of sent) await b.read(each);
    b.nowMs = a.nowMs;
    for (const { messageId } of older)
      a.row.messages.set(messageId as MessageId, { direction: "out", state: "message.queued" });
    await a.read(onlyPublish(await b.fire("acknowledge")));
    assert.equal(publishesOf(await a.fire("flush")).length, 1);
  });

  it("sync messages take numbers 0 to 7; then an acknowledgement repeats number 0, and the debt stays for the next chain", async () => {
    const { a, b } = await answered();
    const syncs: Publish[] = [];
    // B's chain goes on as long as A says nothing that ends it: A's messages are all of one chain.
    for (let i = 0; b.state.ratchet.sendSerial === 0 || (b.state.ratchet.send?.n ?? 0) < 8; i += 1) {
      const [sent] = await say(a, `number ${i}`);
      assert.ok(sent !== undefined);
      b.nowMs = a.nowMs;
      await b.read(sent);
      const sync = onlyPublish(await b.fire("acknowledge"));
      assert.equal(sync.purpose, "acknowledgement");
      syncs.push(sync);
      a.nowMs = b.nowMs;
    }
    assert.equal(syncs.length, 8);
    await b.read((await say(a, "one more"))[0]!);
    b.nowMs = a.nowMs;
    // Something went out just now, so this waits until the conversation was quiet.
    assert.deepEqual(publishesOf(await b.fire("acknowledge")), []);
    assert.equal(b.row.timers.get("acknowledge"), b.state.lastPublishedMs + QUIET_MS);
    assertSameBytes(onlyPublish(await b.fire("acknowledge")), syncs[0]);
    assert.ok(b.state.owesAcknowledgement, "number 0 does not name what was read");

    // A, which has heard nothing, reads number 0 and answers it; B's next chain pays the debt.
    a.nowMs = b.nowMs;
    await a.read(syncs[0]!);
    await b.read((await say(a, "ends the chain"))[0]!);
    const paid = onlyPublish(await b.fire("acknowledge"));
    await a.read(paid);
    assert.deepEqual(a.state.unacknowledged, []);
    assert.equal(b.state.owesAcknowledgement, false);
  });

  it("content pays a debt at once", async () => {
    const { a, b } = await couple();
    assert.ok(b.row.timers.has("acknowledge"));
    const [reply] = await say(b, "reply");
    assert.equal(b.row.timers.has("acknowledge"), false);
    await a.read(reply!);
    assert.deepEqual(fatesOf(a), ["message.delivered"]);
  });
});

describe("rule 4: answering marks", () => {
  it("answers copies with a doubling pause, by sync messages first and then by number 0", async () => {
    const { a, b } = await answered();
    const [sent] = await say(a, "once");
    await b.read(sent!);
    b.nowMs += 60_000;
    const first = onlyPublish(await b.fire("acknowledge"));
    const copy = b.input(sent!.envelope);
    const answers: Publish[] = [];
    let pauseMs = ANSWER_PAUSE_MS;
    for (let k = 0; k < 16; k += 1) {
      answers.push(onlyPublish(await b.take(copy)));
      pauseMs = Math.min(ANSWER_PAUSE_MAX_MS, ANSWER_PAUSE_MS * 2 ** (k + 1));
      b.nowMs += pauseMs - 1;
      await b.refuses(copy, "mark");
      b.nowMs += 1;
    }
    assert.equal(pauseMs, ANSWER_PAUSE_MAX_MS);
    assert.deepEqual(
      answers.map(({ purpose }) => purpose),
      [...Array(7).fill("acknowledgement"), ...Array(9).fill("repeat")],
    );
    for (const answer of answers.slice(7)) assertSameBytes(answer, first);
    assert.deepEqual(b.texts(), ["hello", "once"]);

    // Something new is read: the pause starts again.
    await b.read((await say(a, "new"))[0]!);
    assert.equal(b.state.answers, 0);
    b.nowMs += ANSWER_PAUSE_MS;
    onlyPublish(await b.take(copy));
  });

  it("acknowledges a known message again under a new number, and delivers it to nobody", async () => {
    const { a, b } = await answered();
    const [sent] = await say(a, "twice");
    await b.read(sent!);
    await b.fire("acknowledge");
    const bytes = a.row.records.get(outRecord(sent!.messageId!));
    assert.ok(bytes !== undefined);
    a.state = { ...a.state, ratchet: { ...a.state.ratchet, sendSerial: a.state.ratchet.sendSerial + 1 } };
    a.nowMs += RESEND_FIRST_MS;
    const again = onlyPublish(await a.take({ kind: "timer", name: "resend" }));
    await b.read(again);
    assert.deepEqual(b.texts(), ["hello", "twice"]);
    await a.read(onlyPublish(await b.fire("acknowledge")));
    assert.deepEqual(a.state.unacknowledged, []);
  });
});
