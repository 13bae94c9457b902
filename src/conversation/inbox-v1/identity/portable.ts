/** What of an inbox is the same person elsewhere: its identity key, and the static key beside it. No conversation is part of it. */
import { concat } from "../../../crypto/bytes.ts";
import { fromWords, toWords } from "../../../crypto/words.ts";
import type { InboxState } from "../state.ts";

/** An inbox that is opened with it has the client address of the old one. */
export interface PortableIdentity {
  /** Ed25519 seed, 32 bytes. */
  readonly identitySeed: Uint8Array;
  /** X25519 secret, 32 bytes; absent: a new one. */
  readonly staticSecret?: Uint8Array;
}

const SEED_BYTES = 32;

/** Words for the identity key alone: the static key is made anew, and told in every new link. */
export function recoveryWords({ identitySeed }: Pick<InboxState, "identitySeed">): string[] {
  return toWords(identitySeed);
}

/** The identity, or why these are no recovery words. */
export function fromRecoveryWords(text: string): PortableIdentity | { readonly fault: string } {
  const seed = fromWords(text, SEED_BYTES);
  if (seed instanceof Uint8Array) return { identitySeed: seed };
  if (seed === "count") return { fault: "there are not 18 words" };
  if (seed === "checksum")
    return { fault: "each is a word, but they do not belong together: one is wrong or out of order" };
  return { fault: `word ${seed.badWord} is none: each has five letters, like b-a-d-u-k` };
}

/** The contents of an identity file. */
export function encodeIdentity({ identitySeed, staticSecret }: InboxState): Uint8Array {
  return concat(identitySeed, staticSecret);
}

/** undefined for anything that `encodeIdentity` does not make. */
export function decodeIdentity(bytes: Uint8Array): PortableIdentity | undefined {
  if (bytes.length !== 2 * SEED_BYTES) return undefined;
  return { identitySeed: bytes.slice(0, SEED_BYTES), staticSecret: bytes.slice(SEED_BYTES) };
}
