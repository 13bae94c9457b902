/** Messages by what became of them, and how long that took: counted from the event log as it grows. */
import { type Counter, Histogram, type Registry } from "prom-client";
import type { EventRow } from "../../engine/ports.ts";

const stateOf: ReadonlyMap<string, { readonly direction: "in" | "out"; readonly state: string }> = new Map([
  ["message.received", { direction: "in", state: "received" }],
  ["message.queued", { direction: "out", state: "queued" }],
  ["message.published", { direction: "out", state: "published" }],
  ["message.stored", { direction: "out", state: "stored" }],
  ["message.delivered", { direction: "out", state: "delivered" }],
  ["message.failed", { direction: "out", state: "failed" }],
]);

/** A peer may be away for days. */
const latencyBuckets = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800, 3_600, 21_600, 86_400];

type MakeCounter = <Label extends string>(name: string, help: string, labels?: readonly Label[]) => Counter<Label>;

export class MessageMeter {
  readonly #total: Counter<"direction" | "state">;
  readonly #failed: Counter;
  readonly #latency: Histogram<"stage">;

  constructor(counter: MakeCounter, registers: Registry[]) {
    this.#total = counter("messages_total", "Messages that came to a state.", ["direction", "state"]);
    this.#failed = counter("messages_failed_total", "Messages that were given up: somebody has to send them anew.");
    this.#latency = new Histogram({
      name: "umbrad_message_latency_seconds",
      help: "From taking a message for sending to each state.",
      labelNames: ["stage"],
      buckets: latencyBuckets,
      registers,
    });
    for (const labels of stateOf.values()) this.#total.inc(labels, 0);
  }

  count(events: readonly EventRow[]): void {
    for (const { type, message, atMs } of events) {
      const labels = stateOf.get(type);
      if (labels === undefined) continue;
      const { direction, state } = labels;
      this.#total.inc({ direction, state });
      if (state === "failed") this.#failed.inc();
      const isStage = direction === "out" && state !== "queued" && state !== "failed";
      if (isStage && message !== undefined)
        this.#latency.observe({ stage: state }, Math.max(0, atMs - message.timestampMs) / 1000);
    }
  }
}
