// A service node with fault knobs and two daemons at it, all real processes, each daemon with a consumer that reads its
// event log: what faults did to the messages is judged by what the consumers were given. Knows no fault.
import assert from "node:assert/strict";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { connectAdmin } from "../../../src/admin/client.ts";
import type { EventView } from "../../../src/admin/event-view.ts";
import type { SentView } from "../../../src/admin/views.ts";
import type { FaultChange } from "../../../src/devnet/control.ts";
import { assertGapFree, assertNoErrors, connect, Party, ServiceNode } from "../stage/party.ts";
import { DEADLINE_MS, type Launched, Stage, until } from "../stage/processes.ts";

/** What `umbrad devnet status --json` says, as far as tests read it. */
export interface LaboratoryStatus {
  readonly archived: number;
  readonly subscribers: number;
  readonly struck: Readonly<Record<string, number>>;
}

/** A service node and the door to its knobs. */
export class FaultyNode extends ServiceNode {
  async change(change: FaultChange): Promise<void> {
    await this.#door().post("/v1/faults", change);
  }

  /** Everything off, then these. */
  async set(values: Readonly<Record<string, string>>, rest: FaultChange = {}): Promise<void> {
    const set = Object.entries(values).map(([name, value]) => ({ name, value }));
    await this.change({ reset: true, set, ...rest });
  }

  get peerId(): string {
    return this.multiaddr.slice(this.multiaddr.lastIndexOf("/") + 1);
  }

  /** Away without a word: its connections stay, and nothing comes over them. */
  freeze(): void {
    process.kill(this.running.pid, "SIGSTOP");
  }

  thaw(): void {
    process.kill(this.running.pid, "SIGCONT");
  }

  status(): Promise<LaboratoryStatus> {
    return this.#door().get<LaboratoryStatus>("/v1/status");
  }

  #door(): ReturnType<typeof connectAdmin> {
    const socketPath = join(this.stateDir, "faults.sock");
    return connectAdmin({ place: { socketPath }, timeoutMs: DEADLINE_MS, startHint: async () => "start it" });
  }
}

/** A daemon, the consumer behind it, and what it was told to send. */
export class Side extends Party {
  /** Texts in the order of sending. */
  readonly sent: string[] = [];
  readonly #listeners: Launched[] = [];
  readonly #consumers: Stage;

  constructor(stage: Stage, name: string, flags: readonly string[]) {
    super(stage, name, flags);
    this.#consumers = stage;
  }

  /**
   * Begins the consumer: a process of its own, that acknowledges each line it has printed. After a restart of the daemon
   * another process of the same consumer goes on where the first one ended.
   */
  listen(): void {
    const args = ["listen", "--consumer", "matrix", "--json", "--state-dir", this.stateDir];
    this.#listeners.push(this.#consumers.launch(`${this.name}'s consumer`, args));
  }

  /** All that the consumer was given so far. */
  given(): EventView[] {
    const events: EventView[] = [];
    for (const { output } of this.#listeners) {
      // A daemon that stops between a line and its acknowledgement gives that line again to the next process.
      const through = events.at(-1)?.seq ?? 0;
      const lines = output.lines.map((line) => JSON.parse(line) as EventView);
      events.push(...lines.filter(({ seq }) => seq > through));
    }
    return events;
  }

  /** The messages that the consumer was given. */
  got(): { readonly text: string; readonly conversation: string | null }[] {
    return this.given()
      .filter(({ type }) => type === "message.received")
      .map(({ data, conversation }) => ({ text: String(data["text"]), conversation }));
  }

  async say(text: string, conversation = "c1"): Promise<string> {
    this.sent.push(text);
    const { messageId } = await this.admin.post<SentView>("/v1/messages", { conversation, text });
    return messageId;
  }

  /** How many of its messages the peer has acknowledged. */
  delivered(): number {
    return this.given().filter(({ type }) => type === "message.delivered").length;
  }
}

