/**
 * Goal: what was over the limits is read again whatever else goes on meanwhile. Method: probes as inboxes and a real store
 * on a clock that is moved, with strangers and Store nodes as bad as they may be.
 */
import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { utf8 } from "../../../src/crypto/bytes.ts";
import { Counters } from "../../../src/engine/counters.ts";
import { HISTORY_AGE_MAX_MS, HISTORY_OVERLAP_MS, PARKED_MAX, QUARANTINE_MAX } from "../../../src/engine/limits.ts";
import type { IncomingMessage, Store } from "../../../src/engine/ports.ts";
import { Admission } from "../../../src/engine/routing/admission.ts";
import { probeTopic, probeType, type Script } from "../probe/probe-type.ts";
import { createRig, publish, type Rig, recorder } from "../probe/rig.ts";
import { rounds } from "../probe/stepping-clock.ts";

let rig: Rig;
afterEach(() => rig.dispose());

const invitesPerSecond = 50;
const topic = probeTopic("all");
const say = (text: string): Script => ({ op: "say", text });
const isMissing = () => rig.engine.health().find(({ name }) => name === "history")?.text !== "nothing is missing";

/** As an inbox: any number of envelopes finds it. */
const open: typeof probeType = {
  ...probeType,
  *expectedHints({ ident }) {
    yield { kind: "static", id: utf8(ident) };
  },
  step: (state, input, context) =>
    probeType.step(state, input.kind === "envelope" ? { ...input, ref: state.next } : input, context),
};

const createInbox = async () => (await createRig(["p0"], "off", undefined, { invitesPerSecond })).restart([open]);

/** Turns take rounds of the event loop, which a clock that jumps does not give them. */
async function pass(seconds: number): Promise<void> {
  await rounds(500);
  for (let second = 0; second < seconds; second += 1) {
    await rig.clock.advance(1_000);
    await rounds(200);
  }
}

describe("what was turned away", () => {
  it("is read also behind a millisecond with more than there is room for that changes nothing", async () => {
    rig = await createInbox();
    for (let n = 0; n < 2 * QUARANTINE_MAX; n += 1) await publish(rig.stranger, "p0", n, { op: "refuse" });
    await rig.clock.advance(1);
    await publish(rig.stranger, "p0", 0, say("honest"));
    await pass(120);
    assert.deepEqual(rig.texts("message.received"), ["honest"]);
    assert.equal(isMissing(), false);
  });
});

describe("admission", () => {
  const hashed = (n: number, timestampMs: number): IncomingMessage => {
    const hash = new Uint8Array(32);
    new DataView(hash.buffer).setUint32(0, n);
    return { topic, payload: new Uint8Array(8), hash, timestampMs };
  };
  const seven = { conversation: 7, ref: 1 };
  const none = (): void => {};
  const admissionOf = (store: Store) =>
    new Admission({
      store,
      clock: rig.clock,
      log: recorder([]),
      counters: new Counters(),
      limits: { messagesPerMinute: 60 },
      onParked: none,
      onGap: none,
    });

  /** All places are taken, by a conversation that is halted. */
  const fill = (store: Store): void => {
    const row = { conversation: 0, topic, payload: new Uint8Array(1), errorCode: "conversation/halted" };
    const times = { parkedAtMs: rig.clock.now(), dueAtMs: rig.clock.now() + 3_600_000 };
    store.parkAll(Array.from({ length: PARKED_MAX }, (_, n) => ({ ...row, ...times, wakuHash: hashed(n, 0).hash })));
  };

  it("gives a conversation its rate although nothing more can be parked", async () => {
    rig = await createRig();
    fill(rig.store);
    const admission = admissionOf(rig.store);
    const { clock } = rig;
    const flooded = (): number => {
      const tries = Array.from({ length: 2 * QUARANTINE_MAX }, (_, n) => hashed(n, clock.now()));
      return tries.filter((message) => admission.admit(seven, message, clock.now())).length;
    };
    assert.equal(flooded(), 60);
    await clock.advance(60_000);
    assert.equal(flooded(), 60, "who is turned away pays for nothing");
  });

  it("goes back to what was turned away for others while it was read again", async () => {
    rig = await createRig();
    fill(rig.store);
    const admission = admissionOf(rig.store);
    const now = rig.clock.now();
    while (admission.admit(seven, hashed(1, now), now));
    assert.equal(admission.beginAgain(), now);
    const olderMs = now - 3_600_000;
    assert.ok(!admission.admit(seven, hashed(2, olderMs), olderMs), "a gap is filled");
    admission.endAgain(true);
    assert.equal(admission.missingSinceMs(), olderMs);
  });

  it("is not sent back further than Store nodes are ever asked, by whatever they answer", async () => {
    rig = await createRig();
    fill(rig.store);
    const admission = admissionOf(rig.store);
    const now = rig.clock.now();
    while (admission.admit(seven, hashed(1, 0), 0));
    assert.equal(admission.missingSinceMs(), now - HISTORY_AGE_MAX_MS);
  });

  it("reads from before now after the clock was set back", async () => {
    rig = await createRig();
    fill(rig.store);
    const admission = admissionOf(rig.store);
    const { clock } = rig;
    while (admission.admit(seven, hashed(1, clock.now()), clock.now()));
    clock.set(-3_600_000);
    assert.equal(admission.beginAgain(), clock.now() - HISTORY_OVERLAP_MS);
  });
});
