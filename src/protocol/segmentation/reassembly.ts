/**
 * Collecting segments (profile 8.8): sets that are not complete yet, as a value. It holds no payload, only which segments
 * are there, so that it stays small; whoever keeps the payloads gives them back when a set is whole.
 */
import { concat } from "../../crypto/bytes.ts";
import { bytesEqual } from "../../crypto/equal.ts";
import { keccak256 } from "../../crypto/hash.ts";
import type { Segment } from "./segment.ts";

/** Sets that are open at once, and what they hold (profile 10.5). Over it the set goes that has rested longest. */
export const OPEN_SETS_MAX = 256;
export const OPEN_BYTES_MAX: number = 8 * 1024 * 1024;

/** A set that rests so long stays incomplete: its sender has given up by then, see ADR 0029. */
export const SET_REST_MAX_MS: number = 30 * 24 * 3_600_000;

/** Segments with the same hash, of which some are missing. */
export interface OpenSet {
  /** Never used again, so that what is kept under it cannot be mixed with another set. */
  readonly serial: number;
  readonly wholeHash: Uint8Array;
  readonly count: number;
  /** One bit a segment, the lowest of each byte first. */
  readonly have: Uint8Array;
  readonly bytes: number;
  /** When its newest segment came. */
  readonly lastMs: number;
}

/** All open sets of one sender. */
export interface OpenSets {
  readonly lastSerial: number;
  /** In the order of their serials. */
  readonly sets: readonly OpenSet[];
}

/** What became of a segment. `dropped` sets are gone with all that is kept of them. */
export type Collected =
  /** Keep its payload; `whole`: it was the last that was missing, and the set is not open any more. */
  | {
      readonly kind: "kept";
      readonly open: OpenSets;
      readonly into: OpenSet;
      readonly whole: boolean;
      readonly dropped: readonly OpenSet[];
    }
  /** Its place is taken. */
  | { readonly kind: "repeated" }
  /** It contradicts its set, which goes. */
  | { readonly kind: "refused"; readonly open: OpenSets; readonly dropped: readonly OpenSet[] };

/** Nothing is open. */
export const noOpenSets: OpenSets = { lastSerial: 0, sets: [] };

/** Takes one of several segments. */
export function collect(open: OpenSets, segment: Segment, now: number): Collected {
  const known = open.sets.find(({ wholeHash }) => bytesEqual(wholeHash, segment.wholeHash));
  if (known !== undefined && known.count !== segment.count)
    return { kind: "refused", open: without(open, known), dropped: [known] };
  if (known !== undefined && has(known, segment.index)) return { kind: "repeated" };
  const into = withSegment(known ?? newSet(open.lastSerial + 1, segment), segment, now);
  const others = open.sets.filter((set) => set !== known);
  const lastSerial = Math.max(open.lastSerial, into.serial);
  if (missing(into) === 0) return { kind: "kept", open: { lastSerial, sets: others }, into, whole: true, dropped: [] };
  const dropped = surplus(others, into);
  const sets = [...others.filter((set) => !dropped.includes(set)), into].sort((a, b) => a.serial - b.serial);
  return { kind: "kept", open: { lastSerial, sets }, into, whole: false, dropped };
}

/** The whole payload, or undefined when it is not what the hash promised: the set is to be dropped. */
export function wholeOf({ wholeHash }: OpenSet, payloads: readonly Uint8Array[]): Uint8Array | undefined {
  const whole = concat(...payloads);
  return bytesEqual(keccak256(whole), wholeHash) ? whole : undefined;
}

/** After the clock was set back: what came later than now rests from now on. */
export function notAfter(open: OpenSets, now: number): OpenSets {
  if (open.sets.every(({ lastMs }) => lastMs <= now)) return open;
  return { ...open, sets: open.sets.map((set) => ({ ...set, lastMs: Math.min(set.lastMs, now) })) };
}

/** Sets that have rested too long. */
export function expire(open: OpenSets, now: number): { readonly open: OpenSets; readonly dropped: readonly OpenSet[] } {
  const dropped = open.sets.filter(({ lastMs }) => now - lastMs >= SET_REST_MAX_MS);
  return { open: { ...open, sets: open.sets.filter((set) => !dropped.includes(set)) }, dropped };
}

/** Without the set that has rested longest. */
export function spill(open: OpenSets): { readonly open: OpenSets; readonly dropped: readonly OpenSet[] } {
  const dropped = byRest(open.sets).slice(0, 1);
  return { open: { ...open, sets: open.sets.filter((set) => !dropped.includes(set)) }, dropped };
}

/** When `expire` has something to do. */
export function nextExpiryMs({ sets }: OpenSets): number | undefined {
  return sets.length === 0 ? undefined : Math.min(...sets.map(({ lastMs }) => lastMs)) + SET_REST_MAX_MS;
}

/** The indices that are there. */
export function indicesOf(set: OpenSet): number[] {
  return Array.from({ length: set.count }, (_, index) => index).filter((index) => has(set, index));
}

function newSet(serial: number, { wholeHash, count }: Segment): OpenSet {
  return { serial, wholeHash, count, have: new Uint8Array(Math.ceil(count / 8)), bytes: 0, lastMs: 0 };
}

function withSegment(set: OpenSet, { index, payload }: Segment, now: number): OpenSet {
  const have = set.have.slice();
  have[index >> 3] = (have[index >> 3] ?? 0) | (1 << (index & 7));
  return { ...set, have, bytes: set.bytes + payload.length, lastMs: now };
}

function has({ have }: OpenSet, index: number): boolean {
  return ((have[index >> 3] ?? 0) & (1 << (index & 7))) !== 0;
}

function missing(set: OpenSet): number {
  return set.count - indicesOf(set).length;
}

function without(open: OpenSets, gone: OpenSet): OpenSets {
  return { ...open, sets: open.sets.filter((set) => set !== gone) };
}

/** The one that has rested longest first. */
function byRest(sets: readonly OpenSet[]): OpenSet[] {
  return [...sets].sort((a, b) => a.lastMs - b.lastMs || a.serial - b.serial);
}

/** What has to go for the one that just grew. */
function surplus(others: readonly OpenSet[], grown: OpenSet): OpenSet[] {
  const dropped: OpenSet[] = [];
  let count = others.length + 1;
  let bytes = others.reduce((sum, set) => sum + set.bytes, grown.bytes);
  for (const set of byRest(others)) {
    if (count <= OPEN_SETS_MAX && bytes <= OPEN_BYTES_MAX) break;
    dropped.push(set);
    count -= 1;
    bytes -= set.bytes;
  }
  return dropped;
}
