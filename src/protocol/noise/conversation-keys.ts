/** Keys that a private conversation takes out of the invite's handshake, and the reference to its prekey (profile 8.7). */
import { concat, u32be, utf8 } from "../../crypto/bytes.ts";
import { blake2s } from "../../crypto/hash.ts";
import { hkdfBlake2s } from "../../crypto/kdf.ts";

/** Chaining key and transcript hash, taken before the payload so that the payload can use the keys derived from them. */
export interface HandshakeExport {
  readonly ck: Uint8Array;
  readonly h: Uint8Array;
}

/** The four values of profile 8.7 "Keys of the private conversation". */
export interface ConversationKeys {
  /** SK. */
  readonly sharedSecret: Uint8Array;
  /** HK_A. */
  readonly inviterHeaderKey: Uint8Array;
  /** NHK_B. */
  readonly inviteeNextHeaderKey: Uint8Array;
  /** 16 bytes. */
  readonly ident: Uint8Array;
}

const KEYS_LABEL = utf8("umbra/private/v1\0");
const KEY_REF_LABEL = utf8("umbra/keyref/v1");
const KEY_REF_BYTES = 4;

/** Both sides derive the same keys; the discriminator separates several conversations of one handshake. */
export function exportConversationKeys(exported: HandshakeExport, discriminator: string): ConversationKeys {
  const info = concat(KEYS_LABEL, utf8(discriminator));
  const okm = hkdfBlake2s({ salt: exported.h, ikm: exported.ck, info, length: 112 });
  return {
    sharedSecret: okm.slice(0, 32),
    inviterHeaderKey: okm.slice(32, 64),
    inviteeNextHeaderKey: okm.slice(64, 96),
    ident: okm.slice(96, 112),
  };
}

/** `Ecies.key_ref`: which prekey an invite used. A hint only, not authenticated; salted so that it links nothing. */
export function keyRef(salt: number, prekeyPublic: Uint8Array): Uint8Array {
  return blake2s(KEY_REF_LABEL, u32be(salt), prekeyPublic).slice(0, KEY_REF_BYTES);
}
