// Goal: a message of 100 characters costs no more than its share of a relay, acknowledgements included (profile 5.5).
// Method: count the bytes that real engines publish; nothing here depends on the machine.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { BUDGET_BYTES, measureWire } from "./wire.ts";

describe("bytes on the wire", () => {
  it("stay within the budget, also when each message is acknowledged by itself", async () => {
    const [oneWay, pingPong] = await measureWire();
    assert.ok(oneWay !== undefined && pingPong !== undefined);
    // Each message has an envelope of its own, and in the first kind an acknowledgement too.
    assert.equal(oneWay.envelopes.length, 2 * oneWay.messages);
    assert.ok(pingPong.envelopes.length >= pingPong.messages && pingPong.envelopes.length <= pingPong.messages + 2);
    for (const { averageBytes, talk } of [oneWay, pingPong]) assert.ok(averageBytes <= BUDGET_BYTES, talk);
    assert.ok(pingPong.averageBytes < 0.7 * oneWay.averageBytes, "an acknowledgement that rides along costs nothing");
  });
});
