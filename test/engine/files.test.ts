// Goal: a large file passes between two nodes with the real engine, types and SQLite files: whole and once, over a network
// that loses, repeats and reorders, and through restarts of both sides in the middle.
import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { systemClock } from "../../src/daemon/clock.ts";
import type { Clock, EventRow } from "../../src/engine/ports.ts";
import { contentDigest, FILE_BYTES_MAX } from "../../src/wire/file-content.ts";
import { createNetwork, type InProcessNetwork } from "../support/engine/in-process-transport.ts";
import { eventOf, removeDir, scratchDir, startNode, type TestNode } from "../support/engine/test-node.ts";
import { SteppingClock } from "./probe/stepping-clock.ts";

const limitMs = 240_000;

function dataOf(size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, index) => (index * 31 + (index >> 8) * 7 + (index >> 16)) & 0xff);
}

/** Two nodes in a conversation that both call c1; `sender` used the invite. */
class Pair {
  readonly network: InProcessNetwork;
  readonly clock: Clock;
  readonly #dirs = { sender: scratchDir("sender"), receiver: scratchDir("receiver") };
  sender!: TestNode;
  receiver!: TestNode;

  constructor(t: TestContext, clock: Clock, seed: number) {
    this.clock = clock;
    this.network = createNetwork({ clock, seed });
    t.after(async () => {
      await Promise.all([this.sender.stop(), this.receiver.stop()]);
      for (const dir of Object.values(this.#dirs)) removeDir(dir);
    });
  }

  async start(side: "sender" | "receiver"): Promise<void> {
    this[side] = await startNode(this.network.transport(side), this.#dirs[side], this.clock);
  }

  async restart(side: "sender" | "receiver"): Promise<void> {
    await this[side].stop();
    await this.start(side);
  }

  async invite(): Promise<void> {
    const expiresAtMs = this.clock.now() + 3_600_000;
    const { link } = await this.receiver.engine.createInvite({ uses: 1, expiresAtMs });
    await this.sender.engine.acceptInvite({ link, text: "a file follows" });
  }

  received(): EventRow[] {
    return eventsOf(this.receiver, "message.received").filter(({ message }) => message?.body.attachment !== undefined);
  }

  /** What arrived is what was sent, once, and nobody noticed a fault. */
  check(messageId: string, data: Uint8Array): void {
    const received = this.received();
    assert.equal(received.length, 1, "delivered once");
    const row = received[0]?.message;
    assert.ok(row !== undefined);
    assert.equal(row.messageId, messageId, "both sides call it the same");
    const { size, sha256 } = row.body.attachment ?? {};
    assert.deepEqual([size, sha256], [data.length, contentDigest(data)]);
    const content = this.receiver.engine.content(messageId);
    assert.ok(Buffer.concat([...content.chunks()]).equals(data), "byte for byte");
    assert.ok(row.body.bytes.length < 1_000, "the row is small");
    for (const node of [this.sender, this.receiver])
      assert.deepEqual(
        node.problems.filter(({ level }) => level === "error"),
        [],
      );
  }
}

function eventsOf({ engine }: TestNode, type: string): EventRow[] {
  return engine.events({ after: 0, limit: 10_000 }).filter((event) => event.type === type);
}

describe("a file", () => {
  it("of the largest size arrives, with progress", { timeout: limitMs }, async (t) => {
    const pair = new Pair(t, systemClock, 1);
    await pair.start("receiver");
    await pair.start("sender");
    await pair.invite();
    await eventOf(pair.sender.engine, ({ type }) => type === "message.delivered");
    const data = dataOf(FILE_BYTES_MAX);
    const file = { conversation: "c1", name: "large.bin", data, key: "once" };
    const { messageId } = await pair.sender.engine.sendFile(file);
    assert.equal((await pair.sender.engine.sendFile(file)).messageId, messageId, "the same key sends it once");
    await assert.rejects(pair.sender.engine.sendFile({ ...file, name: "other.bin" }), { code: "message/key-conflict" });
    const isDelivered = ({ type, message }: EventRow) =>
      type === "message.delivered" && message?.messageId === messageId;
    await eventOf(pair.sender.engine, isDelivered, limitMs);
    pair.check(messageId, data);
    const told = eventsOf(pair.sender, "message.progress").map((event) => Number(event.data["arrived"]));
    assert.ok(told.length >= 2 && told.length <= 10, `progress was told ${told.length} times`);
    assert.deepEqual(
      told,
      told.toSorted((a, b) => a - b),
    );
    const all = pair.sender.engine.events({ after: 0, limit: 10_000 });
    const types = all.filter(({ message }) => message?.messageId === messageId).map(({ type }) => type);
    assert.equal(types.filter((type) => type === "message.published").length, 1);
    assert.throws(() => pair.sender.engine.content(messageId), { code: "message/content-not-kept" });
    await assert.rejects(pair.sender.engine.sendFile({ ...file, key: "more", data: new Uint8Array(data.length + 1) }), {
      code: "message/too-large",
    });
    for (const name of ["", "..", "a/b", "a\\b", "a\nb", "x".repeat(256)])
      await assert.rejects(pair.sender.engine.sendFile({ ...file, key: "bad", name }), {
        code: "message/bad-file-name",
      });
  });

  for (const seed of [1, 2, 3]) {
    it(`passes a bad network and restarts of both sides (seed ${seed})`, { timeout: limitMs }, async (t) => {
      const clock = new SteppingClock();
      const pair = new Pair(t, clock, seed);
      await pair.start("receiver");
      await pair.start("sender");
      await clock.settle();
      await pair.invite();
      const passes = async (holds: () => boolean, what: string): Promise<void> => {
        for (let seconds = 0; !holds(); seconds += 5) {
          assert.ok(seconds < 24 * 3_600, `not within a day: ${what}`);
          await clock.advance(5_000);
        }
      };
      await passes(() => eventsOf(pair.sender, "message.delivered").length === 1, "the invite is answered");
      const data = dataOf(1_000_000 + seed);
      const { messageId } = await pair.sender.engine.sendFile({ conversation: "c1", name: "photo.jpg", data });
      Object.assign(pair.network.faults, {
        losePush: 0.2,
        losePublish: 0.1,
        duplicatePush: 0.2,
        loseArchive: 0.2,
        delayMs: [0, 400],
      });
      await passes(() => eventsOf(pair.sender, "message.progress").length >= 2, "a part has arrived");
      assert.equal(pair.received().length, 0, "it is under way");
      await pair.restart("receiver");
      await clock.advance(1_000);
      await pair.restart("sender");
      await passes(() => pair.sender.engine.message(messageId)?.state === "delivered", "everything is acknowledged");
      pair.check(messageId, data);
    });
  }
});
