/**
 * What a conversation forgets with time, so that its records do not grow for ever: keys of skipped messages, and ids of
 * content that nothing can repeat any more. Each turn that writes such records writes one more that names them and its
 * time. These trails are queues: a turn adds without reading, a timer eats from the head.
 */
import { plain } from "../../../crypto/bytes.ts";
import type { ReceivePosition } from "../../../protocol/double-ratchet/ratchet-state.ts";
import { forgetSkipped } from "../../../protocol/double-ratchet/skipped-numbers.ts";
import { umbra } from "../../../wire/gen/umbra.js";
import { type Effect, ignore, type RecordKey, type Transition } from "../../contract.ts";
import { fromUint64, ownBytes } from "../../state-version.ts";
import type { Draft } from "../draft.ts";
import { KNOWN_PREFIX, type PrivateState, SKIPPED_PREFIX, type Trail } from "../state.ts";

const { TrailEntryV1 } = umbra.state.v1;
const DAY_MS = 24 * 3_600_000;

/** A key that was not used in this time opens nothing any more (profile 8.6). */
export const SKIPPED_KEY_MS: number = 30 * DAY_MS;
/** A peer repeats content for 30 days, and what it repeats may lie 30 days in a Store node; two to spare. */
export const KNOWN_MS: number = 62 * DAY_MS;
/** Turns whose ids are kept however old they are: after a long silence the peer still names the newest that it has. */
export const KNOWN_TURNS_MIN = 1_024;
/** Over that, the timer of the ids is set with each so many turns: one that finds nothing old costs little. */
const KNOWN_TURNS_STEP = 256;
/** Turns forgotten in one turn: its commit stays short. */
const FORGET_BATCH = 32;

type TrailName = "skippedTrail" | "knownTrail";

interface Kind {
  readonly trail: TrailName;
  readonly prefix: string;
  readonly timer: string;
  readonly keptMs: number;
  readonly turnsMin: number;
}

const kinds: readonly Kind[] = [
  { trail: "skippedTrail", prefix: SKIPPED_PREFIX, timer: "forget-skipped", keptMs: SKIPPED_KEY_MS, turnsMin: 0 },
  { trail: "knownTrail", prefix: KNOWN_PREFIX, timer: "forget-known", keptMs: KNOWN_MS, turnsMin: KNOWN_TURNS_MIN },
];

const trailRecord = ({ prefix }: Kind, index: number): RecordKey => `trail/${prefix}${index}`;

/** The effects of a turn, and what they leave to be forgotten. */
export function leaveTrails(
  state: PrivateState,
  effects: readonly Effect[],
  now: number,
): { readonly state: PrivateState; readonly effects: readonly Effect[] } {
  let left = { state, effects };
  for (const kind of kinds) left = leaveTrail(kind, left.state, left.effects, now);
  return left;
}

function leaveTrail(kind: Kind, state: PrivateState, effects: readonly Effect[], now: number) {
  const puts = effects.flatMap((effect) => (effect.kind === "put" ? [effect.key] : []));
  const keys = puts.filter((key) => key.startsWith(kind.prefix));
  const { first, end } = state[kind.trail];
  // The first message of an invite is read by a step within the one that opens: its effects have left their trail already.
  if (keys.length === 0 || puts.includes(trailRecord(kind, end - 1))) return { state, effects };
  const bytes = plain(TrailEntryV1.encode({ atMs: now, keys }).finish());
  const entry: Effect = { kind: "put", key: trailRecord(kind, end), bytes };
  const trail = { first, end: end + 1 };
  return { state: { ...state, [kind.trail]: trail }, effects: [...effects, entry, ...alarm(kind, trail, now)] };
}

function alarm({ timer, keptMs, turnsMin }: Kind, { first, end }: Trail, now: number): readonly Effect[] {
  const length = end - first;
  if (turnsMin === 0) return length > 1 ? [] : [{ kind: "schedule", name: timer, atMs: now + keptMs }];
  return length <= turnsMin || end % KNOWN_TURNS_STEP !== 0 ? [] : [{ kind: "schedule", name: timer, atMs: now }];
}

/** The records that the timer needs; undefined: it is not a timer of a trail. */
export function trailReads(state: PrivateState, timer: string): readonly RecordKey[] | undefined {
  const kind = kinds.find((each) => each.timer === timer);
  return kind && indicesOf(kind, state).map((index) => trailRecord(kind, index));
}

function indicesOf({ trail, turnsMin }: Kind, state: PrivateState): number[] {
  const { first, end } = state[trail];
  const count = Math.max(0, Math.min(FORGET_BATCH, end - first - turnsMin));
  return Array.from({ length: count }, (_, index) => first + index);
}

/** Fires the timer of a trail. */
export function forgetOld(draft: Draft, timer: string): Transition<PrivateState> {
  const kind = kinds.find((each) => each.timer === timer);
  if (kind === undefined) return ignore("unknown timer");
  const { now } = draft;
  let nextMs: number | undefined;
  let { first, end } = draft.state[kind.trail];
  const gone: string[] = [];
  for (const index of indicesOf(kind, draft.state)) {
    const { atMs, keys } = readEntry(draft.record(trailRecord(kind, index)));
    // Dated later than now by a clock that was set back since: it would hold up whatever is behind it. The timer was not
    // due too early, because the step has moved it too.
    nextMs = atMs > now ? now : atMs + kind.keptMs;
    if (nextMs > now) break;
    draft.add({ kind: "drop", key: trailRecord(kind, index) });
    gone.push(...keys);
    first += 1;
    nextMs = now;
  }
  draft.set({ [kind.trail]: { first, end } });
  for (const key of gone) draft.add({ kind: "drop", key });
  if (kind.trail === "skippedTrail") {
    draft.set({ ratchet: forgetSkipped(draft.state.ratchet, gone.map(positionOf)) });
  }
  const isMore = kind.turnsMin === 0 ? first < end : nextMs === now && end - first > kind.turnsMin;
  if (isMore && nextMs !== undefined) draft.add({ kind: "schedule", name: timer, atMs: nextMs });
  return gone.length === 0 && !isMore ? ignore("nothing is old enough") : draft.accept();
}

function readEntry(record: Uint8Array | undefined): { readonly atMs: number; readonly keys: readonly string[] } {
  if (record === undefined) return { atMs: 0, keys: [] };
  const { atMs, keys } = TrailEntryV1.decode(ownBytes(record));
  return { atMs: fromUint64(atMs), keys };
}

function positionOf(key: string): ReceivePosition {
  const [serial, n] = key.slice(SKIPPED_PREFIX.length).split("/").map(Number);
  return { serial: serial ?? 0, n: n ?? 0 };
}
