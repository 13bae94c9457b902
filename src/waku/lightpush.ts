/**
 * LightPush v3 over one connection after another. The SDK's client has no deadline, hides the status code and repeats
 * a push after it succeeded.
 */
import { randomUUID } from "node:crypto";
import type { Connection } from "@libp2p/interface";
import { proto_lightpush, WakuMessage } from "@waku/proto";
import type { LightNode } from "@waku/sdk";
import type { Clock, PublishResult } from "../engine/ports.ts";
import { wakuMessageBytesMax, wakuMessageHash } from "./message.ts";
import { printable, reasonOf, request, requestDeadlineMs } from "./request.ts";

/** Protocol id of LightPush v3. */
export const lightpushCodec = "/vac/waku/lightpush/3.0.0";

const answerBytesMax = 64 * 1024;

export interface Push {
  readonly node: LightNode;
  /** Asked in this order until one takes the message. */
  readonly connections: readonly Connection[];
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly deadlineMs?: number;
  /** This node gave no answer: others should be asked before it. */
  onSilent(connection: Connection): void;
}

/**
 * `published` when one service node took the message. `refused` for ever only when every node that answered said so:
 * a single node must not be able to make us drop a message that another one would carry.
 */
export async function publish(push: Push): Promise<PublishResult> {
  let worst: PublishResult = { kind: "unavailable", reason: "no connected service node offers LightPush v3" };
  for (const [index, connection] of push.connections.entries()) {
    const result = await pushTo(connection, push);
    if (result.kind === "published") return result;
    if (result.kind === "unavailable" && !push.signal.aborted) push.onSilent(connection);
    worst = index === 0 ? result : moreHopeful(worst, result);
    if (push.signal.aborted) break;
  }
  return worst;
}

/** What a status of LightPush v3 means for the outbox. */
function resultOf(status: number, description: string | undefined, hash: Uint8Array): PublishResult {
  if (status === 200) return { kind: "published", peers: 1, hash };
  const reason = printable(description ?? "").trim() || `status ${status}`;
  return { kind: "refused", status, reason, retryable: isRetryable(status, reason) };
}

function isRetryable(status: number, reason: string): boolean {
  // "Invalid message" is also the answer to a timestamp more than 20 s off: our clock may be set right meanwhile.
  if (status === 420) return /time\s*stamp|clock/i.test(reason);
  return !(status === 400 || status === 413);
}

function moreHopeful(one: PublishResult, other: PublishResult): PublishResult {
  const hope = (result: PublishResult): number =>
    result.kind === "refused" ? (result.retryable ? 2 : 0) : result.kind === "unavailable" ? 1 : 3;
  return hope(other) > hope(one) ? other : one;
}

async function pushTo(connection: Connection, push: Push): Promise<PublishResult> {
  const encoder = push.node.createEncoder({ contentTopic: push.topic });
  // A fresh timestamp for each attempt: nodes refuse, or do not archive, one that is more than 20 s off.
  const timestamp = new Date(push.clock.now());
  const bytes = await encoder.toWire({ payload: push.payload, timestamp });
  if (bytes === undefined) {
    return { kind: "refused", status: 400, reason: "the message cannot be encoded", retryable: false };
  }
  if (bytes.length > wakuMessageBytesMax) return tooLarge(bytes.length);
  const message = WakuMessage.decode(bytes);
  const { pubsubTopic } = encoder;
  const frame = proto_lightpush.LightPushRequestV3.encode({ requestId: randomUUID(), pubsubTopic, message });
  const { clock, signal } = push;
  const deadlineMs = push.deadlineMs ?? requestDeadlineMs;
  try {
    const call = { codec: lightpushCodec, frame, answerBytesMax, clock, signal, deadlineMs };
    const answer = proto_lightpush.LightPushResponseV3.decode(await request(connection, call));
    return resultOf(answer.statusCode, answer.statusDesc, wakuMessageHash(pubsubTopic, message));
  } catch (error) {
    return { kind: "unavailable", reason: reasonOf(error) };
  }
}

/** Decided here, before any peer is asked: the same bytes can never pass. */
export function tooLarge(bytes: number): PublishResult {
  const reason = `the message has ${bytes} bytes, Waku carries at most ${wakuMessageBytesMax}`;
  return { kind: "refused", status: 413, reason, retryable: false };
}
