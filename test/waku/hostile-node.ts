/** A service node that a test can make misbehave, protocol by protocol, on raw libp2p. Polite until told otherwise. */
import { noise } from "@chainsafe/libp2p-noise";
import { yamux } from "@chainsafe/libp2p-yamux";
import { identify } from "@libp2p/identify";
import type { Connection, Stream } from "@libp2p/interface";
import { mplex } from "@libp2p/mplex";
import { ping } from "@libp2p/ping";
import { tcp } from "@libp2p/tcp";
import { proto_filter_v2, proto_lightpush, proto_metadata, proto_store } from "@waku/proto";
import * as lengthPrefixed from "it-length-prefixed";
import { createLibp2p, type Libp2p } from "libp2p";
import { filterPushCodec, filterSubscribeCodec } from "../../src/waku/filter/client.ts";
import { lightpushCodec } from "../../src/waku/lightpush/lightpush.ts";
import { metadataCodec } from "../../src/waku/metadata.ts";
import { storeCodec } from "../../src/waku/store/store-query.ts";

/** What a node does with one incoming stream. */
export type Behaviour = (stream: Stream) => Promise<void>;

export interface HostileNode {
  readonly multiaddr: string;
  readonly libp2p: Libp2p;
  /** What each protocol does; change it at any time. */
  readonly behaviours: Map<string, Behaviour>;
  /** Content topics of every subscribe request, in order. */
  readonly subscribed: string[][];
  /** Filter requests by kind. */
  readonly filterRequests: string[];
  /** Resolves to a fresh push stream to the only client. */
  pushStream(): Promise<Stream>;
  /** Back to politeness. */
  behave(): void;
  stop(): Promise<void>;
}

/** The protocols that our client asks. */
export const askedCodecs: readonly string[] = [metadataCodec, filterSubscribeCodec, lightpushCodec, storeCodec];

/** Starts a node on an ephemeral port that serves nothing but answers. */
export async function startHostileNode(options: { readonly muxer?: "yamux" | "mplex" } = {}): Promise<HostileNode> {
  const libp2p = await createLibp2p({
    addresses: { listen: ["/ip4/127.0.0.1/tcp/0"] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [options.muxer === "mplex" ? mplex() : yamux()],
    connectionManager: { inboundConnectionThreshold: 10_000 },
    services: { identify: identify(), ping: ping() },
  });
  const behaviours = new Map<string, Behaviour>();
  const subscribed: string[][] = [];
  const filterRequests: string[] = [];
  const polite = politeBehaviours(subscribed, filterRequests);
  for (const [codec, behaviour] of polite) {
    const serve = (stream: Stream): void => {
      const run = behaviours.get(codec) ?? behaviour;
      run(stream).catch((error: Error) => stream.abort(error));
    };
    await libp2p.handle(codec, ({ stream }) => serve(stream), { maxInboundStreams: 1_000 });
  }
  return {
    multiaddr: libp2p.getMultiaddrs()[0]?.toString() ?? "",
    libp2p,
    behaviours,
    subscribed,
    filterRequests,
    pushStream: () => clientOf(libp2p).newStream(filterPushCodec, { maxOutboundStreams: 1_000 }),
    behave: () => behaviours.clear(),
    stop: async () => {
      for (const connection of libp2p.getConnections()) connection.abort(new Error("stopping"));
      await libp2p.stop();
    },
  };
}

/** Answers every request with the frame that `respond` makes of it. */
function answering(respond: (request: Uint8Array) => Uint8Array): Behaviour {
  return async (stream) => {
    for await (const request of lengthPrefixed.decode(stream.source)) {
      void stream.sink([lengthPrefixed.encode.single(respond(request.subarray()))]).catch(() => undefined);
    }
  };
}

/** Sends these bytes, whatever was asked, and keeps the stream open. */
export function sending(chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Behaviour {
  return async (stream) => stream.sink(chunks);
}

/** Filter requests are always answered with this status. */
export function filterStatus(statusCode: number): Behaviour {
  return answering((bytes) => {
    const { requestId } = proto_filter_v2.FilterSubscribeRequest.decode(bytes);
    return proto_filter_v2.FilterSubscribeResponse.encode({ requestId, statusCode });
  });
}

/** Pushes are always answered with this status. */
export function lightpushStatus(statusCode: number, statusDesc?: string): Behaviour {
  return answering((bytes) => {
    const { requestId } = proto_lightpush.LightPushRequestV3.decode(bytes);
    const described = statusDesc === undefined ? {} : { statusDesc };
    return proto_lightpush.LightPushResponseV3.encode({ requestId, statusCode, ...described });
  });
}

/** Store queries get what `page` makes of them. */
export function storeAnswer(
  page: (query: proto_store.StoreQueryRequest) => Partial<proto_store.StoreQueryResponse>,
): Behaviour {
  return answering((bytes) => {
    const query = proto_store.StoreQueryRequest.decode(bytes);
    return proto_store.StoreQueryResponse.encode({
      requestId: query.requestId,
      statusCode: 200,
      messages: [],
      ...page(query),
    });
  });
}

function politeBehaviours(subscribed: string[][], filterRequests: string[]): Map<string, Behaviour> {
  const metadata = answering(() => proto_metadata.WakuMetadataResponse.encode({ clusterId: 66, shards: [6] }));
  const filter = answering((bytes) => {
    const request = proto_filter_v2.FilterSubscribeRequest.decode(bytes);
    filterRequests.push(request.filterSubscribeType);
    if (request.filterSubscribeType === "SUBSCRIBE") subscribed.push(request.contentTopics);
    return proto_filter_v2.FilterSubscribeResponse.encode({ requestId: request.requestId, statusCode: 200 });
  });
  return new Map([
    [metadataCodec, metadata],
    [filterSubscribeCodec, filter],
    [lightpushCodec, lightpushStatus(200)],
    [storeCodec, storeAnswer(() => ({}))],
  ]);
}

function clientOf(libp2p: Libp2p): Connection {
  const connection = libp2p.getConnections().findLast(({ status }) => status === "open");
  if (connection === undefined) throw new Error("no client is connected");
  return connection;
}
