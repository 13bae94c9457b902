/**
 * Goal: our public bundle stays fresh (profile 8.7 "Prekeys", "Fresh bundles"): none is given from a prekey older than a week,
 * old prekeys end by themselves, and a peer that we write to gets a new bundle each week.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readContact } from "../../../src/conversation/inbox-v1/contact.ts";
import { inboxV1 } from "../../../src/conversation/inbox-v1/inbox-v1.ts";
import { contactRecord, type InboxState, prekeyRecord } from "../../../src/conversation/inbox-v1/state.ts";
import { privateV1 } from "../../../src/conversation/private-v1/private-v1.ts";
import { bytesEqual } from "../../../src/crypto/equal.ts";
import { bundleFromText, decodeBundle } from "../../../src/wire/contact-bundle.ts";
import type { Row } from "../../support/conversation/conversation-rows.ts";
import { type Node, World } from "../../support/conversation/conversation-world.ts";
import { type Hand, openInbox, startMs } from "../by-hand.ts";

const dayMs = 24 * 3_600_000;
const hourMs = 3_600_000;

async function givenBundle(inbox: Hand<InboxState>) {
  const { reply } = await inbox.take({ kind: "command", command: { kind: "public-link" } });
  const { link, expiresAtMs } = reply as { link: string; expiresAtMs: number };
  const decoded = bundleFromText(link);
  assert.ok(decoded.kind === "readable");
  const { bundle } = decoded.value;
  assert.equal(bundle.notAfterMs, expiresAtMs);
  const prekey = inbox.state.prekeys.find(({ publicKey }) => bytesEqual(publicKey, bundle.prekey));
  assert.ok(prekey?.isPublic && bundle.multiUse, "it is of the public prekey");
  return { prekey, expiresAtMs };
}

describe("the public prekey", () => {
  it("is never older than a week in a bundle that is given, which works for 30 days more", async () => {
    const inbox = openInbox(1);
    for (const hours of [1, 100, 60, 6, 2, 500, 167, 1, 1, 2_000, 3]) {
      inbox.nowMs += hours * hourMs;
      const { prekey, expiresAtMs } = await givenBundle(inbox);
      assert.ok(inbox.nowMs - prekey.createdAtMs < 7 * dayMs, `${hours} hours later`);
      assert.ok(expiresAtMs - inbox.nowMs > 30 * dayMs && expiresAtMs - inbox.nowMs <= 37 * dayMs);
    }
  });

  it("is deleted with its secret 37 days after it was made, by its own timer and nothing else", async () => {
    const inbox = openInbox(1);
    const { prekey: first } = await givenBundle(inbox);
    inbox.nowMs += 8 * dayMs;
    const { prekey: second } = await givenBundle(inbox);
    assert.ok(!bytesEqual(first.publicKey, second.publicKey));
    for (const [prekey, left] of [
      [first, 1],
      [second, 0],
    ] as const) {
      const [name, atMs] = [...inbox.row.timers].toSorted(([, a], [, b]) => a - b)[0] ?? assert.fail("a timer is set");
      assert.ok(inbox.row.records.has(prekeyRecord(prekey.publicKey)));
      await inbox.fire(name);
      assert.ok(atMs > prekey.notAfterMs && atMs <= prekey.notAfterMs + dayMs);
      assert.ok(!inbox.row.records.has(prekeyRecord(prekey.publicKey)));
      assert.equal(inbox.state.prekeys.length, left);
    }
    assert.ok(inbox.nowMs > startMs + 45 * dayMs && inbox.row.timers.size === 0);
  });
});

const inboxOf = (node: Node) => node.rows[0] as Row;
const conversationOf = (node: Node) => node.living().find(({ type }) => type === privateV1) as Row;

/** What the inbox of `node` keeps of `peer`: the end of its bundle. */
function bundleEndOf(node: Node, peer: Node): number | undefined {
  const address = inboxV1.summary(inboxV1.state.decode(inboxOf(peer).bytes)).clientAddress ?? "";
  const { bundle } = readContact(inboxOf(node).records.get(contactRecord(address)));
  const decoded = bundle === undefined ? undefined : decodeBundle(bundle);
  return decoded?.kind === "readable" ? decoded.value.bundle.notAfterMs : undefined;
}

describe("a fresh bundle", () => {
  it("follows our content once a week, and nothing in a week without content", async () => {
    const world = new World({ seed: 9, types: [inboxV1, privateV1], fate: () => [20] });
    const [a, b] = [world.node(), world.node()];
    for (const node of [a, b]) node.open(inboxV1.name, undefined);
    const request = { kind: "create-invite", uses: 1, expiresAtMs: world.nowMs + dayMs };
    const { link } = (await b.command(inboxOf(b), request)) as { link: string };
    await a.command(inboxOf(a), { kind: "accept-invite", link, text: "first" });
    const say = async (node: Node, text: string): Promise<number> => {
      const before = world.published.length;
      await node.command(conversationOf(node), { kind: "send", text });
      await world.run(world.nowMs + hourMs);
      return world.published.length - before;
    };
    await world.run(world.nowMs + hourMs);
    const ends = () => [bundleEndOf(a, b), bundleEndOf(b, a)];
    const atFirst = ends();
    assert.ok(atFirst.every((end) => end !== undefined));

    await world.run(world.nowMs + 6 * dayMs);
    const usual = await say(a, "within the week");
    assert.deepEqual(ends(), atFirst);
    await world.run(world.nowMs + 2 * dayMs);
    assert.ok((await say(a, "after a week")) > usual, "the bundle takes an envelope");
    assert.equal(ends()[0], atFirst[0], "B has said nothing");
    const afterAWeek = ends()[1] ?? 0;
    assert.ok(afterAWeek >= (atFirst[1] ?? 0) + 7 * dayMs);
    assert.equal(await say(a, "soon again"), usual);
    assert.equal(ends()[1], afterAWeek);

    const quiet = world.published.length;
    await world.run(world.nowMs + 30 * dayMs);
    assert.equal(world.published.length, quiet, "no content, no bundle");
    await say(b, "late");
    assert.ok((ends()[0] ?? 0) > world.nowMs + 30 * dayMs);
    const texts = [a, b].flatMap((node) =>
      conversationOf(node).events.filter(({ type }) => type === "message.received"),
    );
    assert.equal(texts.length, 5, "bundles reach no application");
  });
});
