/**
 * One node over its many processes: starts and kills them, stands between them and the network, is their caller and their
 * consumer. Asserts what must hold of each event. Knows no schedule.
 */
import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Network } from "./network.ts";
import type { Command, FromProcess, Told, ToProcess, Wreck } from "./words.ts";

const script = fileURLToPath(new URL("./mortal-process.ts", import.meta.url));
/** Far more than a slow machine needs: only a hang exceeds it. */
const DEADLINE_MS = 60_000;

/** What a kill may be aimed at. */
export type Moment = "got" | "published" | "answered";

/** The process died before it answered. */
export class Died extends Error {}

interface Process {
  readonly child: ChildProcess;
  /** Resolves when it is dead and all it had said is heard. */
  readonly gone: Promise<unknown>;
  readonly asked: Map<number, PromiseWithResolvers<unknown>>;
  readonly got: Uint8Array[];
  readonly wreck: PromiseWithResolvers<Wreck>;
  readonly ready: PromiseWithResolvers<void>;
  /** Seq of the event that its consumer is to hear next. */
  next: number;
}

interface LifeOptions {
  readonly name: string;
  readonly stateDir: string;
  readonly network: Network;
  /** Where Node keeps the compiled code between starts. */
  readonly cacheDir: string;
}

/** Fills the cache of compiled code: only a process that ends by itself writes it. */
export async function compile(cacheDir: string): Promise<void> {
  const child = fork(script, [], { env: { ...process.env, NODE_COMPILE_CACHE: cacheDir } });
  await inTime("the first process", new Promise((resolve) => child.once("exit", resolve)));
}

export class Life {
  readonly name: string;
  /** All events, by seq - 1. */
  readonly events: Told[] = [];
  readonly faults: string[] = [];
  /** What the consumer's acknowledgement was answered for. */
  acked = 0;
  readonly #options: LifeOptions;
  readonly #moments = new Map<Moment, PromiseWithResolvers<void>>();
  #process: Process | undefined;
  #running = Promise.withResolvers<void>();
  #lastId = 0;

  constructor(options: LifeOptions) {
    this.name = options.name;
    this.#options = options;
  }

  /** Resolves when the engine runs. `key`: of the message whose sender waits; `got`: what had reached the last process. */
  async start(key?: string, got: readonly Uint8Array[] = []): Promise<Wreck> {
    const mine = this.#spawn();
    this.#process = mine;
    mine.child.on("message", (word: FromProcess) => this.#hear(mine, word));
    this.#tell(mine, { kind: "begin", key, got });
    await inTime(`${this.name} runs`, Promise.race([mine.ready.promise, mine.gone]));
    assert.ok(mine.child.connected, `${this.name} ended while it started`);
    this.#running.resolve();
    return mine.wreck.promise;
  }

  /** Resolves when all it had said is heard, with the envelopes that had reached it. */
  async kill(): Promise<readonly Uint8Array[]> {
    const mine = this.#process;
    assert.ok(mine !== undefined);
    this.#process = undefined;
    this.#running = Promise.withResolvers();
    mine.child.kill("SIGKILL");
    await inTime(`the end of ${this.name}`, mine.gone);
    assert.equal(mine.child.signalCode, "SIGKILL", `${this.name} ended by itself`);
    this.#options.network.leave(this.name);
    for (const { reject } of mine.asked.values()) reject(new Died());
    return mine.got;
  }

  async end(): Promise<void> {
    if (this.#process !== undefined) await this.kill();
  }

  /** Resolves while a process runs, or when the next one does. */
  running(): Promise<void> {
    return this.#running.promise;
  }

  /** Resolves when it happens the next time. */
  next(moment: Moment): Promise<void> {
    const known = this.#moments.get(moment) ?? Promise.withResolvers<void>();
    this.#moments.set(moment, known);
    return known.promise;
  }

  /** Rejects with `Died` when the process dies first. */
  async ask<Reply>(command: Command): Promise<Reply> {
    const mine = this.#process;
    if (mine === undefined) throw new Died();
    const id = ++this.#lastId;
    const asked = Promise.withResolvers<unknown>();
    mine.asked.set(id, asked);
    this.#tell(mine, { kind: "command", id, command });
    return (await asked.promise) as Reply;
  }

  #spawn(): Process {
    const { stateDir, cacheDir } = this.#options;
    const child = fork(script, [stateDir], {
      env: { ...process.env, NODE_COMPILE_CACHE: cacheDir },
      serialization: "advanced",
    });
    const exit = new Promise((resolve) => child.once("exit", resolve));
    const silence = new Promise((resolve) => child.once("disconnect", resolve));
    return {
      child,
      gone: Promise.all([exit, silence]),
      asked: new Map(),
      got: [],
      wreck: Promise.withResolvers(),
      ready: Promise.withResolvers(),
      next: 0,
    };
  }

  #tell({ child }: Process, word: ToProcess): void {
    // It may be dead already: its death is heard of another way.
    if (child.connected) child.send(word, () => {});
  }

