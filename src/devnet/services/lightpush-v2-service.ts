/** LightPush v2, which older service nodes and clients speak: the same push, answered with yes or no and a reason. */
import { proto_lightpush } from "@waku/proto";
import type { RequestService } from "./framing.ts";
import { type LightPushNode, lightPushLimits, lightPushStatus, pushToNetwork } from "./lightpush-service.ts";

const { PushRpc } = proto_lightpush;
type Rpc = ReturnType<typeof PushRpc.decode>;

/** The protocol's name on the wire. */
export const lightPushV2Codec = "/vac/waku/lightpush/2.0.0-beta1";

/** Serves LightPush v2. */
export function lightPushV2Service(node: LightPushNode): RequestService<Rpc> {
  const encode = (requestId: string, statusCode: number, info: string): Uint8Array => {
    node.answered(statusCode);
    return PushRpc.encode({ requestId, response: { isSuccess: statusCode === lightPushStatus.success, info } });
  };
  return {
    ...lightPushLimits,
    codec: lightPushV2Codec,
    decode: (bytes) => PushRpc.decode(bytes),
    answer: async ({ requestId, request }) => {
      // In version 2 an absent pubsub topic is an empty one.
      const named = request?.pubsubTopic === "" ? undefined : request?.pubsubTopic;
      const { statusCode, statusDesc } = await pushToNetwork(node, named, request?.message);
      return encode(requestId, statusCode, statusDesc);
    },
    // The status has no field in this version; older nodes name it in words.
    status: (requestId, statusCode, statusDesc) =>
      encode(requestId, statusCode, statusCode === 429 ? "TOO_MANY_REQUESTS" : `${statusDesc} (${statusCode})`),
  };
}
