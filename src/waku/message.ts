/** WakuMessage ⇄ IncomingMessage: the deterministic hash, nanosecond timestamps and autosharding. Pure. */
import { createHash } from "node:crypto";
import type { IncomingMessage } from "../engine/ports.ts";
import type { ContentTopic } from "../wire/ids.ts";

/** The whole WakuMessage, encoded (RFC 64): relays drop anything larger. */
export const wakuMessageBytesMax: number = 150 * 1024;

const nanosecondsPerMs = 1_000_000n;

/** The fields of a protobuf WakuMessage that matter here. */
export interface WakuMessageFields {
  readonly payload: Uint8Array;
  readonly contentTopic: string;
  readonly timestamp?: bigint | undefined;
  readonly meta?: Uint8Array | undefined;
}

/** Cluster and number of shards: what autosharding needs. */
export interface WakuNetwork {
  readonly clusterId: number;
  readonly shards: number;
}

/** 51/WAKU2-RELAY-SHARDING: application and version decide alone, so all topics of one application share a shard. */
export function shardOf(topic: string, shards: number): number | undefined {
  const match = /^(?:\/0)?\/([^/]+)\/([^/]+)\/[^/]+\/[^/]+$/.exec(topic);
  if (match?.[1] === undefined || match[2] === undefined) return undefined;
  const digest = createHash("sha256").update(match[1]).update(match[2]).digest();
  return Number(digest.readBigUInt64BE(24) % BigInt(shards));
}

/** `/waku/2/rs/<cluster>/<shard>`; undefined for a content topic that is not in 23/WAKU2-TOPICS form. */
export function pubsubTopicOf(topic: string, network: WakuNetwork): string | undefined {
  const shard = shardOf(topic, network.shards);
  return shard === undefined ? undefined : `/waku/2/rs/${network.clusterId}/${shard}`;
}

/** 14/WAKU2-MESSAGE deterministic hash; absent attributes are left out. */
export function wakuMessageHash(pubsubTopic: string, message: WakuMessageFields): Uint8Array {
  const hash = createHash("sha256").update(pubsubTopic).update(message.payload).update(message.contentTopic);
  if (message.meta !== undefined) hash.update(message.meta);
  if (message.timestamp !== undefined) {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64BE(BigInt.asUintN(64, message.timestamp));
    hash.update(bytes);
  }
  // A plain Uint8Array that owns its bytes: a pooled Buffer would keep 8 KiB alive for each remembered hash.
  return new Uint8Array(hash.digest());
}

/** What the engine sees of a message; undefined when it is larger than any relay may carry. */
export function toIncoming(pubsubTopic: string, message: WakuMessageFields): IncomingMessage | undefined {
  if (message.payload.length > wakuMessageBytesMax) return undefined;
  return {
    topic: message.contentTopic as ContentTopic,
    // A copy: decoded payloads are views, and one would keep a whole Store page of 3 MB alive.
    payload: new Uint8Array(message.payload),
    timestampMs: toMs(message.timestamp),
    hash: wakuMessageHash(pubsubTopic, message),
  };
}

/** Whole nanoseconds without a float in between: `ms * 1e6` is off by up to 128 ns. */
export function toNanoseconds(ms: number): bigint {
  return BigInt(Math.floor(ms)) * nanosecondsPerMs;
}

function toMs(timestamp: bigint | undefined): number {
  return timestamp === undefined || timestamp < 0n ? 0 : Number(timestamp / nanosecondsPerMs);
}
