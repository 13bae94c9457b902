/** What is read from the engine and the disk when somebody asks for metrics. */
import { Counter, Gauge, type Registry } from "prom-client";
import type { ConsumerView, EngineApi, EngineStatus, HealthCheck } from "../../engine/api.ts";
import { envelopeCounts } from "./envelope-counts.ts";
import type { MetricsDeps } from "./metrics.ts";

/** What all gauges of one reading are made of: asking the engine costs queries, so it is asked once. */
export interface Snapshot {
  readonly status: EngineStatus;
  readonly checks: readonly HealthCheck[];
  readonly consumers: readonly ConsumerView[];
  readonly counters: Readonly<Record<string, number>>;
  readonly contacts: { readonly accepted: number; readonly blocked: number; readonly asking: number };
  /** By type and standing. */
  readonly conversations: ReadonlyMap<string, number>;
  readonly eventsKept: number;
}

export function snapshotOf(engine: EngineApi | undefined): Snapshot | undefined {
  if (engine === undefined) return undefined;
  return {
    status: engine.status(),
    checks: engine.health(),
    consumers: engine.consumers.list(),
    counters: engine.counters.all(),
    contacts: contactCounts(engine),
    conversations: conversationCounts(engine),
    eventsKept: engine.lastSeq() - engine.consumers.beforeFirst(),
  };
}

function contactCounts({ people }: EngineApi): Snapshot["contacts"] {
  const contacts = people.contacts();
  const blocked = contacts.filter(({ isBlocked }) => isBlocked).length;
  return { accepted: contacts.length - blocked, blocked, asking: people.requests().length };
}

