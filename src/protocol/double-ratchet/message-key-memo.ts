/**
 * Message keys of forged copies (profile 8.5, Consumption): a garbage body behind the copied header of a real message
 * makes us walk the chain once; further copies find the key here. A cache only: results never depend on it.
 */
import { toHex } from "../../crypto/bytes.ts";
import type { RatchetState } from "./ratchet-state.ts";

/** Headers remembered a conversation. */
export const MEMO_MAX = 4;

/** Kept in memory as long as the state that it belongs to is the conversation's; never stored. */
export interface MessageKeyMemo {
  keyOf(sealedHeader: Uint8Array): Uint8Array | undefined;
  remember(sealedHeader: Uint8Array, messageKey: Uint8Array): void;
}

/** An empty memo; when full, the oldest entry goes. */
export function createMessageKeyMemo(): MessageKeyMemo {
  const keys = new Map<string, Uint8Array>();
  return {
    keyOf: (sealedHeader) => (keys.size === 0 ? undefined : keys.get(toHex(sealedHeader))),
    remember: (sealedHeader, messageKey) => {
      const name = toHex(sealedHeader);
      if (keys.has(name)) return;
      const oldest = keys.keys().next();
      if (keys.size >= MEMO_MAX && !oldest.done) keys.delete(oldest.value);
      keys.set(name, messageKey);
    },
  };
}

const memos = new WeakMap<RatchetState, MessageKeyMemo>();

/** The memo of a state: a commit makes another state, and with the old one its memo goes. */
export function memoOf(state: RatchetState): MessageKeyMemo {
  const known = memos.get(state);
  if (known !== undefined) return known;
  const memo = createMessageKeyMemo();
  memos.set(state, memo);
  return memo;
}
