/**
 * Ratcheting private identifiers (profile 8.5): the hint of one message, derived from the header key of its sending
 * chain. The receiver holds the header keys of the current and of the next chain, so it knows a hint before it arrives.
 */
import { readU32be, u32be, utf8 } from "../../crypto/bytes.ts";
import { blake2s } from "../../crypto/hash.ts";
import { hintOf } from "../../wire/conversation-hint.ts";

/** How many numbers of a chain are recognised ahead; a resend repeats a number below it, so more is never needed. */
export const WINDOW = 16;

const LABEL = utf8("umbra/rid/v1");
const RID_BYTES = 28;

export interface RatchetedIdentifier {
  /** 28 bytes: the ratcheting private identifier itself. */
  readonly rid: Uint8Array;
  /** Derived from the same hash output as `rid`, so that it cannot link envelopes as a counter would. */
  readonly salt: number;
  /** 32 raw bytes: what the envelope carries in hex. */
  readonly hint: Uint8Array;
}

/** The identifier of message number `n` in the chain of `headerKey`. */
export function ratchetedIdentifier(headerKey: Uint8Array, n: number): RatchetedIdentifier {
  const x = blake2s(LABEL, headerKey, u32be(n));
  const rid = x.subarray(0, RID_BYTES);
  const salt = readU32be(x, RID_BYTES);
  return { rid, salt, hint: hintOf(salt, rid) };
}
