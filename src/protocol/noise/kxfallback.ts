/**
 * `Noise_KXfallback_25519_ChaChaPoly_BLAKE2s` (profile 8.7), one message: the bundle is the responder's pre-message
 * `e, s`, the invite is `e, ee, es, s, se`. Owns the bytes of the handshake; knows nothing of bundles, prekey rows or
 * what the payload says.
 */
import { AEAD_TAG_BYTES } from "../../crypto/aead.ts";
import { concat, utf8 } from "../../crypto/bytes.ts";
import { X25519_BYTES, x25519, x25519Public } from "../../crypto/dh.ts";
import type { HandshakeExport } from "./conversation-keys.ts";
import { SymmetricState } from "./symmetric-state.ts";

const SEALED_STATIC_BYTES = X25519_BYTES + AEAD_TAG_BYTES;
const PROLOGUE_LABEL = utf8("umbra/inbox/v1\0");

export interface InviteTarget {
  /** Conversation id of the responder's inbox: bound into the transcript, so an invite cannot be re-targeted. */
  readonly prologueConversationId: string;
  readonly theirStatic: Uint8Array;
  readonly theirPrekey: Uint8Array;
  readonly ourStaticSecret: Uint8Array;
  /** Fresh for every invite. */
  readonly ephemeralSecret: Uint8Array;
}

export interface SealedInvite {
  /** `c_s ‖ c_p` without the last 16 bytes: `Ecies.encrypted_bytes`. */
  readonly bytes: Uint8Array;
  /** The last 16 bytes of `c_p`: `Ecies.tag`. */
  readonly tag: Uint8Array;
}

export interface BegunInvite {
  readonly ephemeralPublic: Uint8Array;
  readonly export: HandshakeExport;
  /**
   * The payload comes second because it carries a message encrypted under the exported keys. Pure, so every call uses
   * the same nonce: the bytes of one payload only may ever leave the process.
   */
  finish(payload: Uint8Array): SealedInvite;
}

/** The initiator's side up to the export. Fails only for a responder key that gives an all-zero shared secret. */
export function beginInvite(target: InviteTarget): BegunInvite | { readonly failure: string } {
  const { theirStatic, theirPrekey, ourStaticSecret, ephemeralSecret } = target;
  const ephemeralPublic = x25519Public(ephemeralSecret);
  const ee = x25519(ephemeralSecret, theirPrekey);
  const es = x25519(ephemeralSecret, theirStatic);
  const se = x25519(ourStaticSecret, theirPrekey);
  if (ee === undefined || es === undefined || se === undefined) return { failure: "all-zero-shared-secret" };

  const state = startTranscript(target.prologueConversationId, theirPrekey, theirStatic);
  state.mixHash(ephemeralPublic);
  state.mixKey(ee);
  state.mixKey(es);
  const sealedStatic = state.encryptAndHash(x25519Public(ourStaticSecret));
  state.mixKey(se);
  return {
    ephemeralPublic,
    export: state.export(),
    finish: (payload) => {
      const sealedPayload = state.copy().encryptAndHash(payload);
      const cut = sealedPayload.length - AEAD_TAG_BYTES;
      return { bytes: concat(sealedStatic, sealedPayload.subarray(0, cut)), tag: sealedPayload.slice(cut) };
    },
  };
}

export interface ReceivedInvite {
  /** Conversation id of the inbox that the hint named. */
  readonly conversationId: string;
  readonly ourStaticSecret: Uint8Array;
  readonly ourPrekeySecret: Uint8Array;
  readonly ephemeralPublic: Uint8Array;
  readonly bytes: Uint8Array;
  readonly tag: Uint8Array;
}

export type ReadInvite =
  | {
      readonly kind: "read";
      /** s_A, proved by `se`; who it belongs to is the bundle's to say. */
      readonly theirStatic: Uint8Array;
      readonly export: HandshakeExport;
      readonly payload: Uint8Array;
    }
  | { readonly kind: "badly-formed"; readonly reason: string };

/** The responder's side: total on strangers' bytes. */
export function readInvite(invite: ReceivedInvite): ReadInvite {
  const { ourStaticSecret, ourPrekeySecret, ephemeralPublic, bytes, tag } = invite;
  if (ephemeralPublic.length !== X25519_BYTES) return badly("ephemeral-length");
  if (tag.length !== AEAD_TAG_BYTES || bytes.length < SEALED_STATIC_BYTES) return badly("ecies-length");

  const ee = x25519(ourPrekeySecret, ephemeralPublic);
  const es = x25519(ourStaticSecret, ephemeralPublic);
  if (ee === undefined || es === undefined) return badly("all-zero-shared-secret");

  const state = startTranscript(invite.conversationId, x25519Public(ourPrekeySecret), x25519Public(ourStaticSecret));
  state.mixHash(ephemeralPublic);
  state.mixKey(ee);
  state.mixKey(es);
  const theirStatic = state.decryptAndHash(bytes.subarray(0, SEALED_STATIC_BYTES));
  if (theirStatic === undefined) return badly("static-key-tag");
  const se = x25519(ourPrekeySecret, theirStatic);
  if (se === undefined) return badly("all-zero-shared-secret");
  state.mixKey(se);
  const exported = state.export();
  const payload = state.decryptAndHash(concat(bytes.subarray(SEALED_STATIC_BYTES), tag));
  if (payload === undefined) return badly("payload-tag");
  return { kind: "read", theirStatic, export: exported, payload };
}

function badly(reason: string): ReadInvite {
  return { kind: "badly-formed", reason };
}

/** The prologue of profile 8.7. */
export function inboxPrologue(conversationId: string): Uint8Array {
  return concat(PROLOGUE_LABEL, utf8(conversationId));
}

function startTranscript(conversationId: string, prekey: Uint8Array, staticKey: Uint8Array): SymmetricState {
  const state = new SymmetricState();
  state.mixHash(inboxPrologue(conversationId));
  state.mixHash(prekey);
  state.mixHash(staticKey);
  return state;
}
