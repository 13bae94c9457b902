/** What an engine is made of, and what it is. */
import type { AnyConversationType } from "../../conversation/contract.ts";
import type { EngineApi } from "../api.ts";
import type { Counters } from "../counters.ts";
import type { CanaryOptions } from "../loops/canary/canary.ts";
import type { Retention } from "../loops/retention.ts";
import type { Clock, Log, Store, Transport } from "../ports.ts";
import type { QuotaRule } from "../quota/quota.ts";
import type { IncomingLimits } from "../routing/admission.ts";
import type { Meter } from "./meter.ts";

export interface EngineOptions {
  readonly store: Store;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly log: Log;
  readonly types: readonly AnyConversationType[];
  readonly retention?: Retention;
  /** What the network lets us publish; absent: it does not count. */
  readonly quota?: QuotaRule | undefined;
  /** What others may bring us. */
  readonly limits?: IncomingLimits;
  /** Absent: nobody measures. */
  readonly meter?: Meter | undefined;
  /** Other times, or none, for tests. */
  readonly canary?: CanaryOptions | "off";
}

export interface Engine extends EngineApi {
  /** Builds the index from the states and starts the loops. Never waits for the network. */
  start(): Promise<void>;
  /** Stops taking, lets begun turns end (at most `deadlineMs`), stops the transport. The store stays open. */
  stop(deadlineMs: number): Promise<void>;
  readonly counters: Counters;
}
