/**
 * State of the Double Ratchet with header encryption (profile 8.6) and how it begins on either side. A state is a
 * value: encrypt and decrypt return another one and never touch the one they were given.
 */
import { x25519, x25519Public } from "../../crypto/dh.ts";
import { kdfRoot } from "../../crypto/kdf.ts";

/** Numbers end here: a `ref` holds 16 bits of them, and a chain stops far below (profile 8.5 sender rule 3). */
export const NUMBER_MAX = 0xffff;

export interface SendChain {
  readonly headerKey: Uint8Array;
  readonly chainKey: Uint8Array;
  /** Number of the next message. */
  readonly n: number;
}

export interface ReceiveChain {
  readonly serial: number;
  readonly headerKey: Uint8Array;
  readonly chainKey: Uint8Array;
  /** The next expected number. */
  readonly next: number;
}

/** Numbers of one receive chain that were jumped over and whose message keys the caller keeps. */
export interface SkippedChain {
  readonly serial: number;
  readonly headerKey: Uint8Array;
  /** Ascending. */
  readonly numbers: readonly number[];
}

/** Place of a message in the chains that we receive. */
export interface ReceivePosition {
  readonly serial: number;
  readonly n: number;
}

export interface RatchetState {
  readonly rootKey: Uint8Array;
  readonly ourSecret: Uint8Array;
  readonly ourPublic: Uint8Array;
  readonly theirPublic?: Uint8Array;
  /** The invitee has none before its first read. */
  readonly send?: SendChain;
  /** PN: how many messages our chain before this one had. */
  readonly previousSent: number;
  readonly nextSendHeaderKey: Uint8Array;
  /** Number of our sending chain, 0 for the first. */
  readonly sendSerial: number;
  readonly receive?: ReceiveChain;
  readonly nextReceiveHeaderKey: Uint8Array;
  /** Serial of the next receive chain. */
  readonly nextSerial: number;
  /** Ascending by serial: with ascending numbers that is oldest first, because a chain is only skipped forward. */
  readonly skipped: readonly SkippedChain[];
}

/** The keys of `exportConversationKeys` that a ratchet starts from. */
export interface RatchetKeys {
  readonly sharedSecret: Uint8Array;
  readonly inviterHeaderKey: Uint8Array;
  readonly inviteeNextHeaderKey: Uint8Array;
}

export interface InviterStart {
  readonly keys: RatchetKeys;
  /** Fresh X25519 secret. */
  readonly ratchetSecret: Uint8Array;
  readonly peerPrekey: Uint8Array;
}

/** The inviter can send at once. Undefined for a prekey that gives an all-zero shared secret. */
export function startAsInviter({ keys, ratchetSecret, peerPrekey }: InviterStart): RatchetState | undefined {
  const shared = x25519(ratchetSecret, peerPrekey);
  if (shared === undefined) return undefined;
  const { rootKey, chainKey, nextHeaderKey } = kdfRoot(keys.sharedSecret, shared);
  return {
    rootKey,
    ourSecret: ratchetSecret,
    ourPublic: x25519Public(ratchetSecret),
    theirPublic: peerPrekey,
    send: { headerKey: keys.inviterHeaderKey, chainKey, n: 0 },
    previousSent: 0,
    nextSendHeaderKey: nextHeaderKey,
    sendSerial: 0,
    nextReceiveHeaderKey: keys.inviteeNextHeaderKey,
    nextSerial: 0,
    skipped: [],
  };
}

export interface InviteeStart {
  readonly keys: RatchetKeys;
  readonly prekeySecret: Uint8Array;
}

/** The invitee waits: its first sending chain comes with the first message it reads. */
export function startAsInvitee({ keys, prekeySecret }: InviteeStart): RatchetState {
  return {
    rootKey: keys.sharedSecret,
    ourSecret: prekeySecret,
    ourPublic: x25519Public(prekeySecret),
    previousSent: 0,
    nextSendHeaderKey: keys.inviteeNextHeaderKey,
    sendSerial: 0,
    nextReceiveHeaderKey: keys.inviterHeaderKey,
    nextSerial: 0,
    skipped: [],
  };
}
