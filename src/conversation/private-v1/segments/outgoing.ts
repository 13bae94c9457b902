/** Our content in several segments: each is acknowledged by itself, the application hears of the whole (ADR 0028). */
import { decodeSegment, encodeSegment } from "../../../protocol/segmentation/segment.ts";
import type { MessageId } from "../../../wire/ids.ts";
import type { Draft } from "../draft.ts";
import { tellFates } from "../relations/report.ts";
import {
  hasNumberForContent,
  type OutgoingSet,
  type PrivateState,
  TIMER_FLUSH,
  TIMER_MOVE,
  type Unacknowledged,
  waitRecord,
} from "../state.ts";
import { forgetPayloads, keepPayloads, setAside, takeBack } from "./kept.ts";
import { encodeWaiting, type Waiting } from "./record-codec.ts";

/** Progress is told at each tenth. */
const PROGRESS_STEPS = 10;

/** Segments wait in records and leave a few a turn, whether or not the chain has numbers: a file must not be one commit of envelopes. */
export function queueSegments(
  draft: Draft,
  whole: Pick<OutgoingSet, "messageId" | "isLarge" | "origin">,
  encoded: readonly Uint8Array[],
): void {
  const { lastSet, outgoing } = draft.state;
  const serial = lastSet + 1;
  draft.set({
    lastSet: serial,
    outgoing: [...outgoing, { ...whole, serial, count: encoded.length, acknowledged: 0 }],
  });
  takeBack(draft, whole.messageId);
  keepPayloads(draft, whole.messageId, encoded);
  for (const segment of encoded) queueWaiting(draft, { set: serial, segment: headerOf(segment) });
  if (hasNumberForContent(draft.state)) draft.add({ kind: "schedule", name: TIMER_FLUSH, atMs: draft.now });
}

/** Its payload is kept elsewhere. */
function headerOf(encoded: Uint8Array): Uint8Array {
  const segment = decodeSegment(encoded);
  if (segment.kind !== "readable") throw new RangeError("a segment of ours does not decode");
  return encodeSegment({ ...segment.value, payload: new Uint8Array() });
}

/** At the end of what waits for a number. */
export function queueWaiting(draft: Draft, waiting: Waiting): void {
  const { waitingEnd, successor, hasMoved } = draft.state;
  draft.add({ kind: "put", key: waitRecord(waitingEnd), bytes: encodeWaiting(waiting) });
  draft.set({ waitingEnd: waitingEnd + 1 });
  // Before, what is on its way has its hour.
  if (successor !== undefined && hasMoved) draft.add({ kind: "schedule", name: TIMER_MOVE, atMs: draft.now });
}

/** The set of a segment; undefined: it has failed or never was one. */
export function outgoingSet(state: PrivateState, serial: number): OutgoingSet | undefined {
  return state.outgoing.find((set) => set.serial === serial);
}

/** Counts segments that the peer has; tells of wholes that are complete, and of progress. */
export function acknowledgeSegments(draft: Draft, arrived: readonly Unacknowledged[]): void {
  for (const set of draft.state.outgoing) {
    const more = arrived.filter((sent) => sent.set === set.serial).length;
    if (more === 0) continue;
    const acknowledged = set.acknowledged + more;
    const messageId = set.messageId as MessageId;
    const { outgoing } = draft.state;
    if (acknowledged >= set.count) {
      draft.set({ outgoing: outgoing.filter((other) => other !== set) });
      forgetPayloads(draft, set);
      if (set.origin !== undefined) tellFates(draft, [set]);
      else draft.add({ kind: "deliver", event: { type: "message.delivered", messageId } });
      continue;
    }
    draft.set({ outgoing: outgoing.map((other) => (other === set ? { ...set, acknowledged } : other)) });
    if (set.origin !== undefined || stepOf(acknowledged, set.count) === stepOf(set.acknowledged, set.count)) continue;
    const event = { type: "message.progress", messageId, arrived: acknowledged, parts: set.count } as const;
    draft.add({ kind: "deliver", event });
  }
}

/** Gives up wholes of which a segment has failed; what of them waits is skipped when its turn comes. */
export function failSets(draft: Draft, serials: ReadonlySet<number>, reason: string): void {
  const failed = draft.state.outgoing.filter(({ serial }) => serials.has(serial));
  draft.set({ outgoing: draft.state.outgoing.filter(({ serial }) => !serials.has(serial)) });
  for (const set of failed) {
    setAside(draft, set);
    if (set.origin !== undefined) continue;
    draft.add({ kind: "deliver", event: { type: "message.failed", messageId: set.messageId as MessageId, reason } });
  }
  tellFates(draft, failed, reason);
}

function stepOf(acknowledged: number, count: number): number {
  return Math.floor((acknowledged * PROGRESS_STEPS) / count);
}
