/**
 * Bookkeeping of skipped numbers: what is stored, found, used up and evicted (profile 8.6 MAX_SKIP). Only numbers and
 * header keys live in the state; the message keys are the caller's records, because 2 048 of them would not fit in it.
 */
import type { RatchetState, ReceivePosition, SkippedChain } from "./ratchet-state.ts";

/** Numbers that one message may skip in one chain; more is a peer that wants us to hash for it. */
export const MAX_SKIP = 1024;

/** Skipped keys a conversation keeps; a message is never refused for it, the oldest keys go. */
export const SKIPPED_KEYS_MAX = 2048;

/** Old chains a conversation keeps: their header keys are in the state, which stays under 64 KiB. */
export const SKIPPED_CHAINS_MAX = 256;

/** A `ref` holds 16 bits of the serial: a chain this far back would be taken for a newer one. */
const SERIAL_DISTANCE_MAX = 0xffff;

type Skipped = readonly SkippedChain[];

/** Appends numbers above all that are there, of the newest chain or the one before it. */
export function withSkipped(
  skipped: Skipped,
  chain: { readonly serial: number; readonly headerKey: Uint8Array },
  numbers: readonly number[],
): Skipped {
  if (numbers.length === 0) return skipped;
  const last = skipped.at(-1);
  if (last !== undefined && last.serial === chain.serial) {
    return [...skipped.slice(0, -1), { ...last, numbers: [...last.numbers, ...numbers] }];
  }
  return [...skipped, { serial: chain.serial, headerKey: chain.headerKey, numbers }];
}

/** Without one position; a chain that has none left loses its header key too. */
export function withoutSkipped(skipped: Skipped, gone: ReceivePosition): Skipped {
  return skipped.flatMap((chain) => {
    if (chain.serial !== gone.serial) return [chain];
    const numbers = chain.numbers.filter((n) => n !== gone.n);
    return numbers.length === 0 ? [] : [{ ...chain, numbers }];
  });
}

/** The oldest positions over the caps, dropped. */
export function evictOverCaps(
  skipped: Skipped,
  nextSerial: number,
): { readonly skipped: Skipped; readonly dropped: readonly ReceivePosition[] } {
  let excess = skipped.reduce((count, chain) => count + chain.numbers.length, 0) - SKIPPED_KEYS_MAX;
  if (excess <= 0 && skipped.length <= SKIPPED_CHAINS_MAX && !tooFarBack(skipped[0], nextSerial)) {
    return { skipped, dropped: [] };
  }
  const dropped: ReceivePosition[] = [];
  const kept: SkippedChain[] = [];
  skipped.forEach((chain, index) => {
    const wholeChain = skipped.length - index > SKIPPED_CHAINS_MAX || tooFarBack(chain, nextSerial);
    const cut = wholeChain ? chain.numbers.length : Math.min(Math.max(excess, 0), chain.numbers.length);
    excess -= cut;
    for (const n of chain.numbers.slice(0, cut)) dropped.push({ serial: chain.serial, n });
    if (cut < chain.numbers.length) kept.push(cut === 0 ? chain : { ...chain, numbers: chain.numbers.slice(cut) });
  });
  return { skipped: kept, dropped };
}

/** For positions whose keys the caller deleted (30 days old): their hints are no longer expected. */
export function forgetSkipped(state: RatchetState, gone: readonly ReceivePosition[]): RatchetState {
  const numbersOf = new Map<number, Set<number>>();
  for (const { serial, n } of gone) numbersOf.set(serial, (numbersOf.get(serial) ?? new Set()).add(n));
  const skipped = state.skipped.flatMap((chain) => {
    const numbers = numbersOf.get(chain.serial);
    if (numbers === undefined) return [chain];
    const left = chain.numbers.filter((n) => !numbers.has(n));
    return left.length === 0 ? [] : [{ ...chain, numbers: left }];
  });
  return { ...state, skipped };
}

function tooFarBack(chain: SkippedChain | undefined, nextSerial: number): boolean {
  return chain !== undefined && nextSerial - chain.serial > SERIAL_DISTANCE_MAX;
}
