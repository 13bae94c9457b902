/** Messages and invite links by what became of them, and how long that took: counted from the event log as it grows. */
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

/** How our own reasons begin. Any other is the word of a service node that will never take the message. */
const failures: readonly (readonly [string, string])[] = [
  ["not acknowledged", "unacknowledged"],
  ["cancelled", "cancelled"],
  ["the conversation was closed", "closed"],
  ["too many files", "too-many"],
  ["its bytes are not in the database", "lost"],
  ["the state was restored", "restored"],
];

/** For the test that holds them against the sources. */
export const failureBeginnings: readonly string[] = failures.map(([beginning]) => beginning);

/** Every reason that `umbrad_messages_failed_total` may have. */
export const failureReasons: readonly string[] = [...failures.map(([, reason]) => reason), "refused"];

const inviteStates: ReadonlyMap<string, string> = new Map(
  ["created", "redeemed", "revoked", "expired"].map((state) => [`invite.${state}`, state]),
);

/** A peer may be away for days. */
const latencyBuckets = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800, 3_600, 21_600, 86_400];

type MakeCounter = <Label extends string>(name: string, help: string, labels?: readonly Label[]) => Counter<Label>;

export class MessageMeter {
  readonly #total: Counter<"direction" | "state">;
  readonly #failed: Counter<"reason">;
  readonly #invites: Counter<"state">;
  readonly #latency: Histogram<"stage">;

  constructor(counter: MakeCounter, registers: Registry[]) {
    this.#total = counter("messages_total", "Messages that came to a state.", ["direction", "state"]);
    const failed = "Messages that were given up, by reason: somebody has to send them anew.";
    this.#failed = counter("messages_failed_total", failed, ["reason"]);
    this.#invites = counter("invites_total", "Invite links that came to a state; redeemed: each use.", ["state"]);
    this.#latency = new Histogram({
      name: "umbrad_message_latency_seconds",
      help: "From taking a message for sending to each state.",
      labelNames: ["stage"],
      buckets: latencyBuckets,
      registers,
    });
    for (const labels of stateOf.values()) this.#total.inc(labels, 0);
    for (const reason of failureReasons) this.#failed.inc({ reason }, 0);
    for (const state of inviteStates.values()) this.#invites.inc({ state }, 0);
  }

  count(events: readonly EventRow[]): void {
    for (const event of events) {
      const state = inviteStates.get(event.type);
      if (state !== undefined) this.#invites.inc({ state });
      else this.#countMessage(event);
    }
  }

  #countMessage({ type, message, atMs, data }: EventRow): void {
    const labels = stateOf.get(type);
    if (labels === undefined) return;
    const { direction, state } = labels;
    this.#total.inc({ direction, state });
    if (state === "failed") this.#failed.inc({ reason: failureOf(data["reason"]) });
    const isStage = direction === "out" && state !== "queued" && state !== "failed";
    if (isStage && message !== undefined)
      this.#latency.observe({ stage: state }, Math.max(0, atMs - message.timestampMs) / 1000);
  }
}

/** A closed set, whatever a service node says. */
function failureOf(reason: unknown): string {
  const text = typeof reason === "string" ? reason : "";
  return failures.find(([beginning]) => text.startsWith(beginning))?.[1] ?? "refused";
}