/** How many service nodes each side is connected to. */
export async function connectedTo(sides: readonly Side[]): Promise<number[]> {
  return await Promise.all(sides.map(async (side) => (await side.status()).network.peers));
}

/** What stands between the sides. */
interface LaboratoryOptions {
  /** Two nodes are one network, or do not know each other. */
  readonly nodes?: "one" | "linked" | "unlinked";
  /** The addresses that a side is configured with, when they are not just those of all nodes. */
  readonly peersOf?: (name: string, addresses: readonly string[]) => readonly string[];
}

/** Two sides in a conversation. */
export class Laboratory {
  readonly stage: Stage;
  /** The first service node. */
  readonly node: FaultyNode;
  readonly nodes: readonly FaultyNode[];
  readonly alice: Side;
  readonly bob: Side;

  private constructor(stage: Stage, nodes: readonly FaultyNode[], [alice, bob]: readonly [Side, Side]) {
    const [node] = nodes;
    assert.ok(node);
    this.stage = stage;
    this.node = node;
    this.nodes = nodes;
    this.alice = alice;
    this.bob = bob;
  }

  /** Resolves when both have heard of each other. */
  static async open(t: TestContext, { nodes = "one", peersOf }: LaboratoryOptions = {}): Promise<Laboratory> {
    const stage = new Stage(t);
    const one = new FaultyNode(stage, "one");
    await one.start();
    const all = [one];
    if (nodes !== "one") {
      const two = new FaultyNode(stage, "two");
      await two.start(...(nodes === "linked" ? ["--peer", one.multiaddr] : []));
      all.push(two);
    }
    const addresses = all.map(({ multiaddr }) => multiaddr);
    const sides = ["alice", "bob"].map((name) => {
      const peers = peersOf?.(name, addresses) ?? addresses;
      return new Side(
        stage,
        name,
        peers.flatMap((peer) => ["--peer", peer]),
      );
    });
    const laboratory = new Laboratory(stage, all, sides as [Side, Side]);
    await laboratory.#begin();
    return laboratory;
  }

  get sides(): readonly [Side, Side] {
    return [this.alice, this.bob];
  }

  /** Messages both ways. */
  async talk(label: string, count: number): Promise<void> {
    for (let number = 1; number <= count; number += 1) {
      for (const side of this.sides) await side.say(`${label} ${side.name} ${number}`);
    }
  }

  /** Resolves when each side's consumer was given every message of the other, and its own were acknowledged. */
  async settled(what: string): Promise<void> {
    await until(what, () => {
      const { alice, bob } = this;
      const got = alice.got().length >= bob.sent.length && bob.got().length >= alice.sent.length;
      return (got && this.sides.every((side) => side.delivered() >= side.sent.length)) || undefined;
    });
  }

  /** What every test of faults is about: each message once, those of a conversation in order, events without a gap. */
  requireExactlyOnce(): void {
    for (const [from, to] of [
      [this.alice, this.bob],
      [this.bob, this.alice],
    ] as const) {
      const got = to.got();
      assert.deepEqual(
        got.map(({ text }) => text).sort(),
        from.sent.toSorted(),
        `what ${to.name}'s consumer was given`,
      );
      const inOrder = new Set(got.filter(({ conversation }) => conversation === "c1").map(({ text }) => text));
      assert.deepEqual(
        [...inOrder],
        from.sent.filter((text) => inOrder.has(text)),
      );
      assertGapFree(to.given());
      assert.equal(to.delivered(), to.sent.length, `${to.name}'s messages acknowledged once each`);
    }
  }

  async close(): Promise<void> {
    for (const side of this.sides) await side.stop();
    assertNoErrors(this.stage);
  }

  async #begin(): Promise<void> {
    for (const side of this.sides) await side.init();
    await Promise.all(this.sides.map((side) => side.start()));
    for (const side of this.sides) {
      await side.wait("synced");
      side.listen();
    }
    this.bob.sent.push("bob begins");
    await connect(this.alice, this.bob, "bob begins");
    await this.alice.say("alice begins");
    await this.settled("the first messages");
  }
}
