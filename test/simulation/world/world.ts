/**
 * Nodes, the network between them, and somebody who watches every envelope, commit and error. Knows what must hold at
 * every moment; what must hold in the end is in `agreement.ts`.
 */
import { createHash } from "node:crypto";
import type { Engine } from "../../../src/engine/engine.ts";
import { UmbradError } from "../../../src/engine/errors.ts";
import type { EngineOptions } from "../../../src/engine/port/engine-options.ts";
import type { LogFields, TurnCommit } from "../../../src/engine/ports.ts";
import { toNanoseconds, wakuMessageHash } from "../../../src/waku/message.ts";
import { decodeEnvelope } from "../../../src/wire/envelope.ts";
import type { ContentTopic } from "../../../src/wire/ids.ts";
import { createNetwork, type InProcessNetwork, pubsubTopic } from "../../support/engine/in-process-transport.ts";
import { Chance } from "./chance.ts";
import { type NodeWatch, SimNode } from "./node.ts";
import { settle, VirtualClock } from "./virtual-clock.ts";

/** What public networks let a node publish (profile 10.6). */
export const publicQuota = { publications: 100, windowMs: 600_000 };

/** What the network has carried. */
export interface Carried {
  readonly topic: ContentTopic;
  readonly payload: Uint8Array;
  readonly hint: string;
}

export class World implements NodeWatch {
  readonly seed: number;
  readonly clock = new VirtualClock();
  readonly chance: Chance;
  readonly network: InProcessNetwork;
  readonly nodes: SimNode[] = [];
  /** What did not hold. */
  readonly failures: string[] = [];
  /** One for each hint. */
  readonly carried: Carried[] = [];
  readonly #byHint = new Map<string, string>();
  /** By Waku message hash. */
  readonly #hintOf = new Map<string, string>();
  readonly #consumed = new Set<string>();
  readonly #trace = createHash("sha256");
  /** Conversations that are a talk of somebody. */
  readonly claimed = new Set<string>();
  readonly #actors = new Set<Promise<void>>();
  /** What every engine is told besides its ports; a canary a minute would be most of what happens. */
  engine: Partial<EngineOptions> = { canary: "off" };
  /** How long a node that died stays down. */
  downMs: () => number = () => 1_000;
  /** Envelopes that a service node was given, repetitions too. */
  published = 0;
  deaths = 0;
  commits = 0;

