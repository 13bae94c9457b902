/** A Store that passes every call on to a real one and, on demand, fails before it or after it: the disk of a bad day. */
import { UmbradError } from "../../../src/engine/errors.ts";
import type { Store } from "../../../src/engine/ports.ts";

export interface StoreCall {
  readonly method: keyof Store;
  readonly args: readonly unknown[];
}

export interface FaultyStore {
  readonly store: Store;
  /** May throw: the real store never hears of the call. */
  before: (call: StoreCall) => void;
  /** May throw: the real store has done it, and the caller never learns. */
  after: (call: StoreCall) => void;
}

export function faultyStore(real: Store): FaultyStore {
  const faults: FaultyStore = { store: real, before: () => {}, after: () => {} };
  const store = new Proxy(real, {
    get(target, method: keyof Store) {
      if (typeof target[method] !== "function") return target[method];
      return (...args: unknown[]) => {
        faults.before({ method, args });
        const result = (target[method] as (...args: unknown[]) => unknown).apply(target, args);
        faults.after({ method, args });
        return result;
      };
    },
  });
  return Object.assign(faults, { store });
}

export function diskFull(): UmbradError {
  return new UmbradError("store/full", "the disk is full");
}
