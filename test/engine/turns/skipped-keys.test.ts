/**
 * Goal: keys of skipped messages are bounded over all conversations: many hostile peers cost neither memory, disk nor the
 * start more than so much, an honest one beside them loses nothing, and what is lost is repaired. Method: real private
 * conversations fed by hand, under a small bound; the index at the real one.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { TIMER_SPILL_KEYS } from "../../../src/conversation/contract.ts";
import { privateV1 } from "../../../src/conversation/private-v1/private-v1.ts";
import { type PrivateState, REPAIR_AFTER_MS, SKIPPED_PREFIX } from "../../../src/conversation/private-v1/state.ts";
import { SKIPPED_KEYS_SUM_MAX } from "../../../src/engine/limits.ts";
import { Router } from "../../../src/engine/routing/router.ts";
import { CommonBound, skippedKeys } from "../../../src/engine/turn/common-bound.ts";
import {
  answered,
  type Couple,
  type Hand,
  onlyPublish,
  type Publish,
  publishesOf,
  readEnvelope,
  sayMany,
} from "../../conversation/by-hand.ts";
import { craftSds, sdsOf } from "../../conversation/crafted/message.ts";

const keysOf = ({ row }: Hand<PrivateState>) =>
  [...row.records.keys()].filter((key) => key.startsWith(SKIPPED_PREFIX)).length;
const heldBy = ({ state }: Hand<PrivateState>) => privateV1.summary(state).skippedKeys;

/** B begins a new chain and says that the one before it had so many numbers. */
async function claim({ a, b }: Couple, count: number): Promise<void> {
  for (const publish of publishesOf(await a.take({ kind: "command", command: { kind: "send", text: "go on" } })))
    await b.read(publish);
  b.state = { ...b.state, ratchet: { ...b.state.ratchet, previousSent: count } };
  await a.read(craftSds(b, sdsOf(b, "next chain")));
}

describe("keys of skipped messages of all conversations", () => {
  it("over the bound go from the one that holds most, also a silent one; an honest one loses nothing", async () => {
    const honest = await answered();
    const hostile = await answered();
    const hands = [honest.a, hostile.a];
    const fired: (readonly [number, string])[] = [];
    const bound = new CommonBound({ ...skippedKeys, max: 100 }, async (conversation, name) => {
      fired.push([conversation, name]);
      const hand = hands[conversation] as Hand<PrivateState>;
      await hand.take({ kind: "timer", name });
      bound.apply({ conversation, type: privateV1, after: hand.state });
      return true;
    });
    const sent = await sayMany(honest.b, 3);
    await honest.a.read(sent[2] as Publish);
    bound.apply({ conversation: 0, type: privateV1, after: honest.a.state });
    const first = craftSds(hostile.b, sdsOf(hostile.b, "never arrives"));
    await claim(hostile, 600);
    assert.deepEqual([heldBy(honest.a), heldBy(hostile.a)], [2, 599]);
    assert.ok(hostile.a.refOf(readEnvelope(first)) !== undefined);
    await hostile.a.take({ kind: "command", command: { kind: "block" } });
    bound.apply({ conversation: 1, type: privateV1, after: hostile.a.state });
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(fired, [[1, TIMER_SPILL_KEYS]]);
    assert.ok(bound.total <= 100);
    assert.deepEqual([heldBy(hostile.a), keysOf(hostile.a)], [87, 87], "their rows go too");
    assert.equal(hostile.a.refOf(readEnvelope(first)), undefined, "and their hints, the oldest first");
    for (const publish of sent.slice(0, 2)) await honest.a.read(publish);
    assert.deepEqual(honest.a.texts(), ["number 0", "number 1", "number 2"]);
  });

  it("are no loss: a message whose key went is asked for and comes", async () => {
    const { a, b } = await answered();
    const sent = await sayMany(b, 2);
    await a.read(sent[1] as Publish);
    await a.take({ kind: "timer", name: TIMER_SPILL_KEYS });
    await a.refuses({ kind: "timer", name: TIMER_SPILL_KEYS }, "no key is kept");
    a.nowMs += REPAIR_AFTER_MS;
    await a.fire("repair");
    b.nowMs = a.nowMs;
    const again = onlyPublish(await b.read(onlyPublish(await a.fire("acknowledge"))));
    await a.read(again);
    assert.deepEqual(a.texts(), ["number 0", "number 1"]);
  });

  it("cost the index a few megabytes at the bound", async (t) => {
    const { a } = await answered();
    const router = new Router();
    // A quarter of those that fill the bound.
    const conversations = SKIPPED_KEYS_SUM_MAX / 4 / 2_048;
    const began = performance.now();
    for (let conversation = 0; conversation < conversations; conversation += 1) {
      const chains = [1, 2].map((serial) => ({
        serial,
        headerKey: new Uint8Array(32).fill(conversation).fill(serial, 16),
        numbers: Array.from({ length: 1_024 }, (_, n) => n),
      }));
      const after = { ...a.state, ratchet: { ...a.state.ratchet, skipped: chains, nextSerial: 5 } };
      router.apply({ conversation, type: privateV1, before: undefined, after });
    }
    assert.ok(router.hints >= SKIPPED_KEYS_SUM_MAX / 4);
    // Of the bound: 12 MiB at most.
    assert.ok(router.indexBytes <= 48 * router.hints, `${router.indexBytes} bytes`);
    t.diagnostic(
      `${router.hints} hints: ${router.indexBytes / 2 ** 20} MiB, ${Math.round(performance.now() - began)} ms`,
    );
  });
});
