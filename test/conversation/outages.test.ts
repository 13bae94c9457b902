/**
 * Goal: outages of days in one or both directions lose nothing, and no sender believes in a delivery that was not (profile
 * 8.5 "Measured"). Method: the conversation world with wires that go dead by the clock; every run is repeatable by its seed.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { inboxV1 } from "../../src/conversation/inbox-v1/inbox-v1.ts";
import { privateV1 } from "../../src/conversation/private-v1/private-v1.ts";
import type { Row } from "../support/conversation/conversation-rows.ts";
import { type Node, World } from "../support/conversation/conversation-world.ts";

const hourMs = 3_600_000;

interface Moment {
  /** Since the beginning. */
  readonly hours: number;
  /** Which side would hear it: 0 has the link, 1 invited. */
  readonly to: number;
  readonly random: () => number;
}

interface Outage {
  /** Whether nothing gets through now. */
  readonly isDead: (moment: Moment) => boolean;
  /** Nothing is missing for a day, so that order is kept too. */
  readonly keepsOrder: boolean;
}

const outages: Readonly<Record<string, Outage>> = {
  "nothing for 8 hours": { isDead: ({ hours }) => hours > 1 && hours < 9, keepsOrder: true },
  "nothing for the first 8 hours": { isDead: ({ hours }) => hours < 8, keepsOrder: true },
  "no answers for 20 hours": { isDead: ({ hours, to }) => hours < 20 && to === 1, keepsOrder: true },
  "no answers for 30 hours": { isDead: ({ hours, to }) => hours < 30 && to === 1, keepsOrder: false },
  // In one talk of 150 all repetitions of a message are lost for a day.
  "60 % lost for ever": { isDead: ({ random }) => random() < 0.6, keepsOrder: false },
  "one direction at a time, for three days": {
    isDead: ({ hours, to }) => hours < 72 && Math.floor(hours / 2) % 2 === to,
    keepsOrder: false,
  },
};

/** Half a day of talk through the outage, and then as long as it takes. */
async function converse({ isDead }: Outage, seed: number, count: number): Promise<readonly [Row, Row]> {
  const startMs = 1_763_800_000_000;
  const fate = (random: () => number, nowMs: number, to: Node) => {
    if (isDead({ hours: (nowMs - startMs) / hourMs, to: to.index, random })) return [];
    return random() < 0.1 ? [] : [random() * 9_000];
  };
  const world = new World({ seed, types: [inboxV1, privateV1], fate });
  const nodes = [world.node(), world.node()] as const;
  const [host, guest] = nodes.map((node) => node.open(inboxV1.name, undefined));
  assert.ok(host !== undefined && guest !== undefined);
  const create = { kind: "create-invite", uses: 1, expiresAtMs: world.nowMs + 900 * hourMs };
  const { link } = (await nodes[0].command(host, create)) as { link: string };
  await nodes[1].command(guest, { kind: "accept-invite", link, text: "hello" });
  for (let i = 0; i < count; i += 1) {
    await world.run(world.nowMs + (world.random() * 24 * hourMs) / count);
    const node = nodes[Math.floor(world.random() * 2)];
    const row = node?.rows[1];
    if (node !== undefined && row !== undefined) await node.command(row, { kind: "send", text: `number ${i}` });
  }
  await world.run();
  const rows = nodes.map((node) => node.rows[1]);
  assert.ok(rows[0] !== undefined && rows[1] !== undefined, "the conversation is open on both sides");
  return [rows[0], rows[1]];
}

describe("a conversation through outages", () => {
  for (const [title, outage] of Object.entries(outages)) {
    it(title, async () => {
      await fc.assert(
        fc.asyncProperty(fc.nat(0x7fffffff), fc.integer({ min: 1, max: 40 }), async (seed, count) => {
          const [a, b] = await converse(outage, seed, count);
          for (const [speaker, hearer] of [
            [a, b],
            [b, a],
          ] as const) {
            const said = [...speaker.messages].filter(([, { direction }]) => direction === "out");
            const heard = hearer.events.flatMap((event) =>
              event.type === "message.received" ? [event.messageId] : [],
            );
            const ids = said.map(([id]) => id);
            assert.deepEqual(outage.keepsOrder ? heard : [...heard].sort(), outage.keepsOrder ? ids : [...ids].sort());
            for (const [, { state }] of said) assert.equal(state, "message.delivered");
          }
        }),
        { numRuns: 2 },
      );
    });
  }
});
