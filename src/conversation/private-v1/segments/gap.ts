/**
 * Content that waited for a number, and whose record is not there any more (our database was damaged): what is behind it goes
 * on. Nothing but that record said which message it was, so when none waits any more, what is neither on its way nor has
 * left has failed.
 */
import type { MessageId } from "../../../wire/ids.ts";
import { RECORD_QUEUED } from "../../contract.ts";
import type { Draft } from "../draft.ts";
import { giveUpWholes } from "../resend.ts";
import { isContentWaiting, type OutgoingSet, type PrivateState } from "../state.ts";
import { BYTES_GONE } from "./kept.ts";

/** Whether it is time to say what has failed; that takes `RECORD_QUEUED`. */
export function isGapDue(state: PrivateState): boolean {
  // Content of a superseded conversation waits in its successor, which tells what becomes of it.
  return state.hasWaitGap && !isContentWaiting(state) && state.successor === undefined;
}

/** Tells the application of messages that are nowhere, and of wholes that lack a segment. */
export function failGone(draft: Draft): void {
  draft.set({ hasWaitGap: false });
  failIncomplete(draft);
  const { unacknowledged, outgoing } = draft.state;
  const underWay = new Set([...unacknowledged, ...outgoing].map(({ messageId }) => messageId));
  for (const messageId of queuedIds(draft)) {
    if (underWay.has(messageId) || draft.hasTold(messageId)) continue;
    draft.add({ kind: "deliver", event: { type: "message.failed", messageId, reason: BYTES_GONE } });
  }
}

/** Nothing of them waits, so what is not acknowledged is on its way, or gone. */
function failIncomplete(draft: Draft): void {
  const { unacknowledged, outgoing } = draft.state;
  const onItsWay = (serial: number) => unacknowledged.filter(({ set }) => set === serial).length;
  const isLacking = ({ serial, count, acknowledged }: OutgoingSet) => acknowledged + onItsWay(serial) < count;
  giveUpWholes(draft, outgoing.filter(isLacking), BYTES_GONE);
}

function queuedIds(draft: Draft): MessageId[] {
  const ids = new TextDecoder().decode(draft.record(RECORD_QUEUED));
  return ids.split("\n").filter((id) => id !== "") as MessageId[];
}
