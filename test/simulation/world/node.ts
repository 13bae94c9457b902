/**
 * One daemon of a simulation: the real engine and conversation types on the real SQLite tables. It can die at a chosen
 * instant of its work; then none of its timers runs, nothing it is told arrives and every call of its store fails, and the
 * next engine starts on what was committed.
 */
import { inboxV1 } from "../../../src/conversation/inbox-v1/inbox-v1.ts";
import { privateV1 } from "../../../src/conversation/private-v1/private-v1.ts";
import { createEngine, type Engine } from "../../../src/engine/engine.ts";
import { initialiseState } from "../../../src/engine/initialise.ts";
import type { EngineOptions } from "../../../src/engine/port/engine-options.ts";
import type {
  Clock,
  IncomingMessage,
  Log,
  LogFields,
  Store,
  Transport,
  TransportEvents,
  TurnCommit,
} from "../../../src/engine/ports.ts";
import type { ContentTopic } from "../../../src/wire/ids.ts";
import { faultyStore } from "../../engine/probe/faulty-store.ts";
import { type MemoryDisk, memoryDisk } from "../../sqlite/memory-store.ts";
import type { InProcessNetwork, InProcessTransport } from "../../support/engine/in-process-transport.ts";
import { Chance } from "./chance.ts";
import type { VirtualClock } from "./virtual-clock.ts";

/** Where in a turn's life the power goes: before its commit, after it, or after publishing and before recording that. */
export type CrashPoint = "before-commit" | "after-commit" | "before-mark";
export const crashPoints: readonly CrashPoint[] = ["before-commit", "after-commit", "before-mark"];

/** What somebody who watches all nodes gets to know. */
export interface NodeWatch {
  onPublish(node: SimNode, topic: ContentTopic, payload: Uint8Array): void;
  onCommit(node: SimNode, turns: readonly TurnCommit[]): void;
  onError(node: SimNode, fields: LogFields, message: string): void;
  onDeath(node: SimNode): void;
}

/** From a start to a stop or a death. */
export interface Life {
  readonly engine: Engine;
  /** The real store, for looking at. */
  readonly store: Store;
  readonly transport: InProcessTransport;
  readonly isOver: boolean;
  /** Resolves when it is over. */
  readonly ended: Promise<void>;
}

export interface SimNodeOptions {
  readonly index: number;
  readonly seed: number;
  readonly clock: VirtualClock;
  readonly network: InProcessNetwork;
  readonly watch: NodeWatch;
  readonly engine: Partial<EngineOptions>;
  /** How far its clock is off. */
  readonly skewMs: number;
}

export class SimNode {
  readonly index: number;
  readonly address: string;
  readonly #options: SimNodeOptions;
  readonly #chance: Chance;
  readonly #disk: MemoryDisk;
  #life: NodeLife | undefined;
  #waiting: ((life: Life) => void)[] = [];
  starts = 0;

