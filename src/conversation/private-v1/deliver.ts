/** Content that was read: held back until what it follows has arrived, then delivered in order (profile 8.9-2, -5). */
import { segmentedIdOf } from "../../protocol/reliability/sds-message.ts";
import { decodeSegment, type Segment } from "../../protocol/segmentation/segment.ts";
import { decodeBundle } from "../../wire/contact-bundle.ts";
import { clientAddressOf, type MessageId } from "../../wire/ids.ts";
import { decodePrivateFrame, type PrivateFrame } from "../../wire/private-frame.ts";
import { messageRecordKey, type RecordKey } from "../contract.ts";
import { oweAcknowledgement } from "./alarms.ts";
import type { Draft } from "./draft.ts";
import { reportBundle } from "./relations/report.ts";
import { idsElsewhere } from "./relations/siblings.ts";
import { dropParts, partReads, rowOf, takeSegment, type Whole } from "./segments/incoming.ts";
import { conversationIdOf } from "./send.ts";
import {
  HELD_MAX,
  type Held,
  heldRecord,
  knownRecord,
  LOST_MAX,
  MISSING_MAX,
  RECORD_THEIR_BUNDLE,
  REPAIR_AFTER_MS,
  TIMER_REPAIR,
} from "./state.ts";

/** What the arrival or the loss of messages makes of all that is held. Computed from the state alone, before records are read. */
export interface Plan {
  /** In the order of delivery. */
  readonly deliver: readonly Held[];
  readonly held: readonly Held[];
  readonly lost: readonly string[];
}

/** A new message. Over the bounds the oldest is delivered without what it waits for (profile 10.5). */
export function planArrival(held: readonly Held[], arrived: Held): Plan {
  if (held.some(({ messageId }) => messageId === arrived.messageId)) return { deliver: [], held, lost: [] };
  let plan = settle({ deliver: [], held: [...held, arrived], lost: [] }, []);
  while (isTooMuch(plan.held)) plan = withoutOldest(plan);
  return plan;
}

/** Of a conversation that asks for nothing any more: what is missing comes by its successor, or has failed. */
export function planRelease(held: readonly Held[]): Plan {
  return { deliver: inLogOrder(held), held: [], lost: [] };
}

/** Gives up what was waited for too long, as far as it can be asked for beside what is lost already. */
export function planLoss(held: readonly Held[], isOverdue: (held: Held) => boolean, lostAlready: number): Plan {
  let plan: Plan = { deliver: [], held, lost: [] };
  while (plan.held.some(isOverdue)) {
    const next = withoutOldest(plan);
    // Only a faulty peer has one message that waits for so many: for it alone nothing has to be sound.
    if (lostAlready + next.lost.length > LOST_MAX && lostAlready + plan.lost.length > 0) break;
    plan = next;
  }
  return plan;
}

function isTooMuch(held: readonly Held[]): boolean {
  return held.length > HELD_MAX || held.reduce((count, { missing }) => count + missing.length, 0) > MISSING_MAX;
}

/** The oldest in the log; whatever it waits for that has not arrived is lost. */
function withoutOldest(plan: Plan): Plan {
  const [oldest] = inLogOrder(plan.held);
  if (oldest === undefined) return plan;
  const arrived = new Set(plan.held.map(({ messageId }) => messageId));
  const lost = oldest.missing.filter((id) => !arrived.has(id));
  // A peer can make messages wait for each other; then nothing is lost and the oldest goes first.
  return settle({ ...plan, lost: [...plan.lost, ...lost] }, lost.length > 0 ? lost : oldest.missing);
}

