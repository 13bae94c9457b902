/**
 * Before anything may leave: a state that is an older copy of itself tells each of its conversations so (ADR 0034). Goes on
 * where a crash ended it: the store remembers until all of them know.
 */
import type { Input } from "../../conversation/contract.ts";
import { InvariantError, UmbradError } from "../errors.ts";
import type { Clock, EventRow, Log, RollbackCause, Store } from "../ports.ts";
import type { Turns } from "../turn/turns.ts";

/** Turns that share a commit. */
const BATCH = 256;

interface RollbackDeps {
  readonly store: Store;
  readonly turns: Turns;
  readonly clock: Clock;
  readonly log: Log;
  readonly onEvents: (events: readonly EventRow[]) => void;
}

const causes: Readonly<Record<RollbackCause, string>> = {
  "older-than-counter": "the database is older than the state that ran here last",
  "counter-missing": "the counter file beside the database is missing, as in a restored backup",
  "counter-unreadable": "the counter file beside the database is damaged, so an older database cannot be ruled out",
  restored: "the database was restored from a backup",
};

/** Loops must not run yet: a resend of an old conversation would use its keys again. */
export async function tellOfRollback({ store, turns, clock, log, onEvents }: RollbackDeps): Promise<void> {
  const cause = store.rollbacks.pending();
  if (cause === undefined) return;
  log.warn(
    { event: "state.rolled-back", component: "engine", cause },
    `${causes[cause]}: old conversations send nothing more, invite links are void, each contact is invited anew when it is written to`,
  );
  onEvents(store.rollbacks.begin(cause, clock.now()).events);
  const numbers: number[] = [];
  for (const { number, closed } of store.conversations()) if (!closed) numbers.push(number);
  for (let index = 0; index < numbers.length; index += BATCH) {
    await Promise.all(numbers.slice(index, index + BATCH).map((number) => tell(turns, number)));
  }
  store.rollbacks.end();
}

async function tell(turns: Turns, number: number): Promise<void> {
  const input: Input<unknown> = { kind: "rolled-back" };
  try {
    const { kind } = await turns.run(number, () => ({ input, origin: {} }));
    if (kind === "rejected") throw new InvariantError(`c${number} refused to be told of a rollback`);
  } catch (error) {
    // Nothing leaves from it, and it was reported when it was found.
    if (error instanceof UmbradError && error.code === "conversation/halted") return;
    throw error;
  }
}
