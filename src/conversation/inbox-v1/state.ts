/** State of an inbox: the identity, and the prekeys that still open invites. Prekey secrets and the replay cache are records. */
import { toHex } from "../../crypto/bytes.ts";
import { x25519Public } from "../../crypto/dh.ts";
import { ed25519Public } from "../../crypto/sign.ts";
import { bucketTopic } from "../../wire/content-topic.ts";
import {
  type ClientAddress,
  type ContentTopic,
  type ConversationId,
  clientAddressOf,
  inboxAddressOf,
  inboxConversationId,
} from "../../wire/ids.ts";

export interface Prekey {
  /** X25519 public key, 32 bytes. */
  readonly publicKey: Uint8Array;
  readonly multiUse: boolean;
  readonly createdAtMs: number;
  /** Binds the inviter only: we accept the prekey until we delete it (profile 8.7). */
  readonly notAfterMs: number;
  /** Invites it may still open; not counted for the public prekey. */
  readonly usesLeft: number;
  /** The prekey of the bundle that goes along with our own invites. */
  readonly isPublic: boolean;
}

export interface InboxState {
  /** Ed25519 seed, 32 bytes. */
  readonly identitySeed: Uint8Array;
  /** X25519 secret, 32 bytes. */
  readonly staticSecret: Uint8Array;
  readonly createdAtMs: number;
  readonly bucketBits: number;
  readonly prekeys: readonly Prekey[];
  /** Contact requests that nobody has decided on. */
  readonly undecided: number;
}

/** The public side of an inbox, derived: five scalar multiplications' worth that no state needs to store. */
export interface InboxIdentity {
  readonly identityKey: Uint8Array;
  readonly staticKey: Uint8Array;
  readonly clientAddress: ClientAddress;
  readonly conversationId: ConversationId;
  readonly topic: ContentTopic;
}

// Every command and every envelope asks for it; one inbox has one identity for life.
const derived = new WeakMap<Uint8Array, { readonly of: InboxState; readonly identity: InboxIdentity }>();

export function identityOf(state: InboxState): InboxIdentity {
  const known = derived.get(state.identitySeed);
  if (known?.of.staticSecret === state.staticSecret && known.of.bucketBits === state.bucketBits) return known.identity;
  const identityKey = ed25519Public(state.identitySeed);
  const clientAddress = clientAddressOf(identityKey);
  const inboxAddress = inboxAddressOf(clientAddress);
  const identity = {
    identityKey,
    staticKey: x25519Public(state.staticSecret),
    clientAddress,
    conversationId: inboxConversationId(inboxAddress),
    topic: bucketTopic(inboxAddress, state.bucketBits),
  };
  derived.set(state.identitySeed, { of: state, identity });
  return identity;
}

export const DAY_MS: number = 24 * 3_600_000;
/** Prekeys of shared links outlive the link's expiry by this, for invites on their way (profile 8.7 "Prekeys"). */
export const PREKEY_GRACE_MS = 30 * DAY_MS;
/** Each open link is a prekey in the state, which stays under 64 KiB. */
export const PREKEYS_MAX = 500;
/** Over it a request is dropped and uses nothing up (profile 10.5). */
export const REQUESTS_MAX = 500;
export const INVITE_BYTES_MAX: number = 64 * 1024;
/** How long a used one-time prekey of somebody else is remembered at most. */
export const SPENT_MAX_MS = 400 * DAY_MS;
/** The public prekey, whose bundle goes with our invites, is replaced after this and kept for a while (profile 8.7 "Prekeys"). */
export const PUBLIC_ROTATION_MS = 7 * DAY_MS;
export const PUBLIC_PREKEY_MS = PUBLIC_ROTATION_MS + 30 * DAY_MS;
/** Text that with its frame around it fits one segment (profile 8.8). */
export const TEXT_BYTES_MAX = 15 * 1024;
export const PRIVATE_TYPE = "private/v1";
/** How the type is named in a bundle. */
export const PRIVATE_TYPE_PATH = "/private/v1";
export const DISCRIMINATOR = "default";

export const prekeyRecord = (publicKey: Uint8Array): string => `prekey/${toHex(publicKey)}`;
export const replayRecord = (ephemeralPublic: Uint8Array): string => `replay/${toHex(ephemeralPublic)}`;
/** A one-time prekey of somebody else that we used: a second invite with it would be dropped (profile 8.7 "Re-invite"). */
export const spentRecord = (prekey: Uint8Array): string => `spent/${toHex(prekey)}`;
/** What we know of an identity: see contact.ts. */
export const contactRecord = (clientAddress: string): string => `contact/${clientAddress}`;
