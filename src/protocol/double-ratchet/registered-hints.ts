/**
 * Which messages a state recognises (profile 8.5, registered window) and what a `ref` means. The one place that knows
 * the set, so that what the router registers and what decrypt accepts cannot differ.
 */
import { ratchetedIdentifier, WINDOW } from "../private-identifier/ratcheted-identifier.ts";
import { NUMBER_MAX, type RatchetState, type ReceivePosition, type SkippedChain } from "./ratchet-state.ts";

/** One recognised message. `mark`: read or dropped already; a copy says that the peer has not heard our chain. */
export interface RegisteredPosition extends ReceivePosition {
  readonly kind: "current" | "next" | "skipped" | "mark";
  readonly headerKey: Uint8Array;
}

/** Structurally the contract's ratcheted ExpectedHint. */
export interface RegisteredHint {
  readonly kind: "ratcheted";
  readonly ref: number;
  derive(): Uint8Array;
}

/** Serial and number in 32 bits; unique in a state, because chains too far back for 16 bits are evicted. */
export function refOf({ serial, n }: ReceivePosition): number {
  return (((serial & 0xffff) << 16) | (n & 0xffff)) >>> 0;
}

/** Every hint the state recognises: 32, the marks and the skipped. */
export function* expectedHints(state: RatchetState): Generator<RegisteredHint> {
  for (const { headerKey, serial, n } of registeredPositions(state)) {
    yield { kind: "ratcheted", ref: refOf({ serial, n }), derive: () => ratchetedIdentifier(headerKey, n).hint };
  }
}

/** Every recognised message. */
export function* registeredPositions(state: RatchetState): Generator<RegisteredPosition> {
  const { receive, nextReceiveHeaderKey, nextSerial, skipped } = state;
  if (receive !== undefined) {
    const { serial, headerKey, next } = receive;
    const end = Math.min(next + WINDOW, NUMBER_MAX + 1);
    for (let n = next; n < end; n++) yield { kind: "current", serial, n, headerKey };
  }
  for (let n = 0; n < WINDOW; n++) yield { kind: "next", serial: nextSerial, n, headerKey: nextReceiveHeaderKey };
  for (const { serial, headerKey, numbers } of skipped) {
    for (const n of numbers) yield { kind: "skipped", serial, n, headerKey };
  }
  if (receive !== undefined) {
    const { serial, headerKey, next } = receive;
    const open = skippedChain(skipped, serial);
    for (let n = 0; n < Math.min(next, WINDOW); n++) {
      if (!open?.numbers.includes(n)) yield { kind: "mark", serial, n, headerKey };
    }
  }
}

/** What a `ref` names in this state; undefined when it names nothing any more. */
export function positionOf(state: RatchetState, ref: number): RegisteredPosition | undefined {
  const serial16 = ref >>> 16;
  const n = ref & 0xffff;
  const { receive, nextReceiveHeaderKey, nextSerial, skipped } = state;
  if ((nextSerial & 0xffff) === serial16) {
    return n < WINDOW ? { kind: "next", serial: nextSerial, n, headerKey: nextReceiveHeaderKey } : undefined;
  }
  const old = skipped.find((chain) => (chain.serial & 0xffff) === serial16);
  if (old?.numbers.includes(n)) return { kind: "skipped", serial: old.serial, n, headerKey: old.headerKey };
  if (receive === undefined || (receive.serial & 0xffff) !== serial16) return undefined;
  const { serial, headerKey, next } = receive;
  if (n >= next) return n < next + WINDOW ? { kind: "current", serial, n, headerKey } : undefined;
  return n < WINDOW ? { kind: "mark", serial, n, headerKey } : undefined;
}

function skippedChain(skipped: readonly SkippedChain[], serial: number): SkippedChain | undefined {
  const last = skipped.at(-1);
  return last?.serial === serial ? last : undefined;
}
