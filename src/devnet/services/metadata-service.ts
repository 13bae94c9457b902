/** Metadata 1.0.0 (Waku RFC 66): tells a peer our cluster and shards, without which light nodes never pick us. */
import type { Connection } from "@libp2p/interface";
import { proto_metadata } from "@waku/proto";
import * as lengthPrefixed from "it-length-prefixed";
import type { Network } from "../sharding.ts";
import type { RequestService } from "./framing.ts";

const { WakuMetadataRequest, WakuMetadataResponse } = proto_metadata;

/** The protocol's name on the wire. */
export const metadataCodec = "/vac/waku/metadata/1.0.0";

const metadataBytesMax = 16 * 1024;

/** A peer that does not answer is not worth a stream for longer. */
const exchangeMs = 5_000;

/** Serves Metadata. */
export function metadataService(
  network: Network,
): RequestService<{ readonly clusterId?: number; readonly requestId?: string }> {
  const answer = encodeMetadata(network);
  return {
    codec: metadataCodec,
    requestBytesMax: metadataBytesMax,
    // There is no status in this protocol, and who we are does not depend on the question.
    refusalCodes: { malformed: 0, "too-large": 0, failed: 0 },
    status: () => answer,
    decode: (bytes) => WakuMetadataRequest.decode(bytes),
    answer: () => answer,
  };
}

/**
 * Tells a new peer who we are, as real service nodes do on every connection: js-waku asks by itself only while its
 * `waitForPeers` runs, and uses no peer whose shards it does not know. Resolves to the peer's cluster id, if it has one.
 */
export async function exchangeMetadata(connection: Connection, network: Network): Promise<number | undefined> {
  const signal = AbortSignal.timeout(exchangeMs);
  const stream = await connection.newStream(metadataCodec, { signal });
  signal.addEventListener("abort", () => stream.abort(new Error("no answer to a metadata request")), { once: true });
  await stream.sink([lengthPrefixed.encode.single(encodeMetadata(network))]);
  let clusterId: number | undefined;
  for await (const frame of lengthPrefixed.decode(stream.source, { maxDataLength: metadataBytesMax })) {
    clusterId = WakuMetadataResponse.decode(frame).clusterId;
  }
  return clusterId;
}

/** The shards twice: js-waku reads only field 2 (unpacked), go-waku only field 3 (packed). */
export function encodeMetadata(network: Network): Uint8Array {
  const shards = Array.from({ length: network.shards }, (_, shard) => shard);
  const unpacked = WakuMetadataResponse.encode({ clusterId: network.clusterId, shards });
  const packed = shards.flatMap(varint);
  return Uint8Array.from([...unpacked, (3 << 3) | 2, ...varint(packed.length), ...packed]);
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)];
}
