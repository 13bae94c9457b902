/** The Store port's rows of envelopes that wait for another try. Part of `ports.ts`, which everybody imports it from. */
import type { ContentTopic } from "../../wire/ids.ts";
import type { ConversationNumber } from "../ports.ts";

/** An envelope for a conversation that could not be taken when it came. */
export interface ParkedRow {
  readonly id: number;
  readonly conversation: ConversationNumber;
  readonly topic: ContentTopic;
  readonly payload: Uint8Array;
  readonly wakuHash: Uint8Array;
  readonly errorCode: string;
  readonly attempts: number;
  readonly parkedAtMs: number;
  readonly dueAtMs: number;
}

/** Their part of the Store port. */
export interface ParkedStore {
  /** False: it waits already. */
  park(row: Omit<ParkedRow, "id" | "attempts">): boolean;
  /** The same of each, in one transaction. */
  parkAll(rows: readonly Omit<ParkedRow, "id" | "attempts">[]): readonly boolean[];
  parkedDue(nowMs: number, limit: number): ParkedRow[];
  parkedRetryLater(id: number, dueAtMs: number, errorCode: string): void;
  parkedDrop(id: number): void;
  /** Due then at the latest. False: there is no such row. */
  parkedHasten(id: number, dueAtMs: number): boolean;
  /** Oldest first. */
  parkedList(limit: number): ParkedRow[];
  parkedCount(): number;
  parkedNextDueMs(): number | undefined;
}
