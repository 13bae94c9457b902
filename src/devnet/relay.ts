/** Relay (Waku RFC 11): gossipsub with the settings that other Waku nodes have. Decides nothing about messages. */
import { createHash } from "node:crypto";
import { type GossipSub, type GossipsubOpts, gossipsub } from "@chainsafe/libp2p-gossipsub";
import type { Message, PeerId, TopicValidatorFn } from "@libp2p/interface";
import { TopicValidatorResult } from "@libp2p/interface";
import { WakuMessage } from "@waku/proto";
import { type AcceptedMessage, checkMessage, messageBytesMax } from "./waku-message.ts";

/** The protocol's name on the wire. */
export const relayCodec = "/vac/waku/relay/2.0.0";

/** The gossipsub factory with Waku's codec instead of libp2p's own. */
export function wakuRelay(): (components: Parameters<ReturnType<typeof gossipsub>>[0]) => GossipSub {
  const create = gossipsub(relayOptions());
  return (components) => {
    const relay = create(components) as GossipSub;
    relay.multicodecs = [relayCodec];
    return relay;
  };
}

/** Subscribes to every pubsub topic and hands each valid message of another node to `onMessage`. */
export function joinRelay(
  relay: GossipSub,
  pubsubTopics: readonly string[],
  onMessage: (message: AcceptedMessage) => void,
  onFault: (fault: unknown) => void,
): void {
  // The validator already decodes, checks and hashes: what it accepted is handed over there, not decoded again.
  const validate: TopicValidatorFn = (_peer: PeerId, { topic, data }: Message) => {
    const message = decodeRelayed(topic, data);
    if (message === undefined) return TopicValidatorResult.Reject;
    try {
      onMessage(message);
      return TopicValidatorResult.Accept;
    } catch (fault) {
      // Ours (a full disk), so the peer that relayed it must not be punished for it.
      onFault(fault);
      return TopicValidatorResult.Ignore;
    }
  };
  for (const topic of pubsubTopics) {
    relay.topicValidators.set(topic, validate);
    relay.subscribe(topic);
  }
}

function decodeRelayed(pubsubTopic: string, data: Uint8Array): AcceptedMessage | undefined {
  try {
    const checked = checkMessage(pubsubTopic, WakuMessage.decode(data));
    return typeof checked === "string" ? undefined : checked;
  } catch {
    // Bytes that do not decode are the fault of the node that relayed them; gossipsub lowers its score.
    return undefined;
  }
}

/** The gossipsub service of the node. */
function relayOptions(): Partial<GossipsubOpts> {
  return {
    // Waku messages are anonymous: no author, no sequence number, no signature.
    globalSignaturePolicy: "StrictNoSign",
    msgIdFn: (message: Message) => createHash("sha256").update(message.data).digest(),
    fallbackToFloodsub: false,
    // A lone node is a whole network; its archive and its subscribers have the message already.
    allowPublishToZeroTopicPeers: true,
    ignoreDuplicatePublishError: true,
    emitSelf: false,
    maxInboundDataLength: messageBytesMax + 16 * 1024,
    // Every peer of a local network shares one address, which the default scoring takes for a Sybil attack.
    scoreParams: { IPColocationFactorWeight: 0 },
  };
}
