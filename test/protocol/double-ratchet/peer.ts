/**
 * One side of a private conversation as the tests see it: a ratchet state, the skipped keys beside it, and a stand-in
 * for the router that finds a `ref` by hint.
 */
import assert from "node:assert/strict";
import { concat, toHex, u32be, utf8 } from "../../../src/crypto/bytes.ts";
import { x25519Public } from "../../../src/crypto/dh.ts";
import { blake2s } from "../../../src/crypto/hash.ts";
import { type Decryption, decrypt, type SealedMessage } from "../../../src/protocol/double-ratchet/decrypt.ts";
import { type EncryptedMessage, encrypt } from "../../../src/protocol/double-ratchet/encrypt.ts";
import type { MessageKeyMemo } from "../../../src/protocol/double-ratchet/message-key-memo.ts";
import {
  type RatchetState,
  startAsInvitee,
  startAsInviter,
} from "../../../src/protocol/double-ratchet/ratchet-state.ts";
import { expectedHints } from "../../../src/protocol/double-ratchet/registered-hints.ts";

export const IDENT: Uint8Array = new Uint8Array(16).fill(0x1d);

/** What travels. */
export type Wire = Pick<EncryptedMessage, "hint" | "salt" | "blob">;

/** Deterministic bytes, so that a failing run can be repeated. */
export function unsafeSeededRandom(seed: string): (length: number) => Uint8Array {
  let count = 0;
  return (length) => blake2s(utf8(seed), u32be(count++)).slice(0, length);
}

export class Peer {
  state: RatchetState;
  readonly keys = new Map<string, Uint8Array>();
  readonly random: (length: number) => Uint8Array;
  memo: MessageKeyMemo | undefined;

  constructor(state: RatchetState, seed: string) {
    this.state = state;
    this.random = unsafeSeededRandom(seed);
  }

  send(plaintext: Uint8Array): EncryptedMessage {
    const made = encrypt(this.state, { ident: IDENT, plaintext, random: this.random });
    this.state = made.state;
    return made;
  }

  /** The `ref` that a router would find, or undefined when the hint is not expected. */
  refFor(hint: Uint8Array): number | undefined {
    for (const expected of expectedHints(this.state)) {
      if (toHex(expected.derive()) === toHex(hint)) return expected.ref;
    }
    return undefined;
  }

  /** Decrypts without keeping anything. */
  tryRead(message: Wire, ref: number, overrides: Partial<SealedMessage> = {}): Decryption {
    const sealed = {
      ref,
      hint: message.hint,
      salt: message.salt,
      blob: message.blob,
      ident: IDENT,
      random: this.random,
      ...(this.memo === undefined ? {} : { messageKeyMemo: this.memo }),
      ...overrides,
    };
    const first = decrypt(this.state, sealed);
    if (first.kind !== "lacks") return first;
    const skippedKey = this.keys.get(keyName(first));
    assert.ok(skippedKey, "a number that the state calls skipped has a stored key");
    return decrypt(this.state, { ...sealed, skippedKey });
  }

  /** Routes and decrypts; keeps what was read. `unrouted`: no such hint. */
  receive(message: Wire): Decryption | { readonly kind: "unrouted" } {
    const ref = this.refFor(message.hint);
    if (ref === undefined) return { kind: "unrouted" };
    const result = this.tryRead(message, ref);
    if (result.kind === "read") {
      this.state = result.state;
      for (const stored of result.stored) this.keys.set(keyName(stored), stored.messageKey);
      for (const gone of [...result.dropped, ...(result.used === undefined ? [] : [result.used])]) {
        assert.ok(this.keys.delete(keyName(gone)), "only stored keys are used or dropped");
      }
    }
    return result;
  }
}

/** The caller's record name of a skipped key. */
export const keyName = ({ serial, n }: { serial: number; n: number }): string => `${serial}/${n}`;

/** An inviter and an invitee who share fresh keys. */
export function peers(seed: string): { inviter: Peer; invitee: Peer } {
  const random = unsafeSeededRandom(`${seed}/keys`);
  const keys = {
    sharedSecret: random(32),
    inviterHeaderKey: random(32),
    inviteeNextHeaderKey: random(32),
  };
  const prekeySecret = random(32);
  const inviter = startAsInviter({ keys, ratchetSecret: random(32), peerPrekey: x25519Public(prekeySecret) });
  assert.ok(inviter);
  return {
    inviter: new Peer(inviter, `${seed}/inviter`),
    invitee: new Peer(startAsInvitee({ keys, prekeySecret }), `${seed}/invitee`),
  };
}

/** Plaintext that names its message. */
export const plain = (text: string): Uint8Array => concat(utf8(text));
