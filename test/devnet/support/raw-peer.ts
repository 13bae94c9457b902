/** A libp2p peer that speaks the protocols byte by byte, to say what the SDK never would. */
import type { TestContext } from "node:test";
import { noise } from "@chainsafe/libp2p-noise";
import { yamux } from "@chainsafe/libp2p-yamux";
import { identify } from "@libp2p/identify";
import type { Connection, Stream } from "@libp2p/interface";
import { mplex } from "@libp2p/mplex";
import { ping } from "@libp2p/ping";
import { tcp } from "@libp2p/tcp";
import { multiaddr } from "@multiformats/multiaddr";
import { proto_filter_v2 } from "@waku/proto";
import * as lengthPrefixed from "it-length-prefixed";
import { createLibp2p, type Libp2p } from "libp2p";
import { filterPushCodec } from "../../../src/devnet/services/filter-service.ts";

type Push = ReturnType<typeof proto_filter_v2.MessagePush.decode>;

/** A peer connected to one devnet. */
export interface RawPeer {
  readonly libp2p: Libp2p;
  readonly connection: Connection;
  /** Everything pushed to it. */
  readonly pushes: Push[];
  /** The inbound streams that pushes came on. */
  readonly pushStreams: Stream[];
  /** Sends one length-prefixed request and returns the one answer. */
  request(codec: string, bytes: Uint8Array): Promise<Uint8Array>;
  /** Sends bytes as they are and returns the answers; none when the stream was reset. */
  sendRaw(codec: string, bytes: Uint8Array): Promise<Uint8Array[]>;
}

/** Connects a peer that the test's end stops. */
export async function rawPeer(t: TestContext, address: string, muxer: "yamux" | "mplex" = "yamux"): Promise<RawPeer> {
  const libp2p = await createLibp2p({
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [muxer === "yamux" ? yamux() : mplex()],
    services: { identify: identify(), ping: ping() },
  });
  t.after(() => libp2p.stop());
  const pushes: Push[] = [];
  const pushStreams: Stream[] = [];
  await libp2p.handle(filterPushCodec, ({ stream }) => {
    pushStreams.push(stream);
    void collect(stream, (bytes) => pushes.push(proto_filter_v2.MessagePush.decode(bytes)));
  });
  const connection = await libp2p.dial(multiaddr(address));
  const sendRaw = async (codec: string, bytes: Uint8Array): Promise<Uint8Array[]> => {
    const stream = await connection.newStream(codec, { maxOutboundStreams: 1_000 });
    const answers: Uint8Array[] = [];
    // Not awaited: in libp2p 2 the sink of a stream that was reset under it may never settle; reading always ends.
    stream.sink([bytes]).catch(() => {});
    await collect(stream, (answer) => answers.push(answer));
    return answers;
  };
  const request = async (codec: string, bytes: Uint8Array): Promise<Uint8Array> => {
    const [answer, ...more] = await sendRaw(codec, lengthPrefixed.encode.single(bytes).subarray());
    if (answer === undefined || more.length > 0) throw new Error(`${codec} gave ${more.length + 1} answers, or none`);
    return answer;
  };
  return { libp2p, connection, pushes, pushStreams, request, sendRaw };
}

/** Reads frames until the stream ends, by whatever means. */
async function collect(stream: Stream, onFrame: (bytes: Uint8Array) => void): Promise<void> {
  try {
    for await (const frame of lengthPrefixed.decode(stream.source)) onFrame(frame.slice());
  } catch {
    // A reset is an end like any other; the caller sees what arrived.
  }
}