/** Both words are our own: a type names itself, a standing is one of four. */
function conversationCounts(engine: EngineApi): Snapshot["conversations"] {
  const counts = new Map<string, number>();
  for (const { type, standing } of engine.conversations()) {
    const key = `${type} ${standing}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}

interface GaugeDeps extends Pick<MetricsDeps, "now" | "storage"> {
  /** undefined without an engine. */
  readonly snapshot: () => Snapshot | undefined;
  readonly registers: Registry[];
}

const canaryStates: readonly EngineStatus["canary"]["state"][] = ["off", "waiting", "hearing", "deaf", "unsendable"];

export function defineEngineGauges(deps: GaugeDeps): void {
  defineHealth(deps);
  defineNetwork(deps);
  defineQueues(deps);
  defineEnvelopes(deps);
  defineStorage(deps);
}

/** A gauge of one number; absent while there is none to give. */
function gauge({ registers }: GaugeDeps, name: string, help: string, read: () => number | null | undefined): void {
  new Gauge({
    name: `umbrad_${name}`,
    help,
    registers,
    collect() {
      const value = read();
      // A gauge that was never set, or no more, must not look like a zero.
      if (value === null || value === undefined) this.remove();
      else this.set(value);
    },
  }).remove();
}

/** A gauge of several numbers by one label. */
function gauges(
  { registers }: GaugeDeps,
  name: string,
  help: string,
  label: string,
  read: () => Iterable<readonly [string, number]>,
): void {
  new Gauge({
    name: `umbrad_${name}`,
    help,
    labelNames: [label],
    registers,
    collect() {
      this.reset();
      for (const [key, value] of read()) this.set({ [label]: key }, value);
    },
  });
}

function defineHealth(deps: GaugeDeps): void {
  const { snapshot, now } = deps;
  gauge(deps, "live", "1 while the process answers.", () => 1);
  gauge(deps, "ready", "1 when the daemon does its work.", () => (snapshot()?.status.state === "ready" ? 1 : 0));
  gauges(deps, "check", "1 for each check of umbrad health that is in order.", "check", () =>
    (snapshot()?.checks ?? []).map(({ name, ok }) => [name, ok ? 1 : 0] as const),
  );
  let syncedAtMs: number | undefined;
  const gapSeconds = (): number | undefined => {
    const { status } = snapshot() ?? {};
    if (status === undefined) return undefined;
    if (status.synced) syncedAtMs = now();
    syncedAtMs ??= now();
    return (now() - syncedAtMs) / 1000;
  };
  gauge(deps, "sync_last_success_timestamp_seconds", "When history was last read to its end.", () => {
    const readAtMs = snapshot()?.checks.find(({ name }) => name === "history")?.data["readAtMs"];
    return typeof readAtMs === "number" ? readAtMs / 1000 : undefined;
  });
  gauge(deps, "sync_gap_seconds", "How long history has not been whole, as far as readers of metrics saw.", gapSeconds);
}

function defineNetwork(deps: GaugeDeps): void {
  const { snapshot, now } = deps;
  const status = (): EngineStatus | undefined => snapshot()?.status;
  const checkData = (check: HealthCheck["name"]) => snapshot()?.checks.find(({ name }) => name === check)?.data ?? {};
  gauge(deps, "waku_peers", "Connected service nodes.", () => status()?.network.peers);
  gauge(deps, "waku_configured_peers", "Configured service nodes.", () => status()?.network.configuredPeers);
  gauges(deps, "waku_protocol_peers", "Connected service nodes that offer a protocol.", "protocol", () =>
    Object.entries(status()?.network.offering ?? {}),
  );
  gauge(deps, "clock_skew_seconds", "How far the service nodes' clock is ahead of ours.", () => {
    const { secondsOff, kept } = checkData("clock");
    return typeof secondsOff === "number" && kept === true ? secondsOff : undefined;
  });
  gauges(deps, "waku_subscriptions", "Content topics that are wanted, and those that are held.", "state", () => {
    const data = checkData("subscriptions");
    return ["wanted", "held"].flatMap((state) => {
      const value = data[state];
      return typeof value === "number" ? [[state, value] as const] : [];
    });
  });
  gauges(deps, "waku_canary_state", "1 for the state of the canary.", "state", () => {
    const state = status()?.canary.state;
    return state === undefined ? [] : canaryStates.map((one) => [one, one === state ? 1 : 0] as const);
  });
  const canary = (): EngineStatus["canary"] | undefined => status()?.canary;
  gauge(deps, "waku_canary_last_received_timestamp_seconds", "When the last canary that came back had left.", () => {
    const ageMs = canary()?.ageMs ?? null;
    return ageMs === null ? null : (now() - ageMs) / 1000;
  });
}

function defineQueues(deps: GaugeDeps): void {
  const { snapshot } = deps;
  const status = (): EngineStatus | undefined => snapshot()?.status;
  new Gauge({
    name: "umbrad_conversations",
    help: "Open conversations, by their type and by whether they are accepted.",
    labelNames: ["kind", "state"],
    registers: deps.registers,
    collect() {
      this.reset();
      for (const [key, count] of snapshot()?.conversations ?? []) {
        const [kind = "", state = ""] = key.split(" ");
        this.set({ kind, state }, count);
      }
    },
  });
  gauges(deps, "contacts", "People, by what was decided about them.", "state", () =>
    Object.entries(snapshot()?.contacts ?? {}),
  );
  gauge(deps, "outbox_messages", "Envelopes that wait to be published.", () => status()?.outbox);
  gauge(deps, "outbox_oldest_age_seconds", "How long the oldest of them has waited.", () => {
    const oldestMs = snapshot()?.checks.find(({ name }) => name === "outbox")?.data["oldestMs"];
    if (oldestMs === undefined) return undefined;
    return typeof oldestMs === "number" ? oldestMs / 1000 : 0;
  });
  gauge(deps, "quarantine_messages", "Envelopes parked through our own fault.", () => status()?.parked);
  gauge(deps, "event_log_seq", "The number of the newest event.", () => status()?.lastSeq);
  gauge(deps, "event_log_events", "Events that are kept.", () => snapshot()?.eventsKept);
  gauges(deps, "event_consumer_lag", "Events that a consumer has not acknowledged.", "consumer", () =>
    (snapshot()?.consumers ?? []).map(({ name, behind }) => [name, behind] as const),
  );
}

function defineEnvelopes({ snapshot, registers }: GaugeDeps): void {
  const counts = () => envelopeCounts(snapshot()?.counters ?? {});
  const counter = (name: string, help: string, key: string): void => {
    new Counter({
      name: `umbrad_${name}`,
      help,
      registers,
      collect() {
        this.reset();
        this.inc(snapshot()?.counters[key] ?? 0);
      },
    });
  };
  counter("outbox_retries_total", "Attempts to publish that have to be repeated.", "outbox.retried");
  counter("sync_messages_recovered_total", "Envelopes of ours that history had and no push brought.", "sync.recovered");
  new Counter({
    name: "umbrad_envelopes_received_total",
    help: "Envelopes that came from the network.",
    registers,
    collect() {
      this.reset();
      this.inc(counts().received);
    },
  });
  new Counter({
    name: "umbrad_envelopes_accepted_total",
    help: "Envelopes that changed a conversation.",
    registers,
    collect() {
      this.reset();
      this.inc(counts().accepted);
    },
  });
  new Counter({
    name: "umbrad_envelopes_dropped_total",
    help: "Envelopes that changed nothing, by reason.",
    labelNames: ["reason"],
    registers,
    collect() {
      this.reset();
      for (const [reason, count] of counts().dropped) this.inc({ reason }, count);
    },
  });
}

function defineStorage(deps: GaugeDeps): void {
  const { storage, snapshot } = deps;
  gauge(deps, "backup_last_success_timestamp_seconds", "When the last backup of this state was verified.", () => {
    const atMs = snapshot()?.status.backedUpAtMs ?? null;
    return atMs === null ? null : atMs / 1000;
  });
  gauge(deps, "store_size_bytes", "The database file.", () => storage().databaseBytes);
  gauge(deps, "store_wal_bytes", "Its write-ahead log.", () => storage().walBytes);
  gauge(deps, "store_disk_free_bytes", "What the disk under it has left for us.", () => storage().freeBytes);
}
