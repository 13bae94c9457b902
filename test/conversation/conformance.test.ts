/** The ConversationType suite over both built-in types: real invites between nodes, then whatever the script says. */
import assert from "node:assert/strict";
import type { ConversationType } from "../../src/conversation/contract.ts";
import { inboxV1 } from "../../src/conversation/inbox-v1/inbox-v1.ts";
import { privateV1 } from "../../src/conversation/private-v1/private-v1.ts";
import type { PrivateState } from "../../src/conversation/private-v1/state.ts";
import { conversationTypeConformance } from "../conformance/conversation-type.ts";
import type { Node, World } from "../support/conversation/conversation-world.ts";

const hourMs = 3_600_000;

/** Every node has its inbox as row 0. */
async function invite(world: World, from: Node, to: Node, text?: string): Promise<void> {
  const [inbox] = to.rows;
  const [ours] = from.rows;
  assert.ok(inbox !== undefined && ours !== undefined);
  const created = await to.command(inbox, { kind: "create-invite", uses: 1, expiresAtMs: world.nowMs + hourMs });
  const { link } = created as { link: string };
  await from.command(ours, { kind: "accept-invite", link, ...(text === undefined ? {} : { text }) });
}

function nodes(world: World, count: number): Node[] {
  return Array.from({ length: count }, () => {
    const node = world.node();
    node.open(inboxV1.name, undefined);
    return node;
  });
}

function atRest(state: unknown): void {
  const { unacknowledged, held, lost, waitingFirst, waitingEnd, outgoing } = state as PrivateState;
  if (unacknowledged === undefined) return;
  assert.deepEqual({ unacknowledged, held, lost, outgoing }, { unacknowledged: [], held: [], lost: [], outgoing: [] });
  assert.equal(waitingFirst, waitingEnd, "nothing waits");
}

conversationTypeConformance(privateV1, {
  companions: [inboxV1],
  openings: {
    "an invite with text": async (world) => {
      const [a, b] = nodes(world, 2) as [Node, Node];
      await invite(world, a, b, "the first");
    },
    "an invite without text, crossed by another": async (world) => {
      const [a, b] = nodes(world, 2) as [Node, Node];
      await invite(world, a, b);
      await invite(world, b, a, "crossed");
    },
  },
  async command(_world, node, choice) {
    const rows = node.rows.filter((row) => row.type.name === privateV1.name);
    const row = rows[choice % rows.length];
    // A burst now and then: more than a window, sometimes more than a chain.
    const count = choice > 980 ? 140 : choice > 900 ? 20 : 1;
    // And sometimes more than one segment.
    const length = choice > 700 && choice <= 760 ? 40_000 : 0;
    for (let i = 0; row !== undefined && i < count; i += 1)
      await node.command(row, { kind: "send", text: `${node.index} says ${choice}/${i}`.padEnd(length) });
  },
  atRest,
});

conversationTypeConformance(inboxV1 as ConversationType<unknown, unknown, unknown>, {
  companions: [privateV1],
  openings: {
    "three nodes": async (world) => {
      const [a, b] = nodes(world, 3) as [Node, Node, Node];
      await invite(world, a, b, "hello");
    },
  },
  async command(world, node, choice) {
    const others = world.nodes.filter((other) => other !== node);
    const other = others[choice % others.length];
    if (other !== undefined) await invite(world, node, other, choice % 3 === 0 ? undefined : `invite ${choice}`);
  },
  atRest,
});
