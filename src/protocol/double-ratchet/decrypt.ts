/**
 * Receiving side of the Double Ratchet (profile 8.6). Total on strangers' bytes: whatever does not verify leaves the
 * given state as it is, and nothing is drawn, derived for storage or dropped before the body's tag verified.
 */

import { x25519, x25519Public } from "../../crypto/dh.ts";
import { bytesEqual } from "../../crypto/equal.ts";
import { kdfChain, kdfRoot } from "../../crypto/kdf.ts";
import { ratchetedIdentifier } from "../private-identifier/ratcheted-identifier.ts";
import { bodyAssociatedData, type Header, openHeader, openWithNonce, type Random, splitBlob } from "./header.ts";
import type { MessageKeyMemo } from "./message-key-memo.ts";
import { unpad } from "./padding.ts";
import { NUMBER_MAX, type RatchetState, type ReceiveChain, type ReceivePosition } from "./ratchet-state.ts";
import { positionOf, type RegisteredPosition } from "./registered-hints.ts";
import { evictOverCaps, MAX_SKIP, withoutSkipped, withSkipped } from "./skipped-numbers.ts";

export interface SealedMessage {
  /** What `expectedHints` said of the hint. */
  readonly ref: number;
  /** 32 raw bytes. */
  readonly hint: Uint8Array;
  readonly salt: number;
  /** enc_header ‖ body. */
  readonly blob: Uint8Array;
  readonly ident: Uint8Array;
  /** The stored message key, after a `lacks`. */
  readonly skippedKey?: Uint8Array;
  readonly messageKeyMemo?: MessageKeyMemo;
  /** Drawn once, 32 bytes, when the ratchet steps. */
  readonly random: Random;
}

/** A message key for the caller's records. */
export interface SkippedKey extends ReceivePosition {
  readonly messageKey: Uint8Array;
}

export interface ReadMessage {
  readonly kind: "read";
  readonly state: RatchetState;
  /** Undefined: the tag verified but the padding is wrong; the step is committed all the same (profile 8.11). */
  readonly plaintext: Uint8Array | undefined;
  /** A DH step: our sending chain is a new one. */
  readonly stepped: boolean;
  readonly stored: readonly SkippedKey[];
  /** The skipped key that this message used up. */
  readonly used?: ReceivePosition;
  /** Keys evicted by the caps, oldest first. */
  readonly dropped: readonly ReceivePosition[];
}

export type Decryption =
  | ReadMessage
  /** A copy of a message of 0…15 of the current chain that was read or dropped. Not authenticated. */
  | ({ readonly kind: "mark" } & ReceivePosition)
  /** The number was skipped: load its message key and give it as `skippedKey`. The header verified. */
  | ({ readonly kind: "lacks" } & ReceivePosition)
  | { readonly kind: "badly-formed"; readonly reason: string }
  /** This state does not expect the hint. */
  | { readonly kind: "stale" };

/** Reads one message, or says why not. */
export function decrypt(state: RatchetState, message: SealedMessage): Decryption {
  const position = positionOf(state, message.ref);
  if (position === undefined) return { kind: "stale" };
  const { kind, serial, n, headerKey } = position;
  const expected = ratchetedIdentifier(headerKey, n);
  if (!bytesEqual(expected.hint, message.hint)) return { kind: "stale" };
  if (expected.salt !== message.salt) return badly("salt");
  if (kind === "mark") return { kind, serial, n };

  const parts = splitBlob(message.blob);
  if (parts === undefined) return badly("length");
  const header = openHeader(headerKey, parts.sealedHeader);
  if (header === undefined) return badly("header-tag");
  if (header.n !== n) return badly("header-number");
  // A skipped key is given, not derived: nothing to save, and a wrong one must not stay behind.
  const memo = kind === "skipped" ? undefined : message.messageKeyMemo;
  const openBody = bodyOpener(message, parts, memo);
  const known = memo?.keyOf(parts.sealedHeader);
  if (known !== undefined && openBody(known) === undefined) return badly("body-tag");

  if (kind === "next") return readNext(state, header, openBody, message.random);
  if (kind === "current") return readCurrent(state, position, openBody);
  return readSkipped(state, position, message.skippedKey, openBody);
}

type BodyOpener = (messageKey: Uint8Array) => Uint8Array | undefined;

function bodyOpener(
  { ident, hint }: SealedMessage,
  { sealedHeader, sealedBody }: { readonly sealedHeader: Uint8Array; readonly sealedBody: Uint8Array },
  memo: MessageKeyMemo | undefined,
): BodyOpener {
  const ad = bodyAssociatedData(ident, hint, sealedHeader);
  return (messageKey) => {
    const padded = openWithNonce(messageKey, sealedBody, ad);
    if (padded === undefined) memo?.remember(sealedHeader, messageKey);
    return padded;
  };
}

function readSkipped(
  state: RatchetState,
  { serial, n }: RegisteredPosition,
  messageKey: Uint8Array | undefined,
  openBody: BodyOpener,
): Decryption {
  if (messageKey === undefined) return { kind: "lacks", serial, n };
  const padded = openBody(messageKey);
  if (padded === undefined) return badly("body-tag");
  const used = { serial, n };
  const skipped = withoutSkipped(state.skipped, used);
  return {
    kind: "read",
    state: { ...state, skipped },
    plaintext: unpad(padded),
    stepped: false,
    stored: [],
    used,
    dropped: [],
  };
}