/** Moves to `deliver` whatever waits for `known` ids and for each other only. */
function settle(plan: Plan, known: readonly string[]): Plan {
  const there = new Set(known);
  const deliver = [...plan.deliver];
  let held = inLogOrder(plan.held);
  for (let isMore = true; isMore; ) {
    const waiting = held.filter((entry) => {
      if (!entry.missing.every((id) => there.has(id))) return true;
      there.add(entry.messageId);
      deliver.push(entry);
      return false;
    });
    isMore = waiting.length < held.length;
    held = waiting;
  }
  const left = held.map((entry) => ({ ...entry, missing: entry.missing.filter((id) => !there.has(id)) }));
  return { ...plan, deliver, held: left };
}

function inLogOrder(held: readonly Held[]): Held[] {
  return [...held].sort((a, b) => a.lamportMs - b.lamportMs || (a.messageId < b.messageId ? -1 : 1));
}

/** The records that carrying out a plan takes and that are not loaded yet; the arriving message is none. */
export function planReads(draft: Draft, plan: Plan, arriving?: Arriving): RecordKey[] {
  const delivered = plan.deliver.filter(({ messageId }) => messageId !== arriving?.messageId);
  const unread = delivered.map(({ messageId }) => heldRecord(messageId)).filter((key) => !draft.isLoaded(key));
  if (unread.length > 0) return unread;
  const contents = plan.deliver
    .map((entry) => contentOf(draft, entry, arriving))
    .filter((bytes) => bytes !== undefined);
  return partReads(draft, contents);
}

function contentOf(draft: Draft, { messageId }: Held, arriving: Arriving | undefined): Uint8Array | undefined {
  return messageId === arriving?.messageId ? arriving.content : draft.record(heldRecord(messageId));
}

/** What an envelope brought. */
export interface Arriving {
  readonly messageId: string;
  /** Its segment. */
  readonly content: Uint8Array;
}

/** Delivers and holds as planned. Returns why content was refused, if any was. */
export function carryOut(draft: Draft, plan: Plan, arriving?: Arriving): string | undefined {
  const before = draft.state.held;
  const sinceMs = draft.now;
  const lost = [...draft.state.lost, ...plan.lost.map((messageId) => ({ messageId, sinceMs }))];
  draft.set({ held: plan.held, lost: lost.slice(-LOST_MAX) });
  for (const id of plan.lost) draft.add({ kind: "put", key: knownRecord(id), bytes: Uint8Array.of(1) });
  if (plan.lost.length > 0) draft.add({ kind: "deliver", event: { type: "message.lost", messageIds: plan.lost } });
  if (arriving !== undefined && plan.held.some(({ messageId }) => messageId === arriving.messageId)) {
    draft.add({ kind: "put", key: heldRecord(arriving.messageId), bytes: arriving.content });
  }
  if (plan.held.length > 0 && before.length === 0) {
    draft.set({ repairedAtMs: draft.now, askingSinceMs: draft.now });
    draft.add({ kind: "schedule", name: TIMER_REPAIR, atMs: draft.now + REPAIR_AFTER_MS });
  }
  let refused: string | undefined;
  for (const entry of plan.deliver) {
    const content = contentOf(draft, entry, arriving);
    if (entry.messageId !== arriving?.messageId) draft.add({ kind: "drop", key: heldRecord(entry.messageId) });
    if (content === undefined) continue;
    const refusal = deliver(draft, entry, content);
    refused ??= refusal;
  }
  return refused;
}

/** Returns why the content was refused, if it was. A known message is delivered to nobody again: the store drops repetitions. */
function deliver(draft: Draft, { messageId, lamportMs }: Held, content: Uint8Array): string | undefined {
  draft.set({ lost: draft.state.lost.filter((lost) => lost.messageId !== messageId) });
  const refusal = deliverFrame(draft, messageId as MessageId, content);
  // Bytes that will never be readable: what follows them must not wait for better ones.
  if (refusal !== undefined) draft.add({ kind: "put", key: knownRecord(messageId), bytes: Uint8Array.of(1) });
  if (refusal !== undefined && !refusal.startsWith("unsupported")) return refusal;
  if (lamportMs >= (draft.state.newestTheirs?.lamportMs ?? 0)) draft.set({ newestTheirs: { messageId, lamportMs } });
  oweAcknowledgement(draft);
  return refusal;
}

