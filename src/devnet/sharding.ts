/**
 * Which pubsub topics this network has and on which of them a content topic lives (relay sharding and autosharding,
 * Waku RFC 51). Knows nothing of messages or peers.
 */
import { createHash } from "node:crypto";

/** A Waku network as every node of it must know it. */
export interface Network {
  readonly clusterId: number;
  readonly shards: number;
  /** Whether a content topic has exactly one shard; without it any served pubsub topic may carry it. */
  readonly autosharding: boolean;
}

/** `/waku/2/rs/<cluster>/<shard>`. */
export function pubsubTopicOf(network: Network, shard: number): string {
  return `/waku/2/rs/${network.clusterId}/${shard}`;
}

/** Every pubsub topic of the network, in shard order. */
export function pubsubTopicsOf(network: Network): string[] {
  return Array.from({ length: network.shards }, (_, shard) => pubsubTopicOf(network, shard));
}

/** The pubsub topic that carries a content topic, or undefined when the content topic is not one that autosharding knows. */
export function autoshard(network: Network, contentTopic: string): string | undefined {
  const parts = contentTopic.split("/");
  if (parts.shift() !== "") return undefined;
  // The optional first part is the generation; only generation 0 is defined.
  if (parts.length === 5 && parts.shift() !== "0") return undefined;
  if (parts.length !== 4 || parts.some((part) => part === "")) return undefined;
  const [application = "", version = ""] = parts;
  const digest = createHash("sha256").update(application).update(version).digest();
  const shard = digest.readBigUInt64BE(digest.byteLength - 8) % BigInt(network.shards);
  return pubsubTopicOf(network, Number(shard));
}