  #hear(mine: Process, word: FromProcess): void {
    const { network } = this.#options;
    switch (word.kind) {
      case "wreck":
        return mine.wreck.resolve(word.wreck);
      case "ready":
        assert.ok(word.after >= this.acked, `${this.name} forgot an acknowledgement`);
        mine.next = word.after + 1;
        return mine.ready.resolve();
      case "question":
        this.#tell(mine, { kind: "answer", id: word.id, answer: network.answer(word.question) });
        return word.question.op === "publish" ? this.#happened("published") : undefined;
      case "listen":
        return network.listen(this.name, word.topics, (message) => this.#tell(mine, { kind: "push", message }));
      case "got":
        mine.got.push(word.hash);
        return this.#happened("got");
      case "events":
        return this.#consume(mine, word.events);
      case "reply":
        return this.#answered(mine, word);
      case "fault":
        this.faults.push(word.text);
    }
  }

  #answered({ asked }: Process, { id, reply, error }: Extract<FromProcess, { kind: "reply" }>): void {
    const waiting = asked.get(id);
    asked.delete(id);
    if (error === undefined) waiting?.resolve(reply);
    else waiting?.reject(new Error(error));
    this.#happened("answered");
  }

  /** In order, none left out, none again after its acknowledgement; each batch is acknowledged. */
  #consume(mine: Process, events: readonly Told[]): void {
    for (const event of events) {
      const { seq } = event;
      assert.ok(seq > this.acked, `${this.name}: event ${seq} came again after ${this.acked} was acknowledged`);
      assert.equal(seq, mine.next, `${this.name}: events in order`);
      assert.ok(seq <= this.events.length + 1, `${this.name}: event ${this.events.length + 1} was left out`);
      if (seq <= this.events.length) assert.deepEqual(event, this.events[seq - 1], `${this.name}: an event changed`);
      this.events[seq - 1] = event;
      mine.next = seq + 1;
    }
    const seq = mine.next - 1;
    this.ask({ op: "acknowledge", seq }).then(
      () => {
        this.acked = Math.max(this.acked, seq);
      },
      (error: unknown) => {
        if (!(error instanceof Died)) this.faults.push(String(error));
      },
    );
  }

  #happened(moment: Moment): void {
    this.#moments.get(moment)?.resolve();
    this.#moments.delete(moment);
  }
}

export async function inTime<Result>(
  what: string,
  promise: Promise<Result>,
  limitMs: number = DEADLINE_MS,
): Promise<Result> {
  const deadline = Promise.withResolvers<never>();
  const timer = setTimeout(() => deadline.reject(new Error(`not within ${limitMs} ms: ${what}`)), limitMs);
  try {
    return await Promise.race([promise, deadline.promise]);
  } finally {
    clearTimeout(timer);
  }
}
