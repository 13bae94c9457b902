/** The requests of the Waku protocols as functions, over a raw peer. */
import { proto_filter_v2, proto_lightpush, proto_store, type WakuMessage } from "@waku/proto";
import { filterSubscribeCodec } from "../../../src/devnet/services/filter-service.ts";
import { lightPushCodec } from "../../../src/devnet/services/lightpush-service.ts";
import { storeCodec } from "../../../src/devnet/services/store-service.ts";
import { autoshard } from "../../../src/devnet/sharding.ts";
import type { RawPeer } from "./raw-peer.ts";

type FilterRequest = Parameters<typeof proto_filter_v2.FilterSubscribeRequest.encode>[0];
type FilterResponse = ReturnType<typeof proto_filter_v2.FilterSubscribeResponse.decode>;
type LightPushResponse = ReturnType<typeof proto_lightpush.LightPushResponseV3.decode>;
type StoreRequest = Parameters<typeof proto_store.StoreQueryRequest.encode>[0];
type StoreResponse = ReturnType<typeof proto_store.StoreQueryResponse.decode>;

/** The content topic of most tests and the pubsub topic it lives on in a default devnet. */
export const contentTopic = "/umbra/1/b4-0f/proto";
export const pubsubTopic: string =
  autoshard({ clusterId: 66, shards: 8, autosharding: true }, contentTopic) ?? "never: the topic is well formed";

/** The four requests of Filter v2. */
export type FilterRequestType = "SUBSCRIBER_PING" | "SUBSCRIBE" | "UNSUBSCRIBE" | "UNSUBSCRIBE_ALL";

/** Nanoseconds since 1970 of now and a bit. */
export function nowNs(offsetMs = 0): bigint {
  return BigInt(Date.now() + offsetMs) * 1_000_000n;
}

let latestNs = 0n;

/** This moment, and after that of every message before: a Store node orders those of one moment by their hashes. */
function nextNs(): bigint {
  const now = nowNs();
  latestNs = now > latestNs ? now : latestNs + 1n;
  return latestNs;
}

/** A small message of this moment. */
export function message(text: string, fields: Partial<WakuMessage> = {}): WakuMessage {
  return { payload: new TextEncoder().encode(text), contentTopic, timestamp: nextNs(), ...fields };
}

/** LightPush v3; null leaves the pubsub topic to the node. */
export async function push(
  peer: RawPeer,
  wakuMessage: WakuMessage | undefined,
  topic: string | null = pubsubTopic,
): Promise<LightPushResponse> {
  const request = {
    requestId: "push",
    ...(topic !== null && { pubsubTopic: topic }),
    ...(wakuMessage && { message: wakuMessage }),
  };
  const bytes = proto_lightpush.LightPushRequestV3.encode(request);
  return proto_lightpush.LightPushResponseV3.decode(await peer.request(lightPushCodec, bytes));
}

/** Filter v2; the response's status is what most tests ask for. */
export async function filter(
  peer: RawPeer,
  type: FilterRequestType,
  fields: Partial<FilterRequest> = {},
): Promise<FilterResponse> {
  const filterSubscribeType = proto_filter_v2.FilterSubscribeRequest.FilterSubscribeType[type];
  const bytes = proto_filter_v2.FilterSubscribeRequest.encode({ requestId: "filter", filterSubscribeType, ...fields });
  return proto_filter_v2.FilterSubscribeResponse.decode(await peer.request(filterSubscribeCodec, bytes));
}

/** Store v3. */
export async function query(peer: RawPeer, fields: Partial<StoreRequest>): Promise<StoreResponse> {
  const bytes = proto_store.StoreQueryRequest.encode({
    requestId: "query",
    includeData: true,
    paginationForward: true,
    ...fields,
  });
  return proto_store.StoreQueryResponse.decode(await peer.request(storeCodec, bytes));
}

/** The payloads of a page as text. */
export function textsOf(page: StoreResponse): string[] {
  return page.messages.map((entry) => new TextDecoder().decode(entry.message?.payload));
}
