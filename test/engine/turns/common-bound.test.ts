/**
 * Goal: content that has arrived in part is bounded over all conversations: the one that holds most drops its oldest set, and
 * no other loses anything. Method: real private conversations fed by hand, under a bound of a few segments.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { privateV1 } from "../../../src/conversation/private-v1/private-v1.ts";
import type { PrivateState } from "../../../src/conversation/private-v1/state.ts";
import { INCOMPLETE_BYTES_MAX } from "../../../src/engine/limits.ts";
import { CommonBound, incompleteContent } from "../../../src/engine/turn/common-bound.ts";
import { messageIdOf } from "../../../src/protocol/reliability/sds-message.ts";
import { encodeSegments, SEGMENT_SIZE } from "../../../src/protocol/segmentation/segment.ts";
import { answered, type Couple, type Hand } from "../../conversation/by-hand.ts";
import { craftSds, sdsOf, textFrame } from "../../conversation/crafted/message.ts";
import { type ProbeState, probeType } from "../probe/probe-type.ts";
import { createRig } from "../probe/rig.ts";

const bytesOf = ({ state }: Hand<PrivateState>) => privateV1.summary(state).incompleteBytes;
const partsOf = ({ row }: Hand<PrivateState>) => [...row.records.keys()].filter((key) => /^part\/\d/.test(key)).length;

/** All segments of a text but the last `missing`, as envelopes for A. */
function begin({ b }: Couple, text: string, missing: number): Uint8Array[] {
  const { encoded } = encodeSegments(textFrame(b, text + "z".repeat(3 * SEGMENT_SIZE)));
  return encoded.slice(0, encoded.length - missing).map((content) => {
    const messageId = messageIdOf({ count: 2, payload: content }, content);
    return craftSds(b, sdsOf(b, "", { content, messageId, causalHistory: [] }));
  });
}

describe("content that has arrived in part", () => {
  it("over the bound goes from the conversation that holds most, the oldest first, until it fits", async () => {
    const couples = [await answered(), await answered()] as const;
    const fired: (readonly [number, string])[] = [];
    const bounded = { ...incompleteContent, max: 5 * SEGMENT_SIZE };
    const incomplete = new CommonBound(bounded, async (conversation, name) => {
      fired.push([conversation, name]);
      const { a } = couples[conversation] as Couple;
      await a.take({ kind: "timer", name });
      incomplete.apply({ conversation, type: privateV1, after: a.state });
      return true;
    });
    const read = async (conversation: 0 | 1, envelopes: readonly Uint8Array[]) => {
      const { a } = couples[conversation];
      for (const envelope of envelopes) {
        a.nowMs += 1;
        await a.read(envelope);
        incomplete.apply({ conversation, type: privateV1, after: a.state });
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    await read(0, begin(couples[0], "small", 3));
    const small = bytesOf(couples[0].a);
    assert.equal(small, SEGMENT_SIZE);
    await read(1, begin(couples[1], "oldest", 2));
    await read(1, begin(couples[1], "newer", 2));
    assert.equal(incomplete.total, 5 * SEGMENT_SIZE);
    assert.deepEqual(fired, []);

    await read(1, begin(couples[1], "newest", 3));
    assert.deepEqual(fired, [[1, "spill"]]);
    assert.equal(incomplete.total, 4 * SEGMENT_SIZE);
    assert.deepEqual([bytesOf(couples[0].a), bytesOf(couples[1].a)], [small, 3 * SEGMENT_SIZE]);
    assert.equal(partsOf(couples[1].a), 3, "its payloads are gone too");
    incomplete.apply({ conversation: 1, type: privateV1, after: undefined });
    assert.equal(incomplete.total, small);
  });

  it("is left alone while its conversation cannot drop it, and tried again after the next commit", async () => {
    const { a, b, ...rest } = await answered();
    let tries = 0;
    const fire = async () => {
      tries += 1;
      if (tries === 1) throw new Error("the disk is full");
      return false;
    };
    const incomplete = new CommonBound({ ...incompleteContent, max: SEGMENT_SIZE - 1 }, fire);
    for (const envelope of begin({ a, b, ...rest }, "one", 3)) await a.read(envelope);
    for (const expected of [1, 2, 3]) {
      incomplete.apply({ conversation: 0, type: privateV1, after: a.state });
      await new Promise((resolve) => setImmediate(resolve));
      assert.equal(tries, expected);
    }
  });

  it("is watched by a running engine, also what was there before it started", async () => {
    const halfOfIt = INCOMPLETE_BYTES_MAX / 2 + 1;
    const watched = {
      ...probeType,
      summary: (state: ProbeState) => {
        const isHeavy = state.log.includes("sent big") && !state.log.includes("timer spill");
        return { ...probeType.summary(state), incompleteBytes: isHeavy ? halfOfIt : 0 };
      },
    };
    let rig = await createRig(["p0", "p1", "p2"]);
    try {
      await Promise.all([rig.engine.send({ conversation: "c1", text: "big" }), rig.clock.advance(1)]);
      rig = await rig.restart([watched]);
      const spilled = () => [0, 1, 2].filter((number) => rig.state(number).log.includes("timer spill"));
      await Promise.all([rig.engine.send({ conversation: "c0", text: "small" }), rig.clock.advance(1)]);
      assert.deepEqual(spilled(), []);
      await Promise.all([rig.engine.send({ conversation: "c2", text: "big" }), rig.clock.advance(1)]);
      await rig.clock.settle();
      assert.equal(spilled().length, 1, "one is enough");
    } finally {
      await rig.dispose();
    }
  });
});
