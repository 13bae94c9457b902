/** A state that is older than one that ran before: how a store says so, and what the engine has it do (ADR 0034). */
import type { CommitReceipt } from "../ports.ts";

/**
 * Why the state is taken for an older one: its database has changed less often than the counter file beside it says; the
 * counter file is gone, or belongs to another database; it cannot be read; `umbrad store restore` put the database there.
 */
export type RollbackCause = "older-than-counter" | "counter-missing" | "counter-unreadable" | "restored";

export interface RollbackStore {
  /** Set from the opening that found it until `end`, over any number of crashes. */
  pending(): RollbackCause | undefined;
  /** Nothing of the old state leaves any more: empties outbox and publications, and appends `state.rolled-back` once. */
  begin(cause: RollbackCause, atMs: number): CommitReceipt;
  /** Every conversation knows of it. */
  end(): void;
}