  constructor(options: SimNodeOptions) {
    this.#options = options;
    this.index = options.index;
    this.#chance = new Chance(options.seed, `node ${options.index}`);
    const random = (length: number) => this.#chance.bytes(length);
    this.#disk = memoryDisk(random);
    const clock = { ...deadClock, now: () => this.now(), steady: () => this.now(), random };
    this.address = initialiseState({ store: this.#disk.open(), clock, inbox: inboxV1 });
  }

  now(): number {
    return this.#options.clock.now() + this.#options.skewMs;
  }

  /** undefined while it is down. */
  get life(): Life | undefined {
    return this.#life;
  }

  /** The present life, or the next one. */
  alive(): Promise<Life> {
    if (this.#life !== undefined) return Promise.resolve(this.#life);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  async start(): Promise<void> {
    const { network, clock, watch, engine } = this.#options;
    this.starts += 1;
    const life = new NodeLife(this, {
      store: this.#disk.open(),
      transport: network.transport(`node ${this.index}, life ${this.starts}`),
      after: (delayMs, run) => clock.after(delayMs, run),
      random: (length) => this.#chance.bytes(length),
      watch,
      engine,
      onDeath: () => {
        this.#life = undefined;
        watch.onDeath(this);
      },
    });
    this.#life = life;
    await life.engine.start();
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve(life);
  }

  /** Dies at the `skip`-th passage of the point from now on. */
  crashAt(point: CrashPoint, skip: number): void {
    this.#life?.crashAt(point, skip);
  }

  kill(): void {
    this.#life?.die();
  }

  /** Nothing planned happens any more. */
  spare(): void {
    this.#life?.crashAt("before-commit", Number.POSITIVE_INFINITY);
  }

  /** An orderly end; the next engine starts with `start`. */
  async stop(): Promise<void> {
    const life = this.#life;
    if (life === undefined) return;
    await life.engine.stop(2_000);
    if (this.#life === life) this.#life = undefined;
    life.end();
  }

  /** Hands it bytes as a service node would. */
  deliver(message: IncomingMessage): void {
    this.#life?.deliver(message);
  }

  dispose(): void {
    this.kill();
    this.#disk.dispose();
  }
}

interface LifeOptions extends Pick<SimNodeOptions, "watch" | "engine"> {
  readonly store: Store;
  readonly transport: InProcessTransport;
  readonly onDeath: () => void;
  readonly after: Clock["after"];
  readonly random: Clock["random"];
}

class NodeLife implements Life {
  readonly engine: Engine;
  readonly store: Store;
  readonly transport: InProcessTransport;
  readonly ended: Promise<void>;
  isOver = false;
  readonly #node: SimNode;
  readonly #options: LifeOptions;
  #plan: { readonly point: CrashPoint; skip: number } | undefined;
  #events: TransportEvents | undefined;
  #announce: () => void = () => {};

  constructor(node: SimNode, options: LifeOptions) {
    this.#node = node;
    this.#options = options;
    this.store = options.store;
    this.transport = options.transport;
    this.ended = new Promise((resolve) => {
      this.#announce = resolve;
    });
    this.engine = createEngine({
      store: this.#mortalStore(),
      transport: this.#watchedTransport(),
      clock: this.#mortalClock(),
      log: this.#log(),
      types: [inboxV1, privateV1],
      ...options.engine,
    });
  }

  crashAt(point: CrashPoint, skip: number): void {
    this.#plan = { point, skip };
  }

  die(): void {
    if (this.isOver) return;
    this.end();
    void this.transport.stop();
    this.#options.onDeath();
  }

  end(): void {
    this.isOver = true;
    this.#announce();
  }

  deliver(message: IncomingMessage): void {
    this.#events?.onMessage(message);
  }

  #passes(point: CrashPoint): boolean {
    if (this.#plan?.point !== point) return false;
    this.#plan.skip -= 1;
    return this.#plan.skip < 0;
  }

  #mortalStore(): Store {
    const faults = faultyStore(this.store);
    const gone = (): never => {
      throw new Error("the process is gone");
    };
    const dieHere = (): never => {
      this.die();
      return gone();
    };
    faults.before = ({ method }) => {
      if (this.isOver) gone();
      if (method === "commitAll" && this.#passes("before-commit")) dieHere();
      if (method === "outboxDone" && this.#passes("before-mark")) dieHere();
    };
    faults.after = ({ method, args }) => {
      const [first] = args;
      if (method === "commit") this.#options.watch.onCommit(this.#node, [first as TurnCommit]);
      if (method !== "commitAll") return;
      this.#options.watch.onCommit(this.#node, first as readonly TurnCommit[]);
      if (this.#passes("after-commit")) dieHere();
    };
    return faults.store;
  }

  #mortalClock(): Clock {
    return {
      now: () => this.#node.now(),
      // A clock that is wrong, and that nobody sets.
      steady: () => this.#node.now(),
      random: (length) => this.#options.random(length),
      after: (delayMs, run) => {
        if (this.isOver) return () => {};
        return this.#options.after(delayMs, () => {
          if (!this.isOver) run();
        });
      },
    };
  }

  #watchedTransport(): Transport {
    const { transport, watch } = this.#options;
    const whileAlive =
      <Args extends readonly unknown[]>(call: (...args: Args) => void) =>
      (...args: Args): void => {
        if (!this.isOver) call(...args);
      };
    return {
      start: (events) => {
        this.#events = {
          onMessage: whileAlive((message) => events.onMessage(message)),
          onListening: whileAlive((topics) => events.onListening(topics)),
          onStatus: whileAlive((status) => events.onStatus(status)),
        };
        return transport.start(this.#events);
      },
      publish: (message, signal) => {
        if (!this.isOver) watch.onPublish(this.#node, message.topic, message.payload);
        return transport.publish(message, signal);
      },
      listen: (topics) => transport.listen(topics),
      history: (query, signal) => transport.history(query, signal),
      confirm: (hashes, signal) => transport.confirm(hashes, signal),
      renew: (node) => transport.renew(node),
      subscribedAt: (topic) => transport.subscribedAt(topic),
      status: () => transport.status(),
      stop: () => transport.stop(),
    };
  }

  #log(): Log {
    return {
      debug: () => {},
      info: () => {},
      warn: () => {},
      error: (fields, message) => {
        // What a dying process still says is said to nobody.
        if (!this.isOver) this.#options.watch.onError(this.#node, fields, message);
      },
    };
  }
}

const deadClock: Pick<Clock, "after"> = { after: () => () => {} };
