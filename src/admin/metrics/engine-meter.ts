/** Times that the engine measures in itself, as histograms. */
import { Histogram, type Registry } from "prom-client";
import type { Meter } from "../../engine/ports.ts";

/** From a hash-map probe to a conversation with thousands of skipped keys. */
const fineBuckets = [
  0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5,
];
/** Past ten seconds a canary counts as lost. */
const canaryBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

export class EngineMeter implements Meter {
  readonly #route: Histogram;
  readonly #step: Histogram;
  readonly #canary: Histogram;

  constructor(registers: Registry[]) {
    const histogram = (name: string, help: string, buckets: number[]) =>
      new Histogram({ name: `umbrad_${name}`, help, buckets, registers });
    this.#route = histogram("envelope_route_seconds", "From an envelope's bytes to its conversation.", fineBuckets);
    const step = "Decryption of one envelope and what its conversation makes of it, without the database.";
    this.#step = histogram("envelope_step_seconds", step, fineBuckets);
    this.#canary = histogram("waku_canary_rtt_seconds", "There and back of canaries that came back.", canaryBuckets);
  }

  time(): number {
    return performance.now();
  }

  routed(ms: number): void {
    this.#route.observe(ms / 1000);
  }

  stepped(ms: number): void {
    this.#step.observe(ms / 1000);
  }

  returned(ms: number): void {
    this.#canary.observe(ms / 1000);
  }
}
