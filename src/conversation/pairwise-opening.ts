/**
 * What an inbox hands to the type of a two-party conversation: the only thing the two share beside the contract, so that
 * neither imports the other. Profile 8.7 "Keys of the private conversation".
 */
import type { ContentFrame } from "../wire/content-frame.ts";
import type { ContentTopic } from "../wire/ids.ts";

export interface PairwiseKeys {
  /** SK, 32 bytes. */
  readonly sharedSecret: Uint8Array;
  /** HK_A, 32 bytes: header key of the inviter's first sending chain. */
  readonly inviterHeaderKey: Uint8Array;
  /** NHK_B, 32 bytes: next header key of the invitee's first sending chain. */
  readonly inviteeNextHeaderKey: Uint8Array;
  /** 16 bytes: the conversation's ident. */
  readonly ident: Uint8Array;
}

/** Conversations with one peer that know of each other. With a peer that opens ever more of them the oldest are forgotten. */
export const SIBLINGS_MAX = 8;

interface PairwiseCommon {
  readonly keys: PairwiseKeys;
  readonly ourAddress: string;
  readonly peerAddress: string;
  /** Where we listen: the topics of the bundle that we gave. */
  readonly ourTopics: readonly ContentTopic[];
  /** Where we publish: on the first. */
  readonly peerTopics: readonly ContentTopic[];
  readonly createdAtMs: number;
  /** Idents of the other conversations with this peer: what was said in one may be said again in another (ADR 0031). */
  readonly siblings: readonly Uint8Array[];
}

export interface InviterOpening extends PairwiseCommon {
  readonly role: "inviter";
  /** X25519 public key of the peer's prekey, 32 bytes. */
  readonly peerPrekey: Uint8Array;
  /** What to say first; absent: the first message is an empty sync message. */
  readonly content?: ContentFrame;
  /** Puts the first message (encrypted) into the invite and finishes it: the envelope to publish and to repeat. */
  seal(initialMessage: Uint8Array): { readonly topic: ContentTopic; readonly envelope: Uint8Array };
}

export interface InviteeOpening extends PairwiseCommon {
  readonly role: "invitee";
  /** Nobody has accepted the inviter: read, and send nothing until then. */
  readonly isUndecided: boolean;
  /** X25519 secret of our prekey, 32 bytes. */
  readonly ourPrekeySecret: Uint8Array;
  /** Our current bundle (ContactBundleV1), which the inviter gets for a later invite (profile 8.7 "Fresh bundles"). */
  readonly ourBundle?: Uint8Array;
  /** The encrypted first message of the invite; absent is accepted. */
  readonly initialMessage?: Uint8Array;
}

export type PairwiseOpening = InviterOpening | InviteeOpening;
