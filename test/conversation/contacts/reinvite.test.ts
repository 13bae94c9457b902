/** Goal: a conversation that nobody answers is invited anew (profile 8.5-5, 8.7), over days of virtual time. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ConversationEvent } from "../../../src/conversation/contract.ts";
import { inboxV1 } from "../../../src/conversation/inbox-v1/inbox-v1.ts";
import { privateV1 } from "../../../src/conversation/private-v1/private-v1.ts";
import type { PrivateState } from "../../../src/conversation/private-v1/state.ts";
import { contentDigest } from "../../../src/wire/file-content.ts";
import type { MessageId } from "../../../src/wire/ids.ts";
import { type Row, stateOf } from "../../support/conversation/conversation-rows.ts";
import { type Node, World } from "../../support/conversation/conversation-world.ts";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

const privates = (node: Node) => node.living().filter(({ type }) => type === privateV1);
const textsOf = (row: Row) =>
  row.events.flatMap((event) =>
    event.type === "message.received" ? [Buffer.from(event.content.bytes.subarray(2)).toString()] : [],
  );
const isFile = (event: ConversationEvent) => event.type === "message.received" && event.attachment !== undefined;
const inboxOf = (node: Node) => node.rows[0] as Row;

interface Pair {
  readonly world: World;
  readonly a: Node;
  readonly b: Node;
  /** Whether anything reaches B. */
  setDeaf(isDeaf: boolean): void;
  /** Whether nothing reaches A. */
  setMute(isMute: boolean): void;
}

/** A has used B's link. */
async function begun(uses: number, isDeaf: boolean): Promise<Pair> {
  let deaf = isDeaf;
  let mute = false;
  const world: World = new World({
    seed: 5,
    types: [inboxV1, privateV1],
    fate: (_random, _nowMs, to) => ((to === world.nodes[1] ? deaf : mute) ? [] : [20]),
  });
  const [a, b] = [world.node(), world.node()];
  for (const node of [a, b]) node.open(inboxV1.name, undefined);
  const expiresAtMs = world.nowMs + 20 * dayMs;
  const { link } = (await b.command(inboxOf(b), { kind: "create-invite", uses, expiresAtMs })) as { link: string };
  await a.command(inboxOf(a), { kind: "accept-invite", link, text: "first" });
  return {
    world,
    a,
    b,
    setDeaf(next) {
      deaf = next;
    },
    setMute(next) {
      mute = next;
    },
  };
}

describe("a new invite", () => {
  it("goes after 24 hours without an answer, and then weekly, if the link serves several", async () => {
    const { world, a } = await begun(5, true);
    await world.run(world.nowMs + 23 * hourMs);
    assert.equal(privates(a).length, 1);
    await world.run(world.nowMs + 4 * hourMs);
    assert.equal(privates(a).length, 2);
    await world.run(world.nowMs + 6 * dayMs);
    assert.equal(privates(a).length, 2);
    await world.run(world.nowMs + 3 * dayMs);
    assert.equal(privates(a).length, 3);
  });

  it("reaches a peer that never got the first, and both are read when the old one comes after all", async () => {
    const { world, a, b, setDeaf } = await begun(5, true);
    await world.run(world.nowMs + 27 * hourMs);
    setDeaf(false);
    await world.run(world.nowMs + 6 * hourMs);
    assert.equal(privates(b).length, 2);
    assert.deepEqual(privates(b).flatMap(textsOf), ["first"]);
    assert.deepEqual(
      privates(a).map(({ type, bytes }) => type.summary(type.state.decode(bytes)).isHeard),
      [true, true],
    );
  });

  it("never uses a one-time prekey again: the application is told that it takes a new link", async () => {
    const { world, a } = await begun(1, true);
    await world.run(world.nowMs + 2 * dayMs);
    assert.equal(privates(a).length, 1);
    assert.equal(inboxOf(a).events.filter(({ type }) => type === "contact.link-needed").length, 1);
  });

  it("goes after 7 days in which nothing was acknowledged, by the bundle that the peer sent", async () => {
    const { world, a, setDeaf } = await begun(1, false);
    await world.run(world.nowMs + hourMs);
    setDeaf(true);
    await a.command(privates(a)[0] as Row, { kind: "send", text: "are you there" });
    await world.run(world.nowMs + 6.9 * dayMs);
    assert.equal(privates(a).length, 1);
    await world.run(world.nowMs + 0.3 * dayMs);
    assert.equal(privates(a).length, 2);
  });

  it("is accepted at once by a peer that has lost its conversations", async () => {
    const { world, a, b } = await begun(1, false);
    await world.run(world.nowMs + hourMs);
    // Its inbox is all that came back.
    b.forget(privates(b)[0] as Row);
    await a.command(privates(a)[0] as Row, { kind: "send", text: "are you there" });
    await world.run(world.nowMs + 7.3 * dayMs);
    assert.equal(privates(a).length, 2);
    const [again] = privates(b);
    assert.ok(again !== undefined, "the second conversation is there");
    assert.equal(privateV1.summary(privateV1.state.decode(again.bytes)).standing, undefined);
  });
});

