/**
 * LightPush at two service nodes at once, v3 where they have it, else v2. The SDK's client has no deadline, hides the
 * status code and repeats a push after it succeeded.
 */
import { randomUUID } from "node:crypto";
import type { Connection } from "@libp2p/interface";
import { proto_lightpush, WakuMessage } from "@waku/proto";
import type { LightNode } from "@waku/sdk";
import type { Clock, PublishResult } from "../../engine/ports.ts";
import { wakuMessageBytesMax, wakuMessageHash } from "../message.ts";
import { joinSignals, printable, reasonOf, request, requestDeadlineMs } from "../request.ts";
import { decodePushV2, encodePushV2, lightpushV2Codec } from "./lightpush-v2.ts";

/** Protocol id of LightPush v3. */
export const lightpushCodec = "/vac/waku/lightpush/3.0.0";

const answerBytesMax = 64 * 1024;

/** One node may lose what it said it took; more would only multiply the traffic. */
const atOnce = 2;

/** After one node took a message, how long the other's answer is waited for. Only the reported count depends on it. */
const secondAnswerMs = 500;

/** A service node to push at. */
export interface PushTarget {
  readonly connection: Connection;
  /** Of v3, or of v2 where there is no v3. */
  readonly codec: string;
  /** It left a question unanswered lately: asked alone, and after the others. */
  readonly silent: boolean;
}

/** One message to publish. */
export interface Push {
  readonly node: LightNode;
  /** Asked two by two, in this order, until one takes the message. */
  readonly targets: readonly PushTarget[];
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly clock: Clock;
  /** Added to the clock for the timestamp. */
  readonly shiftMs?: number;
  /** Any of them ends the push. */
  readonly signals: readonly AbortSignal[];
  readonly deadlineMs?: number;
  /** This node gave no answer: others should be asked before it. */
  onSilent(connection: Connection): void;
}

type Attempt = (target: PushTarget) => Promise<PublishResult>;

/**
 * `published` when one service node took the message, with the number that said so in time. `refused` for ever only when
 * every node that answered said so: a single node must not be able to make us drop a message that another would carry.
 */
export async function publish(push: Push): Promise<PublishResult> {
  const joined = joinSignals(push.signals);
  // A push whose answer nobody waits for any more still goes on, and ends with the transport.
  const begun: Promise<PublishResult>[] = [];
  try {
    let worst: PublishResult | undefined;
    for (const round of roundsOf(push.targets)) {
      const message = await encode(push);
      if (!("bytes" in message)) return message;
      const attempt: Attempt = (target) => {
        const result = pushTo(target, message, push, joined.signal);
        begun.push(result);
        return result;
      };
      const result = await pushRound(round, attempt, push.clock);
      if (result.kind === "published") return result;
      worst = worst === undefined ? result : moreHopeful(worst, result);
      if (joined.signal.aborted) break;
    }
    return worst ?? { kind: "unavailable", reason: "no connected service node offers LightPush" };
  } finally {
    void Promise.allSettled(begun).then(() => joined.end());
  }
}

/** Two by two; those that were silent lately alone, and last. */
function roundsOf(targets: readonly PushTarget[]): PushTarget[][] {
  const rounds: PushTarget[][] = [];
  const answering = targets.filter(({ silent }) => !silent);
  for (let at = 0; at < answering.length; at += atOnce) rounds.push(answering.slice(at, at + atOnce));
  return [...rounds, ...targets.filter(({ silent }) => silent).map((target) => [target])];
}

/** All of the round at once. Resolves soon after the first success, or with the most hopeful of the failures. */
async function pushRound(round: readonly PushTarget[], attempt: Attempt, clock: Clock): Promise<PublishResult> {
  return await new Promise((resolve, reject) => {
    let open = round.length;
    let published = 0;
    let hash: Uint8Array | undefined;
    let failure: PublishResult | undefined;
    let cancel = (): void => undefined;
    const end = (): void => {
      cancel();
      if (hash !== undefined) resolve({ kind: "published", peers: published, hash });
      else if (failure !== undefined) resolve(failure);
    };
    const settle = (result: PublishResult): void => {
      open -= 1;
      if (result.kind === "published") {
        published += 1;
        // The same for every node of a round: they were given the same bytes.
        hash = result.hash;
      } else failure = failure === undefined ? result : moreHopeful(failure, result);
      if (open === 0) end();
      else if (published === 1) cancel = clock.after(secondAnswerMs, end);
    };
    for (const target of round) attempt(target).then(settle, reject);
  });
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

interface EncodedMessage {
  readonly bytes: Uint8Array;
  readonly pubsubTopic: string;
}

/**
 * With a fresh timestamp for each round: nodes refuse, or do not archive, one that is more than 20 s off. The same for
 * both nodes of a round: with two timestamps the network would carry, archive and push two messages.
 */
async function encode(push: Push): Promise<EncodedMessage | PublishResult> {
  const encoder = push.node.createEncoder({ contentTopic: push.topic });
  const timestamp = new Date(push.clock.now() + (push.shiftMs ?? 0));
  const bytes = await encoder.toWire({ payload: push.payload, timestamp });
  if (bytes === undefined) {
    return { kind: "refused", status: 400, reason: "the message cannot be encoded", retryable: false };
  }
  return bytes.length > wakuMessageBytesMax ? tooLarge(bytes.length) : { bytes, pubsubTopic: encoder.pubsubTopic };
}

/** Never rejects for what a service node does. */
async function pushTo(
  { connection, codec }: PushTarget,
  { bytes, pubsubTopic }: EncodedMessage,
  push: Push,
  signal: AbortSignal,
): Promise<PublishResult> {
  const isV2 = codec === lightpushV2Codec;
  const message = WakuMessage.decode(bytes);
  const requestId = randomUUID();
  const frame = isV2
    ? encodePushV2(requestId, pubsubTopic, message)
    : proto_lightpush.LightPushRequestV3.encode({ requestId, pubsubTopic, message });
  const deadlineMs = push.deadlineMs ?? requestDeadlineMs;
  const hash = wakuMessageHash(pubsubTopic, message);
  try {
    const call = { codec, frame, answerBytesMax, clock: push.clock, signal, deadlineMs };
    const answer = await request(connection, call);
    const result = isV2 ? decodePushV2(answer, hash) : decodePushV3(answer, hash);
    if (result.kind === "unavailable") push.onSilent(connection);
    return result;
  } catch (error) {
    if (!signal.aborted) push.onSilent(connection);
    return { kind: "unavailable", reason: reasonOf(error), hash };
  }
}

function decodePushV3(answer: Uint8Array, hash: Uint8Array): PublishResult {
  const { statusCode, statusDesc } = proto_lightpush.LightPushResponseV3.decode(answer);
  return resultOf(statusCode, statusDesc, hash);
}

/** Decided here, before any peer is asked: the same bytes can never pass. */
export function tooLarge(bytes: number): PublishResult {
  const reason = `the message has ${bytes} bytes, Waku carries at most ${wakuMessageBytesMax}`;
  return { kind: "refused", status: 413, reason, retryable: false };
}
