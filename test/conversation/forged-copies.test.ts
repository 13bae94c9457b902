/**
 * Goal: a stranger who copies the header of a real envelope and forges its body buys the walk along the chain once; each
 * further copy costs two AEADs (profile 8.5 "Consumption"). Method: what a step asks of node:crypto is counted.
 */
import assert from "node:assert/strict";
import crypto from "node:crypto";
import { syncBuiltinESMExports } from "node:module";
import { describe, it, type TestContext } from "node:test";
import { privateV1 } from "../../src/conversation/private-v1/private-v1.ts";
import type { PrivateState } from "../../src/conversation/private-v1/state.ts";
import { decodeEnvelope, encodeEnvelope } from "../../src/wire/envelope.ts";
import { unsafeSeededBytes } from "../support/conversation/conversation-turn.ts";
import { answered, type Hand, type Publish, say, sayMany } from "./by-hand.ts";

const COPIES = 20;
/** enc_header, which the forger leaves as it is. */
const HEADER_BYTES = 68;

/** The same hint, salt and header; the body is of the forger. */
function forge({ envelope }: Publish, body: number): Uint8Array {
  const decoded = decodeEnvelope(envelope);
  assert.ok(decoded.kind === "readable" && decoded.value.encryptedBytes.member === "encrypted_bytes");
  const bytes = decoded.value.encryptedBytes.bytes.slice();
  bytes.fill(body, HEADER_BYTES);
  return encodeEnvelope({ ...decoded.value, encryptedBytes: { member: "encrypted_bytes", bytes } });
}

/** Counts the multiplications and the openings that `run` asks for. */
async function costOf(t: TestContext, run: () => Promise<void>) {
  const multiply = t.mock.method(crypto, "diffieHellman");
  const open = t.mock.method(crypto, "createDecipheriv");
  syncBuiltinESMExports();
  try {
    await run();
    return { multiplications: multiply.mock.callCount(), openings: open.mock.callCount() };
  } finally {
    t.mock.restoreAll();
    syncBuiltinESMExports();
  }
}

async function costOfCopies(t: TestContext, reader: Hand<PrivateState>, real: Publish) {
  const refuse = async (body: number) => {
    const context = { now: reader.nowMs, random: unsafeSeededBytes(body), records: new Map() };
    assert.deepEqual(await privateV1.step(reader.state, reader.input(forge(real, body)), context), {
      kind: "reject",
      reason: "body-tag",
    });
  };
  const first = await costOf(t, () => refuse(1));
  const further = await costOf(t, async () => {
    for (let copy = 0; copy < COPIES; copy += 1) await refuse(2 + copy);
  });
  return { first, further };
}

describe("forged copies of a real header", () => {
  it("of the next chain multiply once, and then cost two openings each", async (t) => {
    const { a, b } = await answered();
    // B reads what A says and begins a chain that A has not seen; the last of these is 15 numbers into it.
    await b.read((await say(a, "step"))[0] as Publish);
    const fresh = await sayMany(b, 16);
    const { first, further } = await costOfCopies(t, a, fresh.at(-1) as Publish);
    assert.deepEqual(first, { multiplications: 1, openings: 2 });
    assert.deepEqual(further, { multiplications: 0, openings: 2 * COPIES });
    await a.read(fresh.at(-1) as Publish);
  });

  it("of the present chain cost two openings each, and the real one is read after them", async (t) => {
    const { a, b } = await answered();
    const [first] = await say(b, "first");
    await a.read(first as Publish);
    const [second] = await say(b, "second");
    const { further } = await costOfCopies(t, a, second as Publish);
    assert.deepEqual(further, { multiplications: 0, openings: 2 * COPIES });
    await a.read(second as Publish);
    assert.deepEqual(a.texts().slice(-2), ["first", "second"]);
  });
});
