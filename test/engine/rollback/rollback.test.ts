/**
 * Goal: after an older copy of the state was put back, no hint is used again and nothing leaves in an old conversation; both
 * sides go on in a new one, and nothing is lost in silence.
 * Method: two nodes with real files on a network that keeps every envelope. A's database is copied while it runs, A goes on
 * and stops, the copy is put back, A starts. What it published before the copy came back is compared with what came after.
 */
import assert from "node:assert/strict";
import { chmodSync, copyFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { backup, DatabaseSync } from "node:sqlite";
import { describe, it, type TestContext } from "node:test";
import { privateV1 } from "../../../src/conversation/private-v1/private-v1.ts";
import { toHex } from "../../../src/crypto/bytes.ts";
import { systemClock } from "../../../src/daemon/clock.ts";
import { textOf } from "../../../src/wire/content-frame.ts";
import { decodeEnvelope } from "../../../src/wire/envelope.ts";
import { createNetwork, type InProcessNetwork } from "../../support/engine/in-process-transport.ts";
import { eventOf, removeDir, scratchDir, startNode, type TestNode, until } from "../../support/engine/test-node.ts";

const texts = (node: TestNode, type = "message.received") =>
  node.store
    .events({ after: 0, limit: 10_000 })
    .flatMap((event) => (event.type === type && event.message !== undefined ? [textOf(event.message.body) ?? ""] : []));
const received = (node: TestNode, text: string) =>
  eventOf(node.engine, ({ type, message }) => type === "message.received" && textOf(message?.body ?? none) === text);
const none = { domain: 0, tag: 0, bytes: new Uint8Array() };

type Side = "a" | "b";

class Pair {
  readonly network: InProcessNetwork = createNetwork({ clock: systemClock });
  readonly #directories = { a: scratchDir("rollback-a"), b: scratchDir("rollback-b") } as const;
  readonly #copies = scratchDir("rollback-copies");
  a!: TestNode;
  b!: TestNode;
  /** Envelopes of the time before the copy came back. */
  before: readonly Uint8Array[] = [];
  /** Hints under which the other side would read an old conversation, at that time. */
  oldHints: ReadonlySet<string> = new Set();
  /** What the side with the old copy has published since. */
  after: Uint8Array[] = [];

  /** B uses a one-time link of A, both have written. */
  static async meet(context: TestContext): Promise<Pair> {
    const pair = new Pair();
    context.after(() => pair.dispose());
    pair.a = await pair.#start("a");
    pair.b = await pair.#start("b");
    const { link } = await pair.a.engine.createInvite({ uses: 1, expiresAtMs: Date.now() + 600_000 });
    await pair.b.engine.acceptInvite({ link, text: "b1" });
    await received(pair.a, "b1");
    await pair.a.engine.send({ conversation: "c1", text: "a1" });
    await received(pair.b, "a1");
    return pair;
  }

  async copy(side: Side): Promise<void> {
    const source = new DatabaseSync(join(this.#directories[side], "umbrad.db"), { readOnly: true });
    await backup(source, this.fileOf(side));
    source.close();
    chmodSync(this.fileOf(side), 0o600);
  }

  fileOf(side: Side): string {
    return join(this.#copies, `${side}.db`);
  }

  async putBack(side: Side): Promise<void> {
    await this[side].stop();
    this.before = this.network.archive.map(({ payload }) => payload);
    this.oldHints = expectedBy(this[side === "a" ? "b" : "a"]);
    this.after = [];
    const database = join(this.#directories[side], "umbrad.db");
    for (const suffix of ["-wal", "-shm"]) rmSync(`${database}${suffix}`, { force: true });
    copyFileSync(this.fileOf(side), database);
    this[side] = await this.#start(side, this.after);
  }

  async restartA(): Promise<void> {
    await this.a.stop();
    this.a = await this.#start("a", this.after);
  }

  #start(side: Side, published: Uint8Array[] = []): Promise<TestNode> {
    const transport = this.network.transport(side);
    const publish = transport.publish.bind(transport);
    transport.publish = (message, signal) => {
      published.push(message.payload);
      return publish(message, signal);
    };
    return startNode(transport, this.#directories[side]);
  }

  async dispose(): Promise<void> {
    await this.a.stop();
    await this.b.stop();
    for (const directory of [...Object.values(this.#directories), this.#copies]) removeDir(directory);
  }
}

function hintOf(payload: Uint8Array): string {
  const decoded = decodeEnvelope(payload);
  assert.ok(decoded.kind === "readable");
  return decoded.value.hint;
}

/** The windows of all its private conversations. */
function expectedBy({ store }: TestNode): Set<string> {
  const states = [...store.conversations()].filter(({ type }) => type === privateV1.name);
  const hints = states.flatMap(({ state }) => [...privateV1.expectedHints(privateV1.state.decode(state))]);
  return new Set(hints.flatMap((hint) => (hint.kind === "ratcheted" ? [toHex(hint.derive())] : [])));
}

const rolledBack = (node: TestNode) =>
  node.store.events({ after: 0, limit: 10_000 }).filter(({ type }) => type === "state.rolled-back");

/** No hint of the time before comes with other bytes, and nothing comes that the peer would read in an old conversation. */
function checkHints({ before, after, oldHints }: Pair): void {
  assert.ok(oldHints.size > 0);
  const known = new Map(before.map((payload) => [hintOf(payload), payload]));
  for (const payload of after) {
    const first = known.get(hintOf(payload));
    if (first !== undefined) assert.deepEqual(payload, first, "a hint came again with other bytes");
    assert.ok(!oldHints.has(hintOf(payload)), "an envelope came in an old conversation");
  }
}

describe("a state that was put back", () => {
  it("publishes nothing by itself, uses no hint again, and both sides go on in a new conversation", async (context) => {
    const pair = await Pair.meet(context);
    await until(() => pair.a.store.outboxCount() + pair.b.store.outboxCount() === 0, "quiet");
    // The bundles that B's later invites need come a little after the first messages.
    await until(() => texts(pair.b, "message.delivered").length > 0, "b1 is acknowledged");
    await bundlesExchanged(pair);
    await pair.a.engine.createInvite({ uses: 3, expiresAtMs: Date.now() + 600_000 });
    await pair.copy("a");
    for (const text of ["a2", "a3", "a4"]) await pair.a.engine.send({ conversation: "c1", text });
    await received(pair.b, "a4");
    await pair.b.engine.send({ conversation: "c1", text: "b2" });
    await received(pair.a, "b2");
    await pair.a.engine.send({ conversation: "c1", text: "a5" });
    await received(pair.b, "a5");
    await pair.putBack("a");

    assert.deepEqual(
      rolledBack(pair.a).map(({ data }) => data),
      [{ cause: "older-than-counter" }],
    );
    assert.ok(pair.a.problems.some(({ fields }) => fields.event === "state.rolled-back"));
    assert.equal(pair.a.engine.conversations()[0]?.standing, "rolled-back");
    assert.deepEqual(
      (await pair.a.engine.people.invites()).map(({ state }) => state).toSorted(),
      ["revoked", "used"],
      "every link is void",
    );

    assert.deepEqual(pair.after, [], "nothing leaves by itself");

    const reply = await pair.a.engine.send({ conversation: "c1", text: "a6" });
    assert.notEqual(reply.conversation, "c1");
    await received(pair.b, "a6");
    const answer = await pair.b.engine.send({ conversation: "c1", text: "b3" });
    assert.notEqual(answer.conversation, "c1", "the peer follows");
    await received(pair.a, "b3");
    await pair.a.engine.send({ conversation: "c1", text: "a7" });
    await received(pair.b, "a7");
    checkHints(pair);
    assert.deepEqual(texts(pair.b), ["a1", "a2", "a3", "a4", "a5", "a6", "a7"]);
    // Its own past is the copy's: what was read since is read again where the old keys still can.
    assert.deepEqual(
      texts(pair.a).filter((text) => text !== "b2"),
      ["b1", "b3"],
    );
    await pair.restartA();
    assert.equal(rolledBack(pair.a).length, 1, "told once");
    await pair.a.engine.send({ conversation: "c1", text: "a8" });
    await received(pair.b, "a8");
    checkHints(pair);
    assert.deepEqual(
      pair.a.problems.filter(({ level }) => level === "error"),
      [],
    );
  });

  it("says of what was on its way that nobody knows, and sends none of it again", async (context) => {
    const pair = await Pair.meet(context);
    pair.network.setOnline(false);
    await pair.a.engine.send({ conversation: "c1", text: "queued" });
    await pair.copy("a");
    pair.network.setOnline(true);
    await received(pair.b, "queued");
    await pair.a.engine.send({ conversation: "c1", text: "later" });
    await received(pair.b, "later");
    await pair.putBack("a");
    const failed = await eventOf(
      pair.a.engine,
      ({ type, message }) => type === "message.failed" && textOf(message?.body ?? none) === "queued",
    );
    assert.match(String(failed.data["reason"]), /restored from an older copy/);
    assert.equal(pair.a.store.outboxCount(), 0);
    await pair.b.engine.send({ conversation: "c1", text: "anybody there?" });
    checkHints(pair);
    assert.deepEqual(texts(pair.b), ["a1", "queued", "later"]);
  });

  it("invites a peer anew that writes first, if its message can still be read", async (context) => {
    const pair = await Pair.meet(context);
    await bundlesExchanged(pair);
    await pair.copy("a");
    await pair.a.engine.createInvite({ uses: 1, expiresAtMs: Date.now() + 600_000 });
    await pair.putBack("a");
    await pair.b.engine.send({ conversation: "c1", text: "b2" });
    await received(pair.a, "b2");
    await until(() => pair.b.engine.conversations().length === 2, "a new conversation at the peer");
    await pair.b.engine.send({ conversation: "c1", text: "b3" });
    await received(pair.a, "b3");
    checkHints(pair);
  });

  it("asks for a new link where nothing that is known lets it invite, and works with one", async (context) => {
    const pair = await Pair.meet(context);
    // A's link served one invite, and the bundle for others follows 2 s after A's first message: the copy has none.
    pair.network.setOnline(false);
    await pair.copy("b");
    pair.network.setOnline(true);
    await pair.b.engine.send({ conversation: "c1", text: "b2" });
    await received(pair.a, "b2");
    await pair.putBack("b");
    await assert.rejects(pair.b.engine.send({ conversation: "c1", text: "b3" }), { code: "contact/link-needed" });
    assert.deepEqual(pair.after, []);
    const { link } = await pair.a.engine.createInvite({ uses: 1, expiresAtMs: Date.now() + 600_000 });
    await pair.b.engine.acceptInvite({ link });
    await pair.b.engine.send({ conversation: "c1", text: "b3" });
    await received(pair.a, "b3");
    checkHints(pair);
  });
});

/** Each has the other's multi-use bundle, so that either may invite anew. */
async function bundlesExchanged(pair: Pair): Promise<void> {
  const quietMs = 2_500;
  let [count, since] = [pair.network.archive.length, Date.now()];
  await until(() => {
    if (pair.network.archive.length !== count) [count, since] = [pair.network.archive.length, Date.now()];
    return Date.now() - since > quietMs;
  }, "nothing more is published");
}
