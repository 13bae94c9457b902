/**
 * What Prometheus reads at `/metrics`. Every label has a closed set of values (or names of the operator: consumers), so no
 * stranger makes a series. Gauges are read when somebody asks; counters and times are told by whoever sees them happen.
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { EngineApi } from "../../engine/api.ts";
import type { PublishResult } from "../../engine/ports.ts";
import { defineEngineGauges, type Snapshot, snapshotOf } from "./engine-gauges.ts";
import { EngineMeter } from "./engine-meter.ts";
import { MessageMeter } from "./message-meter.ts";
import { type LineCounts, UpkeepMeter } from "./upkeep-meter.ts";

/** Sizes on disk; undefined where it cannot be read. */
export interface StorageSizes {
  readonly databaseBytes: number | undefined;
  readonly walBytes: number | undefined;
  readonly freeBytes: number | undefined;
}

export interface MetricsDeps {
  readonly version: string;
  readonly now: () => number;
  readonly engine: () => EngineApi | undefined;
  readonly storage: () => StorageSizes;
  /** Lines that the log has written. */
  readonly lines: () => LineCounts;
  /** With those of the process: event loop, heap, CPU, file descriptors. */
  readonly isProcess: boolean;
}

/** From a memory access to a minute: what a commit, a publish or a request may take. */
const secondsBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

export class Metrics {
  readonly #registry = new Registry();
  /** What the engine tells of its times. */
  readonly meter: EngineMeter;
  /** What happens to configuration, backups and disk. */
  readonly upkeep: UpkeepMeter;
  readonly #publishTotal: Counter<"result">;
  readonly #publishSeconds: Histogram;
  readonly #commitSeconds: Histogram;
  readonly #connections: Counter;
  readonly #requestsTotal: Counter<"method" | "code">;
  readonly #requestSeconds: Histogram<"method">;
  readonly #authFailures: Counter;
  readonly #clients: Gauge<"transport">;
  readonly #messages: MessageMeter;
  readonly #engine: () => EngineApi | undefined;
  #snapshot: Snapshot | undefined;
  #peers = 0;

  constructor(deps: MetricsDeps) {
    const registers = [this.#registry];
    if (deps.isProcess) collectDefaultMetrics({ register: this.#registry, prefix: "umbrad_" });
    const buckets = secondsBuckets;
    const counter = <Label extends string>(name: string, help: string, labelNames: readonly Label[] = []) =>
      new Counter<Label>({ name: `umbrad_${name}`, help, labelNames: [...labelNames], registers });
    const histogram = <Label extends string>(name: string, help: string, labelNames: readonly Label[] = []) =>
      new Histogram<Label>({ name: `umbrad_${name}`, help, labelNames: [...labelNames], buckets, registers });
    new Gauge({
      name: "umbrad_build_info",
      help: "1; what runs is in the labels.",
      labelNames: ["version", "node"],
      registers,
    }).set({ version: deps.version, node: process.versions.node }, 1);
    this.#publishTotal = counter("waku_publish_total", "Attempts to publish, canaries included.", ["result"]);
    this.#publishSeconds = histogram("waku_publish_seconds", "Until service nodes have answered a publish.");
    this.#commitSeconds = histogram("store_commit_seconds", "One transaction of the store with its fsync.");
    this.#connections = counter("waku_reconnects_total", "How often a service node was connected.");
    this.#requestsTotal = counter("api_requests_total", "Answers of the admin API.", ["method", "code"]);
    this.#requestSeconds = histogram("api_request_seconds", "From a request to the end of its answer.", ["method"]);
    this.#authFailures = counter("api_auth_failures_total", "Requests over TCP without a token that is in force.");
    this.#clients = new Gauge({
      name: "umbrad_api_clients",
      help: "Open connections to the admin API.",
      labelNames: ["transport"],
      registers,
    });
    for (const result of ["published", "refused", "unavailable"]) this.#publishTotal.inc({ result }, 0);
    this.#messages = new MessageMeter(counter, registers);
    this.meter = new EngineMeter(registers);
    this.upkeep = new UpkeepMeter(deps, registers);
    this.#engine = deps.engine;
    defineEngineGauges({ now: deps.now, storage: deps.storage, snapshot: () => this.#snapshot, registers });
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** In the text format of Prometheus. */
  text(): Promise<string> {
    this.#snapshot = snapshotOf(this.#engine());
    return this.#registry.metrics();
  }

  /** From now on the events of this engine are counted. */
  follow(engine: EngineApi): void {
    engine.onEvents((events) => this.#messages.count(events));
  }

  published({ kind }: PublishResult, seconds: number): void {
    this.#publishTotal.inc({ result: kind });
    this.#publishSeconds.observe(seconds);
  }

  committed(seconds: number): void {
    this.#commitSeconds.observe(seconds);
  }

  /** How many service nodes are connected now. */
  peers(count: number): void {
    if (count > this.#peers) this.#connections.inc(count - this.#peers);
    this.#peers = count;
  }

  /** `method` is the id of an endpoint, or "none". */
  answered(method: string, status: number, seconds: number): void {
    this.#requestsTotal.inc({ method, code: String(status) });
    this.#requestSeconds.observe({ method }, seconds);
    if (status === 401) this.#authFailures.inc();
  }

  clients(transport: "unix" | "tcp", count: number): void {
    this.#clients.set({ transport }, count);
  }
}
