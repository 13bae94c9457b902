// Goal: the rule of profile 8.9-3 about who gets the next token, for any arrivals. Method: properties over random queues.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { TimerRow } from "../../../src/engine/ports.ts";
import { FairShare } from "../../../src/engine/quota/fair-share.ts";

type Row = TimerRow & { readonly needs: "acknowledgement" | "resend" };

/** Each step: these begin to wait (a conversation once for each need), then one token comes. */
const arrivals = fc.array(
  fc.array(
    fc.record({ conversation: fc.nat(7), needs: fc.constantFrom("acknowledgement" as const, "resend" as const) }),
    { maxLength: 4 },
  ),
  { minLength: 1, maxLength: 80 },
);

interface Given {
  readonly to: Row;
  /** As it was when the token came. */
  readonly waiting: readonly Row[];
}

function play(steps: readonly (readonly Pick<Row, "conversation" | "needs">[])[]): Given[] {
  const fair = new FairShare();
  let waiting: Row[] = [];
  const given: Given[] = [];
  for (const [atMs, step] of steps.entries()) {
    for (const { conversation, needs } of step) {
      if (waiting.some((row) => row.conversation === conversation && row.needs === needs)) continue;
      waiting.push({ conversation, name: needs, atMs, needs });
    }
    const acknowledgements = waiting.filter(({ needs }) => needs === "acknowledgement");
    const to = fair.choose(acknowledgements, waiting) as Row | undefined;
    if (to === undefined) continue;
    given.push({ to, waiting });
    waiting = waiting.filter((row) => row !== to);
  }
  return given;
}

describe("the next token of the share", () => {
  it("goes to somebody whenever somebody waits", () => {
    fc.assert(
      fc.property(arrivals, (steps) => {
        const begun = steps.flat().length;
        assert.ok(play(steps).length >= Math.min(1, begun));
        assert.equal(new FairShare().choose([], []), undefined);
      }),
    );
  });

  it("never goes to one conversation twice in a row while another waits", () => {
    fc.assert(
      fc.property(arrivals, (steps) => {
        const given = play(steps);
        for (const [at, { to, waiting }] of given.entries()) {
          const isAgain = given[at - 1]?.to.conversation === to.conversation;
          const others = waiting.filter(({ conversation }) => conversation !== to.conversation);
          assert.ok(!isAgain || others.length === 0, `token ${at} went to c${to.conversation} again`);
        }
      }),
    );
  });

  it("goes to an acknowledgement three times of four, and each time to the one that waits longest", () => {
    fc.assert(
      fc.property(arrivals, (steps) => {
        const given = play(steps);
        for (const [at, { to, waiting }] of given.entries()) {
          const last = given[at - 1]?.to.conversation;
          const others = waiting.filter(({ conversation }) => conversation !== last);
          const eligible = others.length === 0 ? waiting : others;
          const owed = eligible.filter(({ needs }) => needs === "acknowledgement");
          const expected = at % 4 === 3 ? eligible[0] : (owed[0] ?? eligible[0]);
          assert.equal(to, expected);
        }
      }),
    );
  });

  it("lets neither hundreds of silent contacts delay an acknowledgement, nor acknowledgements the silent for ever", () => {
    const silent = Array.from({ length: 300 }, (_, n) => ({ conversation: 100 + n, needs: "resend" as const }));
    const talkative = { conversation: 1, needs: "acknowledgement" as const };
    const other = { conversation: 2, needs: "acknowledgement" as const };
    const given = play([silent, ...Array.from({ length: 400 }, () => [talkative, other])]);
    const waits = given.flatMap(({ to }, at) => (to.needs === "acknowledgement" ? [at - to.atMs] : []));
    assert.ok(Math.max(...waits) <= 3, "an acknowledgement waits for three tokens at most");
    const repeated = given.filter(({ to }) => to.needs === "resend").map(({ to }) => to.conversation);
    assert.ok(repeated.length >= 100, `a quarter of 400 tokens: ${repeated.length}`);
    assert.deepEqual(
      repeated,
      silent.slice(0, repeated.length).map(({ conversation }) => conversation),
      "in order",
    );
  });
});