function readCurrent(state: RatchetState, { n }: RegisteredPosition, openBody: BodyOpener): Decryption {
  const { receive } = state;
  if (receive === undefined) return { kind: "stale" };
  const walk = walkChain(receive, n);
  if (walk === undefined) return badly("too-many-skipped");
  const { chainKey, messageKey } = kdfChain(walk.chainKey);
  const padded = openBody(messageKey);
  if (padded === undefined) return badly("body-tag");
  const kept = keep(state, [{ chain: receive, walk }], state.nextSerial);
  return {
    kind: "read",
    state: { ...state, receive: { ...receive, chainKey, next: n + 1 }, skipped: kept.skipped },
    plaintext: unpad(padded),
    stepped: false,
    stored: walk.keys,
    dropped: kept.dropped,
  };
}

function readNext(state: RatchetState, header: Header, openBody: BodyOpener, random: Random): Decryption {
  if (header.previousSent > NUMBER_MAX) return badly("number-range");
  const old = state.receive;
  // The old chain is counted here and walked only after the tags verified: a forger must not buy hashes with a number.
  if (old !== undefined && header.previousSent - old.next > MAX_SKIP) return badly("too-many-skipped");
  const received = ratchetRoot(state.rootKey, state.ourSecret, header.ratchetPublic);
  if (received === undefined) return badly("all-zero-shared-secret");
  const fresh: ReceiveChain = {
    serial: state.nextSerial,
    headerKey: state.nextReceiveHeaderKey,
    chainKey: received.chainKey,
    next: 0,
  };
  const walk = walkChain(fresh, header.n);
  if (walk === undefined) return badly("too-many-skipped");
  const { chainKey, messageKey } = kdfChain(walk.chainKey);
  const padded = openBody(messageKey);
  if (padded === undefined) return badly("body-tag");

  const ourSecret = random(32);
  const sent = ratchetRoot(received.rootKey, ourSecret, header.ratchetPublic);
  if (sent === undefined) return badly("all-zero-shared-secret");
  const oldWalk = old === undefined ? NOTHING_SKIPPED : (walkChain(old, header.previousSent) ?? NOTHING_SKIPPED);
  const nextSerial = state.nextSerial + 1;
  const walked = [...(old === undefined ? [] : [{ chain: old, walk: oldWalk }]), { chain: fresh, walk }];
  const kept = keep(state, walked, nextSerial);
  return {
    kind: "read",
    state: {
      rootKey: sent.rootKey,
      ourSecret,
      ourPublic: x25519Public(ourSecret),
      theirPublic: header.ratchetPublic,
      send: { headerKey: state.nextSendHeaderKey, chainKey: sent.chainKey, n: 0 },
      previousSent: state.send?.n ?? 0,
      nextSendHeaderKey: sent.nextHeaderKey,
      sendSerial: state.send === undefined ? 0 : state.sendSerial + 1,
      receive: { ...fresh, chainKey, next: header.n + 1 },
      nextReceiveHeaderKey: received.nextHeaderKey,
      nextSerial,
      skipped: kept.skipped,
    },
    plaintext: unpad(padded),
    stepped: true,
    stored: walked.flatMap((each) => each.walk.keys),
    dropped: kept.dropped,
  };
}

function ratchetRoot(
  rootKey: Uint8Array,
  secret: Uint8Array,
  theirPublic: Uint8Array,
): ReturnType<typeof kdfRoot> | undefined {
  const shared = x25519(secret, theirPublic);
  return shared === undefined ? undefined : kdfRoot(rootKey, shared);
}

/** A chain advanced to a number, with the message keys that were passed on the way. */
interface Walk {
  readonly chainKey: Uint8Array;
  readonly keys: readonly SkippedKey[];
}

const NOTHING_SKIPPED: Walk = { chainKey: new Uint8Array(0), keys: [] };

/** Undefined when more than MAX_SKIP numbers would be passed; a number below the chain's next passes none. */
function walkChain(chain: ReceiveChain, until: number): Walk | undefined {
  if (until - chain.next > MAX_SKIP) return undefined;
  let { chainKey } = chain;
  const keys: SkippedKey[] = [];
  for (let n = chain.next; n < until; n++) {
    const step = kdfChain(chainKey);
    chainKey = step.chainKey;
    keys.push({ serial: chain.serial, n, messageKey: step.messageKey });
  }
  return { chainKey, keys };
}

function keep(
  state: RatchetState,
  walked: readonly { readonly chain: ReceiveChain; readonly walk: Walk }[],
  nextSerial: number,
): ReturnType<typeof evictOverCaps> {
  let { skipped } = state;
  for (const { chain, walk } of walked) {
    skipped = withSkipped(
      skipped,
      chain,
      walk.keys.map(({ n }) => n),
    );
  }
  return evictOverCaps(skipped, nextSerial);
}

function badly(reason: string): Decryption {
  return { kind: "badly-formed", reason };
}
