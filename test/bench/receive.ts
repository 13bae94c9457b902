/**
 * Envelopes a second from bytes in (`onMessage`) to durable commit, in one process, on a sealed store with
 * synchronous=FULL: one conversation alone, and 64 at once, where turns share an fsync. Messages come from a real sending
 * node and are prepared before the clock starts. Beside it the price of the cryptography alone: `step` of the same
 * envelopes, which is pure, in memory. The ratios do not depend on the machine.
 */
import { closeSync, fsyncSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EngineMeter } from "../../src/admin/metrics/engine-meter.ts";
import { inboxV1 } from "../../src/conversation/inbox-v1/inbox-v1.ts";
import { privateV1 } from "../../src/conversation/private-v1/private-v1.ts";
import { utf8 } from "../../src/crypto/bytes.ts";
import { systemClock } from "../../src/daemon/clock.ts";
import { createEngine, type Engine } from "../../src/engine/engine.ts";
import { initialiseState } from "../../src/engine/initialise.ts";
import type { IncomingMessage, Log, Store } from "../../src/engine/ports.ts";
import { Router } from "../../src/engine/routing/router.ts";
import { createStore } from "../../src/sqlite/open.ts";
import { decodeEnvelope } from "../../src/wire/envelope.ts";
import { faultyStore } from "../engine/probe/faulty-store.ts";
import { HeldTransport } from "./bench-network.ts";
import { interleave, median, nowMs, printTable, spread } from "./measure.ts";

const CONVERSATIONS = 64;
const ROUNDS = 8;
/** Below the 128 numbers that a chain has before the peer must have answered. */
const BURST = 100;
const BURST_EACH = 16;
const TEXT = "x".repeat(200);

interface BenchNode {
  readonly engine: Engine;
  readonly store: Store;
  readonly transport: HeldTransport;
  /** Transactions since the last call: each is one fsync. */
  takeCommits(): number;
}

interface Sample {
  readonly envelopes: number;
  readonly wallMs: number;
  readonly cpuMs: number;
  readonly stepMs: number;
  readonly commits: number;
}

const quiet: Log = { debug() {}, info() {}, warn: console.error, error: console.error };

export async function benchReceive(): Promise<void> {
  await betweenTwo(quiet, async ({ one, all, directory }) => {
    const results = await interleave(
      new Map([
        ["1", one],
        ["64", all],
      ]),
      ROUNDS,
    );
    report(results, fsyncCost(directory));
  });
}

/** One burst, of one conversation or of 64 at once. */
interface Bursts {
  one(): Promise<Sample>;
  all(): Promise<Sample>;
  readonly directory: string;
}

/** Two nodes that know each other; `log` is that of the receiver. */
export async function betweenTwo(log: Log, run: (bursts: Bursts) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "umbrad-bench-"));
  const receiver = await startNode(join(directory, "receiver"), log);
  // One each: of several conversations with one peer only the newest is written to (profile 8.7).
  const senders: BenchNode[] = [];
  try {
    for (let count = 0; count < CONVERSATIONS; count += 1) {
      const sender = await startNode(join(directory, `sender ${count}`), quiet, false);
      senders.push(sender);
      await meet(sender, receiver);
    }
    await run({
      one: () => sample(senders.slice(0, 1), receiver, BURST),
      all: () => sample(senders, receiver, BURST_EACH),
      directory,
    });
  } finally {
    for (const node of [...senders, receiver]) {
      await node.engine.stop(1_000);
      node.store.close();
    }
    rmSync(directory, { recursive: true, force: true });
  }
}

function report(results: ReadonlyMap<string, readonly Sample[]>, fsyncMs: number): void {
  const rates = new Map<string, number>();
  const rows = [...results].map(([name, samples]) => {
    // The first rounds warm the compiler.
    const kept = samples.slice(2);
    const rate = kept.map(({ envelopes, wallMs }) => (envelopes / wallMs) * 1_000);
    rates.set(name, median(rate));
    const each = (pick: (sample: Sample) => number) => kept.map((one) => pick(one) / one.envelopes);
    const cpu = each(({ cpuMs }) => cpuMs * 1_000);
    const step = each(({ stepMs }) => stepMs * 1_000);
    return [
      name,
      spread(rate),
      spread(cpu),
      median(step).toFixed(0),
      (median(cpu) / median(step)).toFixed(2),
      spread(
        each(({ commits }) => commits),
        3,
      ),
      (median(rate) * (fsyncMs / 1_000)).toFixed(2),
    ];
  });
  printTable(
    [
      "conversations",
      "envelopes/s",
      "CPU us each",
      "step CPU us",
      "CPU/step",
      "commits each",
      "envelopes per fsync time",
    ],
    rows,
  );
  const gain = (rates.get("64") ?? 0) / (rates.get("1") ?? 1);
  console.log(`64 conversations take ${gain.toFixed(2)} times as many envelopes a second as one.`);
  console.log(`An fsync of 4 KiB on this disk takes ${fsyncMs.toFixed(2)} ms (median).`);
}

