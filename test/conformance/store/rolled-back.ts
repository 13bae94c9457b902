/** What the engine relies on when the state was put back from an older copy: from that input on, nothing leaves (ADR 0034). */
import assert from "node:assert/strict";
import type { AnyConversationType, Input } from "../../../src/conversation/contract.ts";
import { toHex } from "../../../src/crypto/bytes.ts";
import { hintHex } from "../../../src/wire/conversation-hint.ts";
import { decodeEnvelope } from "../../../src/wire/envelope.ts";
import { applyRows, type Row, recordOf, stateOf } from "../../support/conversation/conversation-rows.ts";
import { checkAccepted, decide } from "../../support/conversation/conversation-turn.ts";
import type { World } from "../../support/conversation/conversation-world.ts";

/** Tells every conversation of the type, then gives it the whole traffic again, its timers and something to send. */
export async function keepsSilent(world: World, type: AnyConversationType): Promise<void> {
  for (const row of world.nodes.flatMap(({ rows }) => rows).filter((each) => each.type === type)) {
    await give(world, row, { kind: "rolled-back" });
    for (const { envelope } of world.published) {
      const input = inputOf(row, envelope);
      if (input !== undefined) await give(world, row, input);
    }
    for (const name of [...row.timers.keys()]) await give(world, row, { kind: "timer", name });
    const command = type.command.safeParse({ kind: "send", text: "by an old key" });
    if (command.success) await give(world, row, { kind: "command", command: command.data });
    await give(world, row, { kind: "rolled-back" });
  }
}

let turns = 0;

async function give(world: World, row: Row, input: Input<unknown>): Promise<void> {
  const { type } = row;
  // No two turns draw the same random bytes.
  turns += 1;
  const record = (key: string) => recordOf(row, key);
  const decided = await decide({ type, state: stateOf(row), input, now: world.nowMs, seed: turns, record });
  if (input.kind === "rolled-back") assert.notEqual(decided.kind, "reject", "it is told, not asked");
  if (decided.kind !== "accept") return;
  const published = decided.effects.filter(({ kind }) => kind === "publish");
  assert.deepEqual(published, [], `${type.name} publishes on ${input.kind} after a rollback`);
  row.bytes = checkAccepted(type, decided);
  if (input.kind === "timer") row.timers.delete(input.name);
  applyRows(row, decided.effects, world.nodes.find(({ rows }) => rows.includes(row))?.rows ?? [row]);
}

function inputOf(row: Row, bytes: Uint8Array): Input<unknown> | undefined {
  const decoded = decodeEnvelope(bytes);
  assert.ok(decoded.kind === "readable");
  const { hint, salt } = decoded.value;
  for (const expected of row.type.expectedHints(stateOf(row))) {
    const isMatch =
      expected.kind === "static" ? hintHex(salt, expected.id) === hint : toHex(expected.derive()) === hint;
    if (isMatch)
      return { kind: "envelope", envelope: decoded.value, ref: expected.kind === "static" ? 0 : expected.ref };
  }
  return undefined;
}
