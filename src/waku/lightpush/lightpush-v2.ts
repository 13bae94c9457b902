/** LightPush v2, for service nodes that have no v3: yes or no, and a reason in free words. Knows bytes, not connections. */
import { proto_lightpush, type WakuMessage } from "@waku/proto";
import type { PublishResult } from "../../engine/ports.ts";
import { printable } from "../request.ts";

/** Protocol id of LightPush v2. */
export const lightpushV2Codec = "/vac/waku/lightpush/2.0.0-beta1";

/** The frame of one push. */
export function encodePushV2(requestId: string, pubsubTopic: string, message: WakuMessage): Uint8Array {
  return proto_lightpush.PushRpc.encode({ requestId, request: { pubsubTopic, message } });
}

/**
 * Every refusal may be tried again: there are no status codes, only words, and the one fault that lasts (size) is found
 * before anybody is asked. The status is the one of v3 that comes nearest.
 */
export function decodePushV2(answer: Uint8Array, hash: Uint8Array): PublishResult {
  const { response } = proto_lightpush.PushRpc.decode(answer);
  if (response === undefined) return { kind: "unavailable", reason: "an answer of LightPush v2 without a response" };
  if (response.isSuccess) return { kind: "published", peers: 1, hash };
  const reason = printable(response.info ?? "").trim() || "refused without a reason";
  const status = /too[ _]many[ _]requests/i.test(reason) ? 429 : 503;
  return { kind: "refused", status, reason, retryable: true };
}
