/** LightPush v3: takes messages of light nodes into the network and says with a status code what became of them. */
import type { WakuMessage } from "@waku/proto";
import { proto_lightpush } from "@waku/proto";
import { autoshard, type Network, pubsubTopicsOf } from "../sharding.ts";
import { type AcceptedMessage, checkMessage, messageBytesMax } from "../waku-message.ts";
import type { RequestService } from "./framing.ts";

const { LightPushRequestV3, LightPushResponseV3 } = proto_lightpush;
type LightPushRequest = ReturnType<typeof LightPushRequestV3.decode>;

/** The protocol's name on the wire. */
export const lightPushCodec = "/vac/waku/lightpush/3.0.0";

/** The status codes of LightPush v3 that this node sends. */
export const lightPushStatus = {
  success: 200,
  badRequest: 400,
  payloadTooLarge: 413,
  unsupportedPubsubTopic: 421,
  internalServerError: 500,
} as const;

/** What LightPush needs from the node. */
export interface LightPushNode {
  readonly network: Network;
  nowMs(): number;
  /** Archives, pushes and relays; resolves with the number of relay peers that were handed the message. */
  publish(message: AcceptedMessage): Promise<number>;
  /** Told of every answer, for the counters. */
  answered(statusCode: number): void;
}

/** What became of a push. */
export interface LightPushAnswer {
  readonly statusCode: number;
  readonly statusDesc: string;
  readonly relayPeerCount?: number;
}

/** The same for both versions of the protocol. */
export const lightPushLimits = {
  /** The js client's own limit is 1 MiB: reading that much lets us answer 413 where a cut stream would say nothing. */
  requestBytesMax: 1024 * 1024 + 64 * 1024,
  refusalCodes: {
    malformed: lightPushStatus.badRequest,
    "too-large": lightPushStatus.payloadTooLarge,
    failed: lightPushStatus.internalServerError,
  },
} as const;

/** Serves LightPush v3. */
export function lightPushService(node: LightPushNode): RequestService<LightPushRequest> {
  const encode = (requestId: string, answer: LightPushAnswer): Uint8Array => {
    node.answered(answer.statusCode);
    return LightPushResponseV3.encode({ requestId, ...answer });
  };
  return {
    ...lightPushLimits,
    codec: lightPushCodec,
    decode: (bytes) => LightPushRequestV3.decode(bytes),
    answer: async ({ requestId, pubsubTopic, message }) =>
      encode(requestId, await pushToNetwork(node, pubsubTopic, message)),
    status: (requestId, statusCode, statusDesc) => encode(requestId, { statusCode, statusDesc }),
  };
}

/** Checks a message of a light node and hands it to the network. */
export async function pushToNetwork(
  node: LightPushNode,
  named: string | undefined,
  message: WakuMessage | undefined,
): Promise<LightPushAnswer> {
  if (message === undefined) return refused(lightPushStatus.badRequest, "no message");
  const pubsubTopic = carrierOf(node.network, named, message.contentTopic);
  if (typeof pubsubTopic !== "string") return pubsubTopic;
  // A message without a timestamp could be neither archived nor told from its repetition.
  if (message.timestamp === undefined) message.timestamp = BigInt(node.nowMs()) * 1_000_000n;
  const checked = checkMessage(pubsubTopic, message);
  if (checked === "too-large") return tooLarge();
  if (checked === "no-content-topic")
    return refused(lightPushStatus.badRequest, "no content topic, or a far too long one");
  const relayPeerCount = await node.publish(checked);
  // Success with no relay peer: this node is a whole network, so its archive and its subscribers are everyone.
  return { statusCode: lightPushStatus.success, statusDesc: "OK", relayPeerCount };
}

/** The pubsub topic that shall carry the message, or the refusal. */
function carrierOf(network: Network, named: string | undefined, contentTopic: string): string | LightPushAnswer {
  if (named !== undefined && !pubsubTopicsOf(network).includes(named)) {
    return refused(lightPushStatus.unsupportedPubsubTopic, "this node does not serve that pubsub topic");
  }
  if (!network.autosharding) return named ?? refused(lightPushStatus.badRequest, "no pubsub topic");
  const derived = autoshard(network, contentTopic);
  if (derived === undefined) {
    return refused(lightPushStatus.badRequest, "the content topic is not /application/version/name/encoding");
  }
  if (named !== undefined && named !== derived) {
    // No subscriber would ever look there: an error now is kinder than a message that silently reaches nobody.
    return refused(lightPushStatus.unsupportedPubsubTopic, "autosharding puts that content topic on another shard");
  }
  return derived;
}

function tooLarge(): LightPushAnswer {
  return refused(lightPushStatus.payloadTooLarge, `the message is larger than ${messageBytesMax} bytes`);
}

function refused(statusCode: number, statusDesc: string): LightPushAnswer {
  return { statusCode, statusDesc };
}