async function startNode(stateDir: string, log: Log, isSealed = true): Promise<BenchNode> {
  const passphrase = utf8("a passphrase of the bench");
  const seal = isSealed ? ({ kind: "passphrase", passphrase } as const) : ({ kind: "plaintext" } as const);
  const real = await createStore({ stateDir, seal, random: (length) => systemClock.random(length) });
  initialiseState({ store: real, clock: systemClock, inbox: inboxV1 });
  const faults = faultyStore(real);
  const writes = new Set(["commit", "commitAll", "outboxDone", "outboxRetry", "park", "saveCursor"]);
  let commits = 0;
  faults.after = ({ method }) => {
    if (writes.has(method)) commits += 1;
  };
  const transport = new HeldTransport();
  const types = [inboxV1, privateV1];
  // As the daemon measures.
  const meter = new EngineMeter([]);
  const engine = createEngine({ store: faults.store, transport, clock: systemClock, log, types, canary: "off", meter });
  await engine.start();
  const takeCommits = () => {
    const taken = commits;
    commits = 0;
    return taken;
  };
  return { engine, store: real, transport, takeCommits };
}

/** A private conversation, answered, so that a whole chain may be sent. */
async function meet(sender: BenchNode, receiver: BenchNode): Promise<void> {
  const { link } = await receiver.engine.createInvite({ uses: 1, expiresAtMs: Date.now() + 600_000 });
  await sender.engine.acceptInvite({ link, text: "hello" });
  await settle([sender], receiver);
}

/** The only conversation of a sender. */
const CONVERSATION = "c1";

/** Carries both ways until everything the senders said is acknowledged. */
async function settle(senders: readonly BenchNode[], receiver: BenchNode): Promise<void> {
  const isOpen = ({ engine, store }: BenchNode) =>
    store.outboxCount() > 0 ||
    engine
      .messages({ conversation: CONVERSATION, limit: BURST })
      .some(({ direction, state }) => direction === "out" && state !== "delivered");
  do {
    for (const sender of senders) for (const message of sender.transport.take()) receiver.transport.deliver(message);
    // To everybody on the topic, as a service node does.
    for (const message of receiver.transport.take()) for (const sender of senders) sender.transport.deliver(message);
    await pause();
  } while (senders.some(isOpen) || receiver.store.outboxCount() > 0);
}

async function sample(senders: readonly BenchNode[], receiver: BenchNode, each: number): Promise<Sample> {
  const { messages, stepMs } = await stepAlone(receiver, await prepare(senders, each));
  if (messages.length < senders.length * each) throw new Error(`only ${messages.length} envelopes are expected`);
  const { counters } = receiver.engine;
  const target = counters.get("envelope.accepted") + messages.length;
  receiver.takeCommits();
  const cpu = process.cpuUsage();
  const started = nowMs();
  for (const message of messages) receiver.transport.deliver(message);
  while (counters.get("envelope.accepted") < target) await new Promise((resolve) => setImmediate(resolve));
  const wallMs = nowMs() - started;
  const { user, system } = process.cpuUsage(cpu);
  const commits = receiver.takeCommits();
  await settle(senders, receiver);
  return { envelopes: messages.length, wallMs, cpuMs: (user + system) / 1_000, stepMs, commits };
}

/** Envelopes as they would arrive: the conversations take turns. */
async function prepare(senders: readonly BenchNode[], each: number): Promise<IncomingMessage[]> {
  const prepared: IncomingMessage[] = [];
  for (let count = 0; count < each; count += 1) {
    const text = `${count} ${TEXT}`;
    await Promise.all(senders.map(({ engine }) => engine.send({ conversation: CONVERSATION, text })));
    for (const { store, transport } of senders) {
      while (store.outboxCount() > 0) await pause();
      prepared.push(...transport.take());
    }
  }
  return prepared;
}

/** Decode, route and step of the same envelopes in memory: nothing is kept but which were accepted (a repeat is not). */
async function stepAlone(
  receiver: BenchNode,
  prepared: readonly IncomingMessage[],
): Promise<{ readonly messages: readonly IncomingMessage[]; readonly stepMs: number }> {
  const router = new Router();
  const states = new Map<number, Parameters<typeof privateV1.step>[0]>();
  for (const stored of receiver.store.conversations()) {
    if (stored.type !== privateV1.name) continue;
    const state = privateV1.state.decode(stored.state);
    states.set(stored.number, state);
    router.apply({ conversation: stored.number, type: privateV1, before: undefined, after: state });
  }
  const messages: IncomingMessage[] = [];
  const before = process.cpuUsage();
  for (const message of prepared) {
    const decoded = decodeEnvelope(message.payload);
    const route = decoded.kind === "readable" ? router.route(decoded.value) : undefined;
    if (decoded.kind !== "readable" || route === undefined) continue;
    const { conversation, ref } = route;
    const state = states.get(conversation) as Parameters<typeof privateV1.step>[0];
    const random = (length: number) => systemClock.random(length);
    const input = { kind: "envelope", envelope: decoded.value, ref } as const;
    const context = { now: Date.now(), random, records: new Map<string, Uint8Array | undefined>() };
    let transition = await privateV1.step(state, input, context);
    while (transition.kind === "lacks") {
      const found = receiver.store.records(conversation, transition.keys);
      for (const key of transition.keys) context.records.set(key, found.get(key));
      transition = await privateV1.step(state, input, context);
    }
    if (transition.kind !== "accept") continue;
    messages.push(message);
    states.set(conversation, transition.state);
    router.apply({ conversation, type: privateV1, before: state, after: transition.state });
  }
  const { user, system } = process.cpuUsage(before);
  return { messages, stepMs: (user + system) / 1_000 };
}

function fsyncCost(directory: string): number {
  const file = openSync(join(directory, "fsync"), "w");
  const costs = Array.from({ length: 40 }, () => {
    writeSync(file, new Uint8Array(4_096));
    const started = nowMs();
    fsyncSync(file);
    return nowMs() - started;
  });
  closeSync(file);
  return median(costs);
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 2));
}
