/** What a WakuMessage is to a service node: its bytes, its deterministic hash and its size limit (Waku RFC 14 and 64). */
import { createHash } from "node:crypto";
import { WakuMessage } from "@waku/proto";

/** Relays refuse a whole WakuMessage above 150 KiB; it is the limit of every network we care for. */
export const messageBytesMax: number = 150 * 1024;

/** Longer content topics would let a peer fill our indexes with names; no real topic comes near. */
const contentTopicCharsMax = 1024;

/** A message that passed the checks, with everything that archive, filter and relay need computed once. */
export interface AcceptedMessage {
  readonly pubsubTopic: string;
  readonly message: WakuMessage;
  readonly bytes: Uint8Array;
  readonly hash: Uint8Array;
}

/** Why a service node refuses a message. */
export type MessageFault = "too-large" | "no-content-topic";

/** Checks a message and computes its bytes and hash. */
export function checkMessage(pubsubTopic: string, message: WakuMessage): AcceptedMessage | MessageFault {
  if (message.contentTopic === "" || message.contentTopic.length > contentTopicCharsMax) return "no-content-topic";
  const bytes = WakuMessage.encode(message);
  if (bytes.byteLength > messageBytesMax) return "too-large";
  return { pubsubTopic, message, bytes, hash: messageHash(pubsubTopic, message) };
}

/** SHA-256 of pubsub topic, payload, content topic, meta and the timestamp as 8 bytes big-endian (Waku RFC 14). */
export function messageHash(pubsubTopic: string, message: WakuMessage): Uint8Array {
  const timestamp = Buffer.alloc(8);
  timestamp.writeBigInt64BE(message.timestamp ?? 0n);
  return createHash("sha256")
    .update(pubsubTopic)
    .update(message.payload)
    .update(message.contentTopic)
    .update(message.meta ?? new Uint8Array())
    .update(timestamp)
    .digest();
}
