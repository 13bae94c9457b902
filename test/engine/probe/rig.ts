/** An engine with probe conversations on a real store, an in-process network and a clock that the test moves. */
import type { AnyConversationType } from "../../../src/conversation/contract.ts";
import { utf8 } from "../../../src/crypto/bytes.ts";
import { createEngine, type Engine } from "../../../src/engine/engine.ts";
import type { CanaryOptions } from "../../../src/engine/loops/canary/canary.ts";
import type { Meter } from "../../../src/engine/port/meter.ts";
import type {
  EventRow,
  IncomingMessage,
  Log,
  LogFields,
  Store,
  Transport,
  TransportEvents,
} from "../../../src/engine/ports.ts";
import type { QuotaRule } from "../../../src/engine/quota/quota.ts";
import type { IncomingLimits } from "../../../src/engine/routing/admission.ts";
import { textOf } from "../../../src/wire/content-frame.ts";
import { conversationWrite } from "../../conformance/store/store-rows.ts";
import { temporaryStore } from "../../sqlite/temporary-store.ts";
import {
  createNetwork,
  type InProcessNetwork,
  type InProcessTransport,
} from "../../support/engine/in-process-transport.ts";
import { type FaultyStore, faultyStore } from "./faulty-store.ts";
import { type ProbeState, probeEnvelope, probeState, probeTopic, probeType, type Script } from "./probe-type.ts";
import { SteppingClock } from "./stepping-clock.ts";

export interface LogLine {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly fields: LogFields;
}

export interface Rig {
  readonly clock: SteppingClock;
  readonly network: InProcessNetwork;
  readonly faults: FaultyStore;
  /** The real store, for looking at. */
  readonly store: Store;
  readonly stateDir: string;
  readonly engine: Engine;
  readonly transport: InProcessTransport;
  /** Somebody else on the network. */
  readonly stranger: InProcessTransport;
  readonly lines: readonly LogLine[];
  /** A push from the network, now. */
  deliver(message: IncomingMessage): void;
  /** Publishes an envelope for the probe `ident` as a stranger and lets it arrive. */
  push(ident: string, n: number, script: Script): Promise<void>;
  state(number: number): ProbeState;
  /** Texts of the events of one type, in order of seq. */
  texts(type: string): string[];
  /** Stops the engine, opens the file again and starts another one on it. */
  restart(types?: readonly AnyConversationType[]): Promise<Rig>;
  dispose(): Promise<void>;
}

/** Probes named `p0`, `p1`, … as conversations 0, 1, …: running, subscribed, history read. */
export async function createRig(
  idents: readonly string[] = ["p0"],
  canary: CanaryOptions | "off" = "off",
  quota?: QuotaRule,
  limits: IncomingLimits = {},
  meter?: Meter,
): Promise<Rig> {
  const clock = new SteppingClock();
  const files = await temporaryStore();
  for (const [number, ident] of idents.entries()) seed(files.store, number, ident, clock.now());
  const network = createNetwork({ clock });
  const stranger = network.transport("stranger");
  await stranger.start({ onMessage: () => {}, onListening: () => {}, onStatus: () => {} });
  return run({ clock, network, stranger, files, store: files.store, types: [probeType], canary, quota, limits, meter });
}

function seed(store: Store, number: number, ident: string, now: number): void {
  const state = probeType.state.encode(probeState(ident, { createdAtMs: now }));
  const conversationId = `/probe/v1/${ident}`;
  store.commit({
    atMs: now,
    conversations: [conversationWrite(number, { type: "probe/v1", state, conversationId, createdAtMs: now })],
  });
}

interface Parts {
  readonly clock: SteppingClock;
  readonly network: InProcessNetwork;
  readonly stranger: InProcessTransport;
  readonly files: Awaited<ReturnType<typeof temporaryStore>>;
  readonly store: Store;
  readonly types: readonly AnyConversationType[];
  readonly canary: CanaryOptions | "off";
  readonly quota: QuotaRule | undefined;
  readonly limits: IncomingLimits;
  readonly meter: Meter | undefined;
}

async function run(parts: Parts): Promise<Rig> {
  const { clock, network, stranger, files, store, types } = parts;
  const faults = faultyStore(store);
  const transport = network.transport("ours");
  const lines: LogLine[] = [];
  const tap = tapped(transport);
  const log = recorder(lines);
  const { canary, quota, limits, meter } = parts;
  const made = { store: faults.store, transport: tap, clock, log, types, canary, quota, limits, meter };
  const engine = createEngine(made);
  await engine.start();
  await clock.advance(1);
  const stop = async (): Promise<void> => {
    const stopped = engine.stop(1_000);
    await clock.settle();
    await stopped;
  };
  const texts = (type: string) =>
    store
      .events({ after: 0, limit: 100_000 })
      .filter((event) => event.type === type)
      .map(textOfEvent);
  return {
    clock,
    network,
    faults,
    store,
    stateDir: files.stateDir,
    engine,
    transport,
    stranger,
    lines,
    texts,
    deliver: (message) => tap.events?.onMessage(message),
    async push(ident, n, script) {
      await publish(stranger, ident, n, script);
      await clock.settle();
    },
    state: (number) => probeType.state.decode(store.conversation(number)?.state ?? utf8("{}")),
    async restart(nextTypes = types) {
      await stop();
      return run({ ...parts, types: nextTypes, store: await files.reopen() });
    },
    async dispose() {
      await stop();
      await stranger.stop();
      files.dispose();
    },
  };
}

/** The same transport; what it was told to call is kept. */
function tapped(transport: Transport): Transport & { events: TransportEvents | undefined } {
  return {
    events: undefined,
    start(events) {
      this.events = events;
      return transport.start(events);
    },
    listen: (topics) => transport.listen(topics),
    publish: (message, signal) => transport.publish(message, signal),
    history: (query, signal) => transport.history(query, signal),
    confirm: (hashes, signal) => transport.confirm(hashes, signal),
    renew: (node) => transport.renew(node),
    subscribedAt: (topic) => transport.subscribedAt(topic),
    status: () => transport.status(),
    stop: () => transport.stop(),
  };
}

/** Only sent: it arrives when the clock moves. */
export async function publish(from: InProcessTransport, ident: string, n: number, script: Script): Promise<void> {
  const payload = probeEnvelope(ident, n, script);
  void from.publish({ topic: probeTopic("all"), payload }, new AbortController().signal);
}

export function recorder(lines: LogLine[]): Log {
  const at = (level: LogLine["level"]) => (fields: LogFields) => void lines.push({ level, fields });
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

function textOfEvent({ message }: EventRow): string {
  return message === undefined ? "" : (textOf(message.body) ?? "");
}
