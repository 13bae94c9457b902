/**
 * Content that shall not be sent after all (ADR 0037). Its number, if it has one, stays used: to the peer it is a message
 * that was lost, so nothing may name it, and something else must take its part where the chain relies on its envelope.
 */
import { bytesEqual } from "../../../crypto/equal.ts";
import { messageIdOf } from "../../../protocol/reliability/sds-message.ts";
import { decodeSegment, encodeSingleSegment } from "../../../protocol/segmentation/segment.ts";
import type { MessageId } from "../../../wire/ids.ts";
import { type RecordKey, reject, type Transition, type TurnContext } from "../../contract.ts";
import { Draft } from "../draft.ts";
import { giveUp } from "../resend.ts";
import { failSets } from "../segments/outgoing.ts";
import { decodeWaiting, encodeWaiting } from "../segments/record-codec.ts";
import { sendSync } from "../send.ts";
import { isUnheardInvite, type PrivateState, RECORD_FIRST, RECORD_ZERO, waitRecord } from "../state.ts";

type Step = Transition<PrivateState>;

/** What `message.failed` says. */
const REASON = "cancelled";
/** Waiting content read at once while a message is looked for, newest first: 8 MiB at most. */
const SEARCH_BATCH = 512;
/** The engine asks a step so often, once of it to decide. */
const SEARCH_ROUNDS = 6;
/** No set has this serial, so what waits under it is skipped when its turn comes. */
const NO_SET = 0xffff_ffff;
/** The peer recognises these numbers of a chain whatever was lost (profile 8.5). */
const WINDOW_END = 15;

/** `envelopes`: those of the message that are in the outbox, and leave it in this commit. */
export interface Cancellation {
  readonly messageId: string;
  readonly envelopes: readonly Uint8Array[];
}

export function cancel(state: PrivateState, { messageId, envelopes }: Cancellation, context: TurnContext): Step {
  const draft = new Draft(state, context);
  const set = state.outgoing.find((outgoing) => outgoing.messageId === messageId);
  if (set !== undefined) {
    const isBegun = set.acknowledged > 0 || state.unacknowledged.some((sent) => sent.set === set.serial);
    if (isBegun) return reject("message/cannot-cancel", "some of its parts are on their way");
    failSets(draft, new Set([set.serial]), REASON);
    return draft.accept();
  }
  const sent = state.unacknowledged.find((candidate) => candidate.messageId === messageId);
  if (sent === undefined) return cancelWaiting(draft, messageId);
  if (state.newestOurs?.messageId !== messageId)
    return reject("message/cannot-cancel", "messages after it refer to it: cancel these first, the newest first");
  const lacking = [RECORD_FIRST, RECORD_ZERO].filter((key) => !draft.isLoaded(key));
  if (lacking.length > 0) return { kind: "lacks", keys: lacking };
  const relied = [RECORD_FIRST, RECORD_ZERO].filter((key) => isAmong(draft.record(key), envelopes));
  if (relied.length > 0 && isUnheardInvite(state) && state.ratchet.sendSerial === 0 && relied.includes(RECORD_FIRST))
    return reject("message/cannot-cancel", "it is part of the invite, without which the peer hears nothing of us");
  if (relied.length > 0 && (state.ratchet.send?.n ?? 0) > WINDOW_END)
    return reject("message/cannot-cancel", "the peer needs its envelope to recognise those that come after it");
  giveUp(draft, [sent], REASON);
  if (relied.length > 0) standIn(draft, relied);
  return draft.accept();
}

/** A message without content, repeated in the place of what was cancelled until the peer has heard our chain. */
function standIn(draft: Draft, relied: readonly RecordKey[]): void {
  const envelope = sendSync(draft);
  for (const key of relied) draft.add({ kind: "put", key, bytes: envelope });
}

/** Not encrypted yet: it keeps its place among those that wait, empty. */
function cancelWaiting(draft: Draft, messageId: string): Step {
  const { waitingFirst, waitingEnd } = draft.state;
  for (let index = waitingEnd - 1; index >= waitingFirst; index -= 1) {
    const key = waitRecord(index);
    if (!draft.isLoaded(key)) {
      if (waitingEnd - index > SEARCH_BATCH * SEARCH_ROUNDS) break;
      const count = Math.min(SEARCH_BATCH, index - waitingFirst + 1);
      return { kind: "lacks", keys: Array.from({ length: count }, (_, back) => waitRecord(index - back)) };
    }
    const record = draft.record(key);
    if (record === undefined || idOf(record) !== messageId) continue;
    draft.add({
      kind: "put",
      key,
      bytes: encodeWaiting({ set: NO_SET, segment: encodeSingleSegment(Uint8Array.of(0)) }),
    });
    draft.add({
      kind: "deliver",
      event: { type: "message.failed", messageId: messageId as MessageId, reason: REASON },
    });
    return draft.accept();
  }
  return reject("message/cannot-cancel", "it is not among the newest that wait in this conversation");
}

/** Of content that is whole. */
function idOf(record: Uint8Array): string | undefined {
  const { set, segment } = decodeWaiting(record);
  if (set !== 0) return undefined;
  const decoded = decodeSegment(segment);
  return decoded.kind === "readable" ? messageIdOf(decoded.value, segment) : undefined;
}

function isAmong(record: Uint8Array | undefined, envelopes: readonly Uint8Array[]): boolean {
  return record !== undefined && envelopes.some((envelope) => bytesEqual(envelope, record));
}