describe("what was never acknowledged", () => {
  it("goes to the new conversation, and its sender hears of it where it was sent", async () => {
    const { world, a, b } = await begun(1, false);
    await world.run(world.nowMs + hourMs);
    b.forget(privates(b)[0] as Row);
    const [first] = privates(a);
    assert.ok(first !== undefined);
    for (const text of ["one", "two"]) await a.command(first, { kind: "send", text });
    await world.run(world.nowMs + 8 * dayMs);
    const [again] = privates(b);
    assert.ok(again !== undefined);
    assert.deepEqual(textsOf(again), ["one", "two"]);
    assert.deepEqual(
      [...first.messages.values()].map(({ state }) => state),
      ["message.delivered", "message.delivered", "message.delivered"],
    );
    const times = again.events.flatMap((event) => (event.type === "message.received" ? [event.timestampMs] : []));
    assert.ok(
      times.every((atMs) => world.nowMs - atMs > 7 * dayMs),
      "with the time it had",
    );
    await a.command(first, { kind: "send", text: "through the old one" });
    await world.run(world.nowMs + hourMs);
    assert.deepEqual(textsOf(again).at(-1), "through the old one");
    await world.run(world.nowMs + 33 * dayMs);
    assert.equal(first.isClosed, true, "the superseded one is closed");
  });

  it("is a file that had arrived in part, whole or not at all: it is delivered once", async () => {
    for (const heard of ["a part", "all of it"] as const) {
      const { world, a, b, setMute } = await begun(1, false);
      await world.run(world.nowMs + hourMs);
      const [first] = privates(a);
      const [lost] = privates(b);
      assert.ok(first !== undefined && lost !== undefined);
      const files = () => b.rows.flatMap(({ events }) => events.filter(isFile));
      const data = Uint8Array.from({ length: 2_300_000 }, (_, index) => (index * 7) & 0xff);
      // More than a chain has numbers: without an answer the second half waits.
      const size = heard === "a part" ? data.length : 100_000;
      const command = { kind: "send-file", name: "a.bin", data: data.subarray(0, size) };
      const { messageId } = (await a.command(first, command)) as { messageId: MessageId };
      if (heard === "a part") {
        const whole = () => (stateOf(first) as PrivateState).outgoing[0];
        while ((whole()?.acknowledged ?? 0) === 0) await world.run(world.nowMs + 5);
        assert.ok((whole()?.acknowledged ?? 255) < 141 && files().length === 0, "it is under way");
      } else {
        setMute(true);
        await world.run(world.nowMs + 30_000);
        assert.equal(files().length, 1);
        assert.notEqual(first.messages.get(messageId)?.state, "message.delivered");
      }
      b.forget(lost);
      setMute(false);
      await world.run(world.nowMs + 8 * dayMs);
      const [received, ...more] = files();
      assert.ok(received?.type === "message.received" && more.length === 0, `${heard} had arrived`);
      assert.equal(received.attachment?.sha256, contentDigest(data.subarray(0, size)));
      assert.equal(first.messages.get(messageId)?.state, "message.delivered");
      for (const row of a.rows)
        assert.deepEqual(
          [...row.records.keys()].filter((key) => /^(?:whole|out|wait)\//.test(key)),
          [],
        );
    }
  });
});
