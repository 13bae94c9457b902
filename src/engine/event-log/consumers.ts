/** Named readers of the event log: who reads as whom, and how far each has acknowledged. Knows no connection. */
import type { ConsumerLease, ConsumersApi, ConsumerView, EventGap } from "../api.ts";
import { UmbradError } from "../errors.ts";
import { CONSUMER_HANDOVER_MS, CONSUMERS_MAX } from "../limits.ts";
import type { Clock, ConsumerRow } from "../ports.ts";
import type { EventLog } from "./port.ts";

/** What is needed of the Store. */
export type ConsumerStore = Omit<EventLog, "appendEvent" | "pruneEvents">;

interface ConsumerDeps {
  readonly store: ConsumerStore;
  readonly clock: Clock;
}

/** A reader at work; `left` resolves when it has gone. */
interface Reader {
  readonly left: Promise<void>;
}

export class Consumers implements ConsumersApi {
  readonly #store: ConsumerStore;
  readonly #clock: Clock;
  readonly #readers = new Map<string, Reader>();

  constructor({ store, clock }: ConsumerDeps) {
    this.#store = store;
    this.#clock = clock;
  }

  gapAfter(after: number): EventGap | undefined {
    const to = this.beforeFirst();
    if (after >= to) return undefined;
    // The newest event always stays, so there is one after every gap.
    const [next] = this.#store.events({ after: to, limit: 1 });
    return { from: after + 1, to, reason: "retention", atMs: next?.atMs ?? 0 };
  }

  beforeFirst(): number {
    return this.#store.firstSeq() - 1;
  }

  list(): ConsumerView[] {
    return this.#store.consumers().map((row) => this.#view(row));
  }

  async read(name: string, after?: number): Promise<ConsumerLease> {
    const reader = this.#readers.get(name);
    // Who restarts a killed reader is often faster than the news of its death.
    if (reader !== undefined) await this.#waitAtMost(reader.left, CONSUMER_HANDOVER_MS);
    this.#refuseBusy(name);
    const { ackedSeq } = this.#store.consumer(name) ?? this.#make(name, after);
    const { promise: left, resolve } = Promise.withResolvers<void>();
    const mine: Reader = { left };
    this.#readers.set(name, mine);
    return {
      after: Math.max(ackedSeq, after ?? 0),
      release: () => {
        if (this.#readers.get(name) === mine) this.#readers.delete(name);
        resolve();
      },
    };
  }

  acknowledge(name: string, seq: number): ConsumerView {
    const { ackedSeq } = this.#known(name);
    this.#refuseAhead(seq);
    // A repetition costs no fsync.
    if (seq > ackedSeq) this.#store.acknowledge(name, seq, this.#clock.now());
    return this.#view(this.#known(name));
  }

  passOver(name: string, shown: number, through: number): void {
    const row = this.#store.consumer(name);
    if (row !== undefined && row.ackedSeq >= shown) this.acknowledge(name, through);
  }

  drop(name: string): ConsumerView {
    const row = this.#known(name);
    this.#refuseBusy(name);
    this.#store.dropConsumer(name);
    return this.#view(row);
  }

  #make(name: string, after: number | undefined): ConsumerRow {
    if (this.#store.consumers().length >= CONSUMERS_MAX) {
      throw new UmbradError("consumer/too-many", `there are ${CONSUMERS_MAX} consumers already`, {
        hint: "umbrad event consumers list; umbrad event consumers drop NAME",
      });
    }
    if (after !== undefined) this.#refuseAhead(after);
    // What was deleted before its time is no gap for it.
    const ackedSeq = after ?? this.beforeFirst();
    this.#store.addConsumer({ name, ackedSeq, createdAtMs: this.#clock.now() });
    return this.#known(name);
  }

  #known(name: string): ConsumerRow {
    const row = this.#store.consumer(name);
    if (row !== undefined) return row;
    throw new UmbradError("consumer/unknown", `there is no consumer ${JSON.stringify(name)}`, {
      hint: `umbrad listen --consumer ${name} makes it`,
    });
  }

  #refuseBusy(name: string): void {
    if (!this.#readers.has(name)) return;
    throw new UmbradError("consumer/busy", `another reader has the consumer ${JSON.stringify(name)}`, {
      hint: "end it, or read as another consumer",
    });
  }

  #refuseAhead(seq: number): void {
    const lastSeq = this.#store.lastSeq();
    if (seq <= lastSeq) return;
    throw new UmbradError("consumer/ahead", `there is no event ${seq} yet: the newest is ${lastSeq}`);
  }

  #waitAtMost(left: Promise<void>, limitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#clock.after(limitMs, resolve);
      void left.then(() => {
        cancel();
        resolve();
      });
    });
  }

  #view(row: ConsumerRow): ConsumerView {
    const behind = Math.max(0, this.#store.lastSeq() - row.ackedSeq);
    return { ...row, behind, isReading: this.#readers.has(row.name) };
  }
}
