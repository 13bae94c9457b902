/** Messages as a peer could make them, right but for what a test changes; and a look into what we send. */
import assert from "node:assert/strict";
import { conversationIdOf } from "../../../src/conversation/private-v1/send.ts";
import type { PrivateState } from "../../../src/conversation/private-v1/state.ts";
import { fromHex, toHex } from "../../../src/crypto/bytes.ts";
import { kdfChain } from "../../../src/crypto/kdf.ts";
import { decrypt } from "../../../src/protocol/double-ratchet/decrypt.ts";
import { bodyAssociatedData, sealHeader, sealWithNonce } from "../../../src/protocol/double-ratchet/header.ts";
import { pad } from "../../../src/protocol/double-ratchet/padding.ts";
import { ratchetedIdentifier } from "../../../src/protocol/private-identifier/ratcheted-identifier.ts";
import { decodeSds, encodeSds, messageIdOf, type SdsMessage } from "../../../src/protocol/reliability/sds-message.ts";
import { encodeSingleSegment } from "../../../src/protocol/segmentation/segment.ts";
import { textContent } from "../../../src/wire/content-frame.ts";
import { decodeEnvelope, encodeEnvelope } from "../../../src/wire/envelope.ts";
import type { Hint } from "../../../src/wire/ids.ts";
import { encodePrivateFrame } from "../../../src/wire/private-frame.ts";
import type { Hand, Publish } from "../by-hand.ts";

/** The next number of the hand's chain, carrying these bytes; `padded` is what the body seals. */
export function craft(
  hand: Hand<PrivateState>,
  plaintext: Uint8Array,
  padded: Uint8Array = pad(plaintext),
): Uint8Array {
  const { ratchet, ident } = hand.state;
  assert.ok(ratchet.send !== undefined);
  const { headerKey, n, chainKey } = ratchet.send;
  const step = kdfChain(chainKey);
  const { hint, salt } = ratchetedIdentifier(headerKey, n);
  const random = (length: number) => new Uint8Array(length).fill(n);
  const header = { ratchetPublic: ratchet.ourPublic, n, previousSent: ratchet.previousSent };
  const sealedHeader = sealHeader(headerKey, header, random);
  const ad = bodyAssociatedData(ident, hint, sealedHeader);
  const body = sealWithNonce(step.messageKey, padded, ad, random);
  hand.state = { ...hand.state, ratchet: { ...ratchet, send: { headerKey, chainKey: step.chainKey, n: n + 1 } } };
  return encodeEnvelope({
    hint: toHex(hint) as Hint,
    salt,
    encryptedBytes: { member: "encrypted_bytes", bytes: Uint8Array.from([...sealedHeader, ...body]) },
  });
}

/** An SDS message of the hand's side with one text, but for the changes. */
export function sdsOf(hand: Hand<PrivateState>, text: string, changes: Partial<SdsMessage> = {}): SdsMessage {
  const frame = textFrame(hand, text);
  return {
    senderId: hand.state.isInviter ? "I" : "R",
    messageId: messageIdOf({ count: 1, payload: frame }, frame),
    channelId: conversationIdOf(hand.state),
    lamport: hand.nowMs,
    causalHistory: [],
    repairRequest: [],
    content: encodeSingleSegment(frame),
    ...changes,
  };
}

/** An SDS message that carries this frame. */
export function carrying(hand: Hand<PrivateState>, frame: Uint8Array): SdsMessage {
  return sdsOf(hand, "", {
    messageId: messageIdOf({ count: 1, payload: frame }, frame),
    content: encodeSingleSegment(frame),
  });
}

export function textFrame(hand: Hand<PrivateState>, text: string, conversationId?: string): Uint8Array {
  return encodePrivateFrame({
    conversationId: conversationId ?? conversationIdOf(hand.state),
    timestampMs: hand.nowMs,
    kind: "content",
    content: textContent(text),
  });
}

export function craftSds(hand: Hand<PrivateState>, sds: SdsMessage): Uint8Array {
  return craft(hand, encodeSds(sds));
}

/** What the hand would read in an envelope, which number it has, and whether the ratchet would step. */
export function peek(
  hand: Hand<PrivateState>,
  { envelope }: Pick<Publish, "envelope">,
): { readonly sds: SdsMessage; readonly n: number; readonly stepped: boolean } {
  const input = hand.input(envelope);
  const { encryptedBytes, salt } = input.envelope;
  const hint = fromHex(input.envelope.hint);
  assert.ok(encryptedBytes.member === "encrypted_bytes" && hint !== undefined);
  const sealed = { ref: input.ref, hint, salt, blob: encryptedBytes.bytes, ident: hand.state.ident };
  const random = (length: number) => new Uint8Array(length).fill(3);
  const read = decrypt(hand.state.ratchet, { ...sealed, random });
  assert.ok(read.kind === "read" && read.plaintext !== undefined, read.kind);
  const decoded = decodeSds(read.plaintext);
  assert.ok(decoded.kind === "readable");
  return { sds: decoded.value, n: input.ref & 0xffff, stepped: read.stepped };
}

/** The hint of an envelope: two envelopes with one hint have one number. */
export function hintIn({ envelope }: Pick<Publish, "envelope">): string {
  const decoded = decodeEnvelope(envelope);
  assert.ok(decoded.kind === "readable");
  return decoded.value.hint;
}
