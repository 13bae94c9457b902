/** Sending side of the Double Ratchet (profile 8.6). */
import { concat } from "../../crypto/bytes.ts";
import { kdfChain } from "../../crypto/kdf.ts";
import { ratchetedIdentifier } from "../private-identifier/ratcheted-identifier.ts";
import { bodyAssociatedData, type Random, sealHeader, sealWithNonce } from "./header.ts";
import { pad } from "./padding.ts";
import { NUMBER_MAX, type RatchetState } from "./ratchet-state.ts";

export interface PlainMessage {
  /** 16 bytes: binds the message to its conversation. */
  readonly ident: Uint8Array;
  readonly plaintext: Uint8Array;
  /** Drawn twice: header nonce, then body nonce. */
  readonly random: Random;
}

export interface EncryptedMessage {
  /** Must be stored before the blob leaves: from the old state the same number would be used again. */
  readonly state: RatchetState;
  readonly n: number;
  readonly sendSerial: number;
  /** 32 raw bytes. */
  readonly hint: Uint8Array;
  readonly salt: number;
  /** enc_header ‖ body. */
  readonly blob: Uint8Array;
}

/** Whether there is a sending chain; an invitee has none before its first read. */
export function canEncrypt(state: RatchetState): boolean {
  return state.send !== undefined && state.send.n <= NUMBER_MAX;
}

/** The next message of our chain. Throws where `canEncrypt` is false, because that is the caller's bug. */
export function encrypt(state: RatchetState, { ident, plaintext, random }: PlainMessage): EncryptedMessage {
  const { send } = state;
  if (send === undefined) throw new Error("The invitee cannot encrypt before it has read a message");
  const { headerKey, n } = send;
  if (n > NUMBER_MAX) throw new RangeError("A sending chain ends at number 65535");
  const { chainKey, messageKey } = kdfChain(send.chainKey);
  const { hint, salt } = ratchetedIdentifier(headerKey, n);
  const header = { ratchetPublic: state.ourPublic, n, previousSent: state.previousSent };
  const sealedHeader = sealHeader(headerKey, header, random);
  const sealedBody = sealWithNonce(messageKey, pad(plaintext), bodyAssociatedData(ident, hint, sealedHeader), random);
  const advanced = { ...state, send: { headerKey, chainKey, n: n + 1 } };
  return { state: advanced, n, sendSerial: state.sendSerial, hint, salt, blob: concat(sealedHeader, sealedBody) };
}