  constructor(seed: number) {
    this.seed = seed;
    this.chance = new Chance(seed, "world");
    this.network = createNetwork({ clock: { ...this.#networkClock() }, seed });
  }

  async addNode(skewMs = 0): Promise<SimNode> {
    const { seed, clock, network, engine } = this;
    const node = new SimNode({ index: this.nodes.length, seed, clock, network, engine, watch: this, skewMs });
    this.nodes.push(node);
    await node.start();
    return node;
  }

  fail(invariant: string, what: string): void {
    if (this.failures.length < 20) this.failures.push(`${invariant}: ${what}`);
  }

  // What nodes do.

  onPublish(node: SimNode, topic: ContentTopic, payload: Uint8Array): void {
    if ((node.life?.transport.status().peers ?? 0) > 0) this.published += 1;
    const digest = createHash("sha256").update(topic).update(payload).digest("base64");
    this.#note(`${node.index} publishes ${digest}`);
    const timestamp = toNanoseconds(this.clock.now());
    const hash = wakuMessageHash(pubsubTopic, { payload, contentTopic: topic, timestamp });
    const decoded = decodeEnvelope(payload);
    if (decoded.kind !== "readable") return this.fail("3", `node ${node.index} published what is no envelope`);
    const { hint } = decoded.value;
    this.#hintOf.set(hex(hash), hint);
    const before = this.#byHint.get(hint);
    if (before === undefined) {
      this.#byHint.set(hint, digest);
      this.carried.push({ topic, payload, hint });
    } else if (before !== digest) this.fail("3", `node ${node.index} used one ratchet position for two envelopes`);
  }

  onCommit(node: SimNode, turns: readonly TurnCommit[]): void {
    this.commits += 1;
    for (const { seenWakuHash } of turns) {
      const hint = seenWakuHash === undefined ? undefined : this.#hintOf.get(hex(seenWakuHash));
      if (hint !== undefined) this.#consumed.add(`${node.index} ${hint}`);
    }
  }

  onError(node: SimNode, fields: LogFields, message: string): void {
    const { err } = fields as { readonly err?: unknown };
    const cause = err instanceof Error ? `: ${err.stack}` : "";
    this.fail("6", `node ${node.index} logged ${fields.event} at error: ${message}${cause}`);
  }

  onDeath(node: SimNode): void {
    this.deaths += 1;
    this.#note(`${node.index} dies`);
    this.clock.after(this.downMs(), () => void node.start());
  }

  /** Whether the node has read the envelope with this hint. */
  hasConsumed(node: SimNode, hint: string): boolean {
    return this.#consumed.has(`${node.index} ${hint}`);
  }

  /** Equal for equal runs. */
  trace(): string {
    return this.#trace.copy().digest("hex").slice(0, 16);
  }

  // What people do.

  /** Somebody who acts by the clock. The world is busy until all are done. */
  act(actor: () => Promise<void>): void {
    const acting = actor()
      .catch((error: unknown) => this.fail("1", `a caller got ${describe(error)}`))
      .finally(() => this.#actors.delete(acting));
    this.#actors.add(acting);
  }

  get isBusy(): boolean {
    return this.#actors.size > 0;
  }

  pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.clock.after(ms, resolve));
  }

  /** A caller asks again when the node died before it answered, or answered that it cannot yet. */
  async ask<Answer>(node: SimNode, request: (engine: Engine) => Promise<Answer>): Promise<Answer> {
    for (;;) {
      const life = await node.alive();
      const answer = await Promise.race([
        request(life.engine).then(
          (value) => ({ value }),
          (error: unknown) => ({ error }),
        ),
        life.ended.then(() => undefined),
      ]);
      if (answer !== undefined && "value" in answer) return answer.value;
      if (answer !== undefined && !life.isOver && !isPassing(answer.error)) throw answer.error;
      await this.pause(life.isOver ? 1_000 : 20_000);
    }
  }

  // Rest.

  /** Nothing waits in any node, so nothing will ever happen again. */
  isQuiet(): boolean {
    return (
      !this.isBusy &&
      this.nodes.every(({ life }) => {
        if (life === undefined) return false;
        const { store } = life;
        return (
          store.timersDue(Number.MAX_SAFE_INTEGER, 1_000).every(({ name }) => housekeeping.test(name)) &&
          store.outboxCount() === 0 &&
          store.parkedCount() === 0 &&
          store.publicationsNextDueMs() === undefined
        );
      })
    );
  }

  /** Runs until it is quiet and stays so, or until then. */
  async runUntilQuiet(withinMs: number): Promise<boolean> {
    const endMs = this.clock.now() + withinMs;
    for (let pauseMs = 10_000; ; pauseMs = Math.min(pauseMs * 2, 600_000)) {
      await this.clock.runUntil(Math.min(endMs, this.clock.now() + pauseMs), () => this.failures.length > 0);
      if (this.failures.length > 0) return false;
      if (this.isQuiet()) {
        // What is still on the wire arrives.
        await this.clock.runUntil(this.clock.now() + 60_000);
        if (this.isQuiet()) return true;
      }
      if (this.clock.now() >= endMs) return false;
    }
  }

  async dispose(): Promise<void> {
    for (const node of this.nodes) node.kill();
    await settle();
    for (const node of this.nodes) node.dispose();
  }

  #note(what: string): void {
    this.#trace.update(`${this.clock.now()} ${what}\n`);
  }

  #networkClock() {
    const chance = new Chance(this.seed, "network");
    return {
      now: () => this.clock.now(),
      steady: () => this.clock.now(),
      random: (length: number) => chance.bytes(length),
      after: (delayMs: number, run: () => void) => this.clock.after(delayMs, run),
    };
  }
}

/** Timers of weeks that only forget: what waits for nothing else is quiet. */
const housekeeping = /^(?:expire\/|tidy\/|close$|forget-skipped$|forget-known$)/;

/** The node is on its way up or down, or the invite has not arrived. */
function isPassing(error: unknown): boolean {
  return error instanceof UmbradError && ["daemon/not-running", "conversation/unknown"].includes(error.code);
}

export function describe(error: unknown): string {
  if (error instanceof UmbradError) return `${error.code} (${error.message})`;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
