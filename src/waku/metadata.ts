/**
 * Metadata (66/WAKU2-METADATA), both halves: nodes of another cluster are of no use and service nodes hang up on us
 * when we do not answer. The SDK's own handler collects frames without bound or deadline, so it is replaced.
 */
import type { Connection, Stream } from "@libp2p/interface";
import { proto_metadata } from "@waku/proto";
import type { LightNode } from "@waku/sdk";
import * as lengthPrefixed from "it-length-prefixed";
import type { Clock } from "../engine/ports.ts";
import { request, startDeadline } from "./request.ts";

/** Protocol id of metadata. */
export const metadataCodec = "/vac/waku/metadata/1.0.0";

const frameBytesMax = 16 * 1024;
const deadlineMs = 5_000;

/** The cluster that a service node says it belongs to; undefined when it does not say. */
export async function askCluster(
  connection: Connection,
  ask: {
    readonly clusterId: number;
    readonly clock: Clock;
    readonly signal: AbortSignal;
    readonly deadlineMs?: number;
  },
): Promise<number | undefined> {
  const { clusterId, clock, signal } = ask;
  const frame = proto_metadata.WakuMetadataRequest.encode({ clusterId, shards: [] });
  const limits = { answerBytesMax: frameBytesMax, deadlineMs: ask.deadlineMs ?? deadlineMs };
  const call = { codec: metadataCodec, frame, clock, signal, ...limits };
  return proto_metadata.WakuMetadataResponse.decode(await request(connection, call)).clusterId;
}

/** Answers metadata requests with our cluster and no shards: only relays serve shards. */
export async function answerMetadata(node: LightNode, clusterId: number, clock: Clock): Promise<void> {
  await node.libp2p.unhandle(metadataCodec);
  await node.libp2p.handle(metadataCodec, ({ stream }) => {
    answer(stream, clusterId, clock).catch((error: Error) => stream.abort(error));
  });
}

async function answer(stream: Stream, clusterId: number, clock: Clock): Promise<void> {
  const deadline = startDeadline(clock, deadlineMs);
  deadline.signal.addEventListener("abort", () => stream.abort(new Error("metadata took too long")), { once: true });
  try {
    const response = proto_metadata.WakuMetadataResponse.encode({ clusterId, shards: [] });
    const frames = lengthPrefixed.decode(stream.source, { maxDataLength: frameBytesMax });
    // Answered without reading the question: it says nothing that would change the answer.
    await stream.sink([lengthPrefixed.encode.single(response)]);
    let count = 0;
    for await (const _ of frames) {
      count += 1;
      if (count > 1) throw new Error("more than one metadata request on a stream");
    }
  } finally {
    deadline.end();
  }
}
