/**
 * Goal: after a clock that was ten years ahead was corrected, nobody is unreachable for these ten years: invites of then are
 * followed by new ones, prekeys of then take invites of now, and end. Method: as for invites, with a clock that is moved.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { inboxV1 } from "../../../src/conversation/inbox-v1/inbox-v1.ts";
import { endOf } from "../../../src/conversation/inbox-v1/prekeys.ts";
import { PUBLIC_PREKEY_MS } from "../../../src/conversation/inbox-v1/state.ts";
import { privateV1 } from "../../../src/conversation/private-v1/private-v1.ts";
import type { Row } from "../../support/conversation/conversation-rows.ts";
import { type Node, World } from "../../support/conversation/conversation-world.ts";
import { openInbox, startMs } from "../by-hand.ts";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const yearsMs = 10 * 365 * dayMs;

const inboxOf = (node: Node) => node.rows[0] as Row;
const privates = (node: Node) => node.living().filter(({ type }) => type === privateV1);
const isHeard = (row: Row) => row.type.summary(row.type.state.decode(row.bytes)).isHeard === true;
const textsOf = (row: Row) =>
  row.events.flatMap((event) =>
    event.type === "message.received" ? [Buffer.from(event.content.bytes.subarray(2)).toString()] : [],
  );

/** As the engine does it: all but dates move. */
function correct(world: World): void {
  world.nowMs -= yearsMs;
  for (const { timers } of world.nodes.flatMap(({ rows }) => rows))
    for (const [name, atMs] of timers) if (!/^(tidy|expire)\//.test(name)) timers.set(name, atMs - yearsMs);
}

describe("an invite that was made with a clock years ahead", () => {
  it("is followed by a new one, which is the newest for both sides, and content moves there", async () => {
    let deaf = true;
    const world: World = new World({
      seed: 7,
      types: [inboxV1, privateV1],
      fate: (_random, _nowMs, to) => (deaf && to === world.nodes[1] ? [] : [20]),
    });
    world.nowMs += yearsMs;
    const [a, b] = [world.node(), world.node()];
    for (const node of [a, b]) node.open(inboxV1.name, undefined);
    const expiresAtMs = world.nowMs + 20 * dayMs;
    const { link } = (await b.command(inboxOf(b), { kind: "create-invite", uses: 5, expiresAtMs })) as { link: string };
    await a.command(inboxOf(a), { kind: "accept-invite", link, text: "first" });
    await world.run(world.nowMs + hourMs);
    correct(world);
    deaf = false;
    await world.run(world.nowMs + 12 * hourMs);
    assert.equal(privates(b).length, 1, "the invite of then is refused, the one of now is not");
    const [fresh] = privates(a).filter(isHeard);
    assert.ok(fresh !== undefined);
    await a.command(fresh, { kind: "send", text: "second" });
    await world.run(world.nowMs + dayMs);
    assert.deepEqual(privates(b).flatMap(textsOf).sort(), ["first", "second"]);
    // And what is begun now is not dated by the clock of then.
    await a.command(inboxOf(a), { kind: "accept-invite", link, text: "third" });
    await world.run(world.nowMs + hourMs);
    assert.deepEqual(privates(b).flatMap(textsOf).sort(), ["first", "second", "third"]);
  });
});

describe("a public prekey that was made with a clock years ahead", () => {
  it("is replaced when it is given out next, and ends in its time", async () => {
    const inbox = openInbox(1, startMs + yearsMs);
    const [old] = inbox.state.prekeys;
    inbox.nowMs = startMs;
    const command = { kind: "public-link" };
    const given = await inbox.take({ kind: "command", command });
    assert.ok((given.reply as { expiresAtMs: number }).expiresAtMs <= startMs + PUBLIC_PREKEY_MS);
    const [kept, fresh] = inbox.state.prekeys;
    assert.deepEqual(kept?.publicKey, old?.publicKey, "invites by it still come");
    assert.ok(kept !== undefined && fresh !== undefined && endOf(kept) <= startMs + PUBLIC_PREKEY_MS);
    await inbox.take({ kind: "command", command });
    assert.equal(inbox.state.prekeys.length, 2, "once");
    inbox.nowMs = endOf(kept) + dayMs;
    await inbox.fire(`tidy/${Math.floor(endOf(kept) / dayMs)}`);
    assert.deepEqual(inbox.state.prekeys, []);
  });
});