function deliverFrame(draft: Draft, messageId: MessageId, content: Uint8Array): string | undefined {
  const segment = decodeSegment(content);
  if (segment.kind !== "readable") return "segment";
  if (segment.value.count > 1) return deliverSegment(draft, messageId, segment.value);
  return readFrame(draft, messageId, segment.value.payload);
}

function isKnown(draft: Draft, id: MessageId): boolean {
  return [knownRecord(id), messageRecordKey(id)].some((key) => draft.record(key) !== undefined);
}

function deliverSegment(draft: Draft, messageId: MessageId, segment: Segment): string | undefined {
  const wholeId = segmentedIdOf(segment.wholeHash);
  // One of a whole that has ended: taken again, it would open another set. One of a set that had to make room may begin it anew.
  if (draft.record(knownRecord(messageId)) !== undefined && isKnown(draft, wholeId)) return undefined;
  draft.add({ kind: "put", key: knownRecord(messageId), bytes: Uint8Array.of(1) });
  const taken = takeSegment(draft, segment);
  if (taken === undefined) return undefined;
  draft.add({ kind: "put", key: knownRecord(wholeId), bytes: Uint8Array.of(1) });
  if (typeof taken === "string") return taken;
  const refusal = readFrame(draft, wholeId, taken.frame, taken);
  if (refusal !== undefined) dropParts(draft, taken.set);
  return refusal;
}

/** `whole`: it came in several segments. */
function readFrame(draft: Draft, messageId: MessageId, bytes: Uint8Array, whole?: Whole): string | undefined {
  const decoded = decodePrivateFrame(bytes);
  if (decoded.kind === "badly-formed") return "frame";
  if (decoded.kind === "unsupported") return unsupported(draft, "frame");
  const frame = decoded.value;
  if (frame.conversationId !== undefined && frame.conversationId !== conversationIdOf(draft.state))
    return "conversation-id";
  if (frame.kind === "content") {
    const { content: received, timestampMs } = frame;
    const sender = draft.state.peerAddress;
    const otherIds = idsElsewhere(draft.state, received, timestampMs);
    const elsewhere = otherIds.length === 0 ? {} : { otherIds };
    // The message table may have it elsewhere, and not here.
    if (otherIds.length > 0) draft.add({ kind: "put", key: knownRecord(messageId), bytes: Uint8Array.of(1) });
    const row = rowOf(draft, received, whole);
    draft.add({
      kind: "deliver",
      event: { type: "message.received", messageId, sender, timestampMs, ...row, ...elsewhere },
    });
    return undefined;
  }
  if (whole !== undefined) dropParts(draft, whole.set);
  return takeProtocolFrame(draft, messageId, frame);
}

type ProtocolFrame = Exclude<PrivateFrame, { kind: "content" }>;

function takeProtocolFrame(draft: Draft, messageId: MessageId, frame: ProtocolFrame): string | undefined {
  if (frame.kind === "contact-bundle") {
    const bundle = decodeBundle(frame.bundle);
    if (bundle.kind !== "readable" || clientAddressOf(bundle.value.bundle.identityKey) !== draft.state.peerAddress)
      return "bundle";
    draft.add({ kind: "put", key: RECORD_THEIR_BUNDLE, bytes: frame.bundle });
    reportBundle(draft, frame.bundle);
  }
  draft.add({ kind: "put", key: knownRecord(messageId), bytes: Uint8Array.of(1) });
  return undefined;
}

/** Once a conversation: the application should know that the peer speaks of things we do not. */
function unsupported(draft: Draft, what: string): string {
  if (!draft.state.hasToldUnsupported) {
    draft.set({ hasToldUnsupported: true });
    draft.add({ kind: "deliver", event: { type: "conversation.unsupported", what } });
  }
  return `unsupported-${what}`;
}
