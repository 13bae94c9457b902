/** Keys of skipped messages, when all conversations together hold too many: the oldest here go before their time. */
import { forgetSkipped } from "../../../protocol/double-ratchet/skipped-numbers.ts";
import type { Draft } from "../draft.ts";
import { type PrivateState, skippedRecord } from "../state.ts";

/** Keys dropped in one turn: its commit stays short. */
const SPILL_BATCH = 512;

/** How many keys of skipped messages the conversation keeps. */
export function skippedKeysOf({ ratchet }: PrivateState): number {
  return ratchet.skipped.reduce((sum, { numbers }) => sum + numbers.length, 0);
}

/** False: there are none. What they would have opened is lost to us, and its sender repeats it under a new number. */
export function spillKeys(draft: Draft): boolean {
  const { ratchet } = draft.state;
  const all = ratchet.skipped.flatMap(({ serial, numbers }) => numbers.map((n) => ({ serial, n })));
  const gone = all.slice(0, SPILL_BATCH);
  for (const { serial, n } of gone) draft.add({ kind: "drop", key: skippedRecord(serial, n) });
  draft.set({ ratchet: forgetSkipped(ratchet, gone) });
  return gone.length > 0;
}
