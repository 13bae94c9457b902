/**
 * Goal: whenever the process dies, no accepted message is lost, none is delivered twice, events have no gaps, and no ratchet
 * number ever carries two plaintexts.
 * Method: two nodes with the real types and SQLite files converse while they die at random points of their turns; each is
 * started again on its files by an engine that knows nothing else. Callers repeat what was not answered, with its key.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { systemClock } from "../../../src/daemon/clock.ts";
import { textOf } from "../../../src/wire/content-frame.ts";
import { decodeEnvelope } from "../../../src/wire/envelope.ts";
import { createNetwork, type InProcessNetwork } from "../../support/engine/in-process-transport.ts";
import { removeDir, scratchDir, until } from "../../support/engine/test-node.ts";
import { type CrashPoint, createIdentity, type MortalNode, startMortal } from "./mortal-node.ts";

type Side = 0 | 1;
type Step =
  | { readonly kind: "send"; readonly from: Side; readonly burst: number }
  | { readonly kind: "crash"; readonly at: Side; readonly point: CrashPoint; readonly skip: number }
  | { readonly kind: "kill"; readonly at: Side };

const side = fc.constantFrom<Side>(0, 1);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant("send" as const), from: side, burst: fc.integer({ min: 1, max: 4 }) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("crash" as const),
      at: side,
      point: fc.constantFrom<CrashPoint>("before-commit", "after-commit", "before-mark"),
      skip: fc.nat(3),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("kill" as const), at: side }) },
);

describe("crash", () => {
  it("loses nothing, repeats nothing, and uses no key twice, wherever it happens", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 6, maxLength: 14 }), fc.nat(), async (steps, seed) => {
        const pair = await Pair.create(seed);
        try {
          await pair.meet();
          for (const each of steps) await pair.perform(each);
          await pair.check();
        } finally {
          await pair.dispose();
        }
      }),
      { numRuns: 12, endOnFailure: true },
    );
  });
});

/** Two nodes that are started again as often as they die. */
class Pair {
  readonly #network: InProcessNetwork;
  readonly #directories = [scratchDir("crash-a"), scratchDir("crash-b")] as const;
  readonly #nodes: Promise<MortalNode>[] = [];
  readonly #sent: [string[], string[]] = [[], []];
  readonly #sending: Promise<void>[] = [];
  #isOver = false;

  private constructor(seed: number) {
    this.#network = createNetwork({ clock: systemClock, seed });
    this.#network.faults.delayMs = [0, 3];
  }

  static async create(seed: number): Promise<Pair> {
    const pair = new Pair(seed);
    for (const at of [0, 1] as const) {
      await createIdentity(pair.#directories[at]);
      pair.#nodes[at] = pair.#start(at);
    }
    return pair;
  }

  /** The inviting side may die while it reads the invite. */
  async meet(): Promise<void> {
    const inviter = await this.#node(0);
    const { link } = await inviter.engine.createInvite({ uses: 1, expiresAtMs: Date.now() + 60_000 });
    inviter.crashAt("before-commit", 0);
    await (await this.#node(1)).engine.acceptInvite({ link, text: "1: hello" });
    this.#sent[1].push("1: hello");
    await inviter.died;
    await until(() => this.#current[0]?.engine.conversations().length === 1, "the invite was read after the crash");
  }

  async perform(each: Step): Promise<void> {
    switch (each.kind) {
      case "send":
        for (let count = 0; count < each.burst; count += 1) {
          const text = `${each.from}: ${this.#sent[each.from].length}`;
          this.#sent[each.from].push(text);
          this.#sending.push(this.#send(each.from, text));
        }
        // Some bursts overlap with the next step, some do not: the network's delays decide.
        await this.#sending[0];
        return;
      case "crash":
        return (await this.#node(each.at)).crashAt(each.point, each.skip);
      case "kill":
        return this.#restart(each.at, await this.#node(each.at));
    }
  }

  async check(): Promise<void> {
    await Promise.all(this.#sending);
    for (const at of [0, 1] as const) {
      const expected = this.#sent[at === 0 ? 1 : 0];
      await until(() => this.#received(at).length >= expected.length, `all ${expected.length} messages arrived`);
    }
    await until(() => [0, 1].every((at) => this.#current[at]?.store.outboxCount() === 0), "outboxes are empty");
    for (const at of [0, 1] as const) {
      const other = at === 0 ? 1 : 0;
      assert.deepEqual(
        this.#received(at),
        this.#texts(other, "message.queued"),
        "once each, in the order of acceptance",
      );
      assert.deepEqual(this.#received(at).toSorted(), this.#sent[other].toSorted());
      const seqs = (await this.#node(at)).store.events({ after: 0, limit: 10_000 }).map(({ seq }) => seq);
      assert.deepEqual(
        seqs,
        seqs.map((_, index) => index + 1),
      );
    }
    this.#checkHints();
  }

  /** A hint names one message key: two envelopes under one hint are the same bytes. */
  #checkHints(): void {
    const byHint = new Map<string, Uint8Array>();
    for (const { payload } of this.#network.archive) {
      const decoded = decodeEnvelope(payload);
      assert.ok(decoded.kind === "readable");
      const { hint } = decoded.value;
      const first = byHint.get(hint);
      if (first === undefined) byHint.set(hint, payload);
      else assert.deepEqual(payload, first, "one ratchet number carries two plaintexts");
    }
  }

  async dispose(): Promise<void> {
    this.#isOver = true;
    for (const at of [0, 1] as const) await (await this.#node(at)).stop();
    for (const directory of this.#directories) removeDir(directory);
  }

  /** The caller's part: what was not answered is said again under its key. */
  async #send(at: Side, text: string): Promise<void> {
    for (;;) {
      const node = await this.#node(at);
      try {
        await node.engine.send({ conversation: "c1", text, key: text });
        return;
      } catch (error) {
        const isDead = await Promise.race([node.died.then(() => true), Promise.resolve(false)]);
        const isGone = (await this.#node(at)) !== node;
        if (!isDead && !isGone) throw error;
        if (!isGone) await this.#restarted(at, node);
      }
    }
  }

  readonly #current: (MortalNode | undefined)[] = [];

  #node(at: Side): Promise<MortalNode> {
    return this.#nodes[at] as Promise<MortalNode>;
  }

  async #start(at: Side): Promise<MortalNode> {
    const node = await startMortal(this.#directories[at], this.#network.transport(`node ${at}`));
    this.#current[at] = node;
    void node.died.then(() => this.#restart(at, node));
    return node;
  }

  async #restart(at: Side, node: MortalNode): Promise<void> {
    if (this.#isOver || this.#current[at] !== node) return;
    this.#current[at] = undefined;
    this.#nodes[at] = node.kill().then(() => this.#start(at));
    await this.#nodes[at];
  }

  async #restarted(at: Side, node: MortalNode): Promise<void> {
    await until(() => this.#current[at] !== undefined && this.#current[at] !== node, "the node was started again");
  }

  #received(at: Side): string[] {
    return this.#texts(at, "message.received");
  }

  #texts(at: Side, eventType: string): string[] {
    const events = this.#current[at]?.store.events({ after: 0, limit: 10_000 }) ?? [];
    return events.flatMap(({ type, message }) =>
      type === eventType && message !== undefined ? [textOf(message.body) ?? ""] : [],
    );
  }
}
