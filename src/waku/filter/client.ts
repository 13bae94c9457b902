/**
 * Filter v2 on the wire: the three questions of a subscriber, and the handler of pushes. Own client, because the SDK's
 * loses concurrent subscriptions, sends 150 topics in one refused request, never gives up waiting, and rejects unhandled
 * on a malformed answer.
 */
import { randomUUID } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import type { Connection, Stream } from "@libp2p/interface";
import { proto_filter_v2 } from "@waku/proto";
import type { LightNode } from "@waku/sdk";
import * as lengthPrefixed from "it-length-prefixed";
import type { Clock } from "../../engine/ports.ts";
import type { WakuMessageFields } from "../message.ts";
import { request, requestDeadlineMs } from "../request.ts";
import { createRateLimit, type RateLimit } from "./rate-limit.ts";

/** Protocol id of subscribing at a service node. */
export const filterSubscribeCodec = "/vac/waku/filter-subscribe/2.0.0-beta1";
/** Protocol id on which a service node pushes messages to us. */
export const filterPushCodec = "/vac/waku/filter-push/2.0.0-beta1";

/** Service nodes refuse a request with more. */
export const topicsPerRequestMax = 100;

const answerBytesMax = 64 * 1024;
/** The largest message of any known network is 1 MiB; the rest is the frame around it. */
const pushBytesMax = 1024 * 1024 + 16 * 1024;
/** Old service nodes open a stream for each push; more than this at once is a node gone wrong. */
const inboundStreamsMax = 100;
/** Ten times what a busy shard carries. Beyond it we read slower, so that flow control holds the sender back. */
const pushesPerSecond = 5_000;
/** Frames handled before other work gets a turn: a peer that fills the socket must not starve the process. */
const framesPerTurn = 64;

const types = proto_filter_v2.FilterSubscribeRequest.FilterSubscribeType;

export interface FilterQuestion {
  readonly kind: "subscribe" | "unsubscribe" | "unsubscribe-all" | "ping";
  readonly pubsubTopic?: string;
  readonly topics?: readonly string[];
}

/** The service node's status code; throws `transport/unavailable` when it does not answer. */
export async function askFilter(
  connection: Connection,
  question: FilterQuestion,
  options: { readonly clock: Clock; readonly signal: AbortSignal; readonly deadlineMs?: number },
): Promise<number> {
  const frame = proto_filter_v2.FilterSubscribeRequest.encode({
    requestId: randomUUID(),
    filterSubscribeType: typeOf(question.kind),
    ...(question.pubsubTopic === undefined ? {} : { pubsubTopic: question.pubsubTopic }),
    contentTopics: [...(question.topics ?? [])],
  });
  const { clock, signal } = options;
  const deadlineMs = options.deadlineMs ?? requestDeadlineMs;
  const call = { codec: filterSubscribeCodec, frame, answerBytesMax, clock, signal, deadlineMs };
  return proto_filter_v2.FilterSubscribeResponse.decode(await request(connection, call)).statusCode;
}

function typeOf(kind: FilterQuestion["kind"]): proto_filter_v2.FilterSubscribeRequest.FilterSubscribeType {
  if (kind === "subscribe") return types.SUBSCRIBE;
  if (kind === "unsubscribe") return types.UNSUBSCRIBE;
  return kind === "ping" ? types.SUBSCRIBER_PING : types.UNSUBSCRIBE_ALL;
}

export interface PushHandler {
  onPush(connection: Connection, pubsubTopic: string, message: WakuMessageFields): void;
  /** Frames may be lost: the stream broke while its connection lives on. */
  onBroken(connection: Connection, error: unknown): void;
}

/** Takes the push protocol over from the SDK. */
export async function receivePushes(node: LightNode, handler: PushHandler, clock: Clock): Promise<void> {
  await node.libp2p.unhandle(filterPushCodec);
  const limits = new WeakMap<Connection, RateLimit>();
  const options = { capacity: pushesPerSecond, perSecond: pushesPerSecond, clock };
  await node.libp2p.handle(
    filterPushCodec,
    ({ stream, connection }) => {
      // Of the connection: a peer gains nothing by opening more streams.
      const limit = limits.get(connection) ?? createRateLimit(options);
      limits.set(connection, limit);
      readPushes(stream, connection, handler, limit).catch((error: Error) => {
        stream.abort(error);
        handler.onBroken(connection, error);
      });
    },
    { maxInboundStreams: inboundStreamsMax },
  );
}

async function readPushes(
  stream: Stream,
  connection: Connection,
  handler: PushHandler,
  limit: RateLimit,
): Promise<void> {
  let frames = 0;
  for await (const frame of lengthPrefixed.decode(stream.source, { maxDataLength: pushBytesMax })) {
    frames += 1;
    if (frames % framesPerTurn === 0) await setImmediate();
    if (!limit.take()) await limit.wait();
    const push = decodePush(frame.subarray());
    if (push?.wakuMessage && push.pubsubTopic) handler.onPush(connection, push.pubsubTopic, push.wakuMessage);
  }
  // Nodes that open a stream for each push would otherwise run into the limit of open streams after 100 messages.
  await stream.closeWrite();
}

// A frame that is no MessagePush is the sender's fault and costs only itself.
function decodePush(frame: Uint8Array): proto_filter_v2.MessagePush | undefined {
  try {
    return proto_filter_v2.MessagePush.decode(frame);
  } catch {
    return undefined;
  }
}
