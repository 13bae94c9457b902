/** Several turns in one transaction, each in a savepoint of its own. */
import { UmbradError } from "../../engine/errors.ts";
import type { CommitReceipt, TurnCommit } from "../../engine/ports.ts";
import { type Tables, writeTurn } from "../commit.ts";
import type { Database } from "../database.ts";

/** Faults that the other turns of a group would meet too. */
const ENVIRONMENT = new Set(["store/full", "store/io", "store/readonly", "store/busy"]);

/** In the caller's transaction. A turn that is refused fails alone. */
export function writeGroup(
  database: Database,
  tables: Tables,
  turns: readonly TurnCommit[],
): (CommitReceipt | UmbradError)[] {
  return turns.map((turn) => writeAlone(database, tables, turn));
}

/** A fault of the environment is thrown: it concerns the whole group, and may have ended its transaction. */
function writeAlone(database: Database, tables: Tables, turn: TurnCommit): CommitReceipt | UmbradError {
  try {
    return database.savepoint(() => writeTurn(tables, turn));
  } catch (error) {
    if (!database.inTransaction) throw error;
    if (!(error instanceof UmbradError)) {
      return new UmbradError("store/unwritable-turn", "a turn could not be written", { cause: error });
    }
    if (ENVIRONMENT.has(error.code)) throw error;
    return error;
  }
}
