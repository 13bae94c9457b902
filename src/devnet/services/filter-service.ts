/** Filter v2 (Waku RFC 12): who wants which content topics, and the pushing of new messages to them. */
import type { PeerId, Stream } from "@libp2p/interface";
import { proto_filter_v2 } from "@waku/proto";
import * as lengthPrefixed from "it-length-prefixed";
import type { DevnetFaults } from "../faults/faults.ts";
import { PushLine } from "../faults/push-line.ts";
import type { AcceptedMessage } from "../waku-message.ts";
import type { Refusal, RequestService } from "./framing.ts";
import { PushStream } from "./push-stream.ts";

const { FilterSubscribeRequest, FilterSubscribeResponse, MessagePush } = proto_filter_v2;
const { FilterSubscribeType } = FilterSubscribeRequest;
type SubscribeRequest = ReturnType<typeof FilterSubscribeRequest.decode>;

/** Where subscribers send their requests. */
export const filterSubscribeCodec = "/vac/waku/filter-subscribe/2.0.0-beta1";
/** Where subscribers receive their messages. */
export const filterPushCodec = "/vac/waku/filter-push/2.0.0-beta1";

/** The limits of real service nodes, so that a client that works here works there. */
const contentTopicsPerRequestMax = 100;
const criteriaPerPeerMax = 1_000;
const subscribersMax = 1_000;
const subscriptionMs = 5 * 60_000;

/** What Filter needs from the node. */
export interface FilterNode {
  readonly pubsubTopics: readonly string[];
  readonly faults: DevnetFaults;
  nowMs(): number;
  openPushStream(peer: PeerId): Promise<Stream>;
  /** Cuts the connections of a peer. */
  cut(peer: PeerId): void;
  /** Told of what happened, for the counters. */
  pushed(): void;
  dropped(frames: number): void;
}

interface Subscriber {
  /** Pubsub topic and content topic, joined by a character that no pubsub topic of ours has. */
  readonly criteria: Set<string>;
  readonly stream: PushStream;
  readonly line: PushLine;
  expiresMs: number;
}

type Status = readonly [statusCode: number, statusDesc: string];

const ok: Status = [200, "OK"];
const notSubscribed: Status = [404, "this peer has no subscription"];

/** The subscriptions of one node. */
export class FilterService implements RequestService<SubscribeRequest> {
  readonly codec: string = filterSubscribeCodec;
  readonly requestBytesMax: number = 256 * 1024;
  readonly refusalCodes: Readonly<Record<Refusal, number>> = { malformed: 400, "too-large": 400, failed: 503 };
  readonly #node: FilterNode;
  readonly #served: ReadonlySet<string>;
  readonly #subscribers = new Map<string, Subscriber>();
  /** Criterion → its subscribers, so that a message costs only the peers that want it. */
  readonly #wanting = new Map<string, Set<Subscriber>>();

  constructor(node: FilterNode) {
    this.#node = node;
    this.#served = new Set(node.pubsubTopics);
  }

  get subscriberCount(): number {
    return this.#subscribers.size;
  }

  /** Content topics of all subscribers together. */
  get criteriaCount(): number {
    let count = 0;
    for (const { criteria } of this.#subscribers.values()) count += criteria.size;
    return count;
  }

  decode(bytes: Uint8Array): SubscribeRequest {
    return FilterSubscribeRequest.decode(bytes);
  }

  kindOf({ filterSubscribeType }: SubscribeRequest): string | undefined {
    if (filterSubscribeType === FilterSubscribeType.SUBSCRIBE) return "subscribe";
    return filterSubscribeType === FilterSubscribeType.SUBSCRIBER_PING ? "ping" : undefined;
  }

  answer(request: SubscribeRequest, peer: PeerId): Uint8Array {
    return this.status(request.requestId, ...this.#handle(request, peer));
  }

  status(requestId: string, statusCode: number, statusDesc: string): Uint8Array {
    return FilterSubscribeResponse.encode({ requestId, statusCode, statusDesc });
  }

  /** Sends a message to everyone who wants it. */
  push({ pubsubTopic, message }: AcceptedMessage): void {
    const wanting = this.#wanting.get(criterionOf(pubsubTopic, message.contentTopic));
    if (wanting === undefined) return;
    const frame = lengthPrefixed.encode.single(MessagePush.encode({ pubsubTopic, wakuMessage: message })).subarray();
    for (const subscriber of [...wanting]) {
      if (subscriber.expiresMs <= this.#node.nowMs()) {
        this.#drop(subscriber);
      } else {
        if (subscriber.line.push(frame)) this.#node.pushed();
        else this.#node.dropped(1);
      }
    }
  }

  /** Forgets a peer that has disconnected: it subscribes anew when it returns. */
  forget(peer: PeerId): void {
    const subscriber = this.#subscribers.get(peer.toString());
    if (subscriber !== undefined) this.#drop(subscriber);
  }

  close(): void {
    for (const subscriber of [...this.#subscribers.values()]) this.#drop(subscriber);
  }

  #handle(request: SubscribeRequest, peer: PeerId): Status {
    const subscriber = this.#subscriberOf(peer);
    switch (request.filterSubscribeType) {
      case FilterSubscribeType.SUBSCRIBE:
        return this.#subscribe(request, peer, subscriber);
      case FilterSubscribeType.UNSUBSCRIBE:
        return this.#unsubscribe(request, subscriber);
      case FilterSubscribeType.UNSUBSCRIBE_ALL:
        if (subscriber === undefined) return notSubscribed;
        this.#drop(subscriber);
        return ok;
      case FilterSubscribeType.SUBSCRIBER_PING:
        if (subscriber === undefined) return notSubscribed;
        this.#renew(subscriber);
        return ok;
    }
  }

  #subscribe(request: SubscribeRequest, peer: PeerId, known: Subscriber | undefined): Status {
    const criteria = this.#criteriaOf(request);
    if (isStatus(criteria)) return criteria;
    if (known === undefined && this.#subscribers.size >= subscribersMax)
      return [503, "this node has too many subscribers"];
    const added = criteria.filter((criterion) => !known?.criteria.has(criterion));
    if ((known?.criteria.size ?? 0) + added.length > criteriaPerPeerMax) {
      return [503, `more than ${criteriaPerPeerMax} subscribed content topics`];
    }
    const subscriber = known ?? this.#add(peer);
    this.#renew(subscriber);
    for (const criterion of added) {
      subscriber.criteria.add(criterion);
      const wanting = this.#wanting.get(criterion);
      if (wanting === undefined) this.#wanting.set(criterion, new Set([subscriber]));
      else wanting.add(subscriber);
    }
    return ok;
  }

  #unsubscribe(request: SubscribeRequest, subscriber: Subscriber | undefined): Status {
    const criteria = this.#criteriaOf(request);
    if (isStatus(criteria)) return criteria;
    if (subscriber === undefined) return notSubscribed;
    for (const criterion of criteria) this.#remove(subscriber, criterion);
    if (subscriber.criteria.size === 0) this.#drop(subscriber);
    return ok;
  }

  #criteriaOf({ pubsubTopic, contentTopics }: SubscribeRequest): string[] | Status {
    if (pubsubTopic === undefined || contentTopics.length === 0)
      return [400, "a pubsub topic and content topics are needed"];
    if (!this.#served.has(pubsubTopic)) return [400, "this node does not serve that pubsub topic"];
    if (contentTopics.length > contentTopicsPerRequestMax) {
      return [400, `more than ${contentTopicsPerRequestMax} content topics in one request`];
    }
    if (contentTopics.includes("")) return [400, "an empty content topic"];
    return [...new Set(contentTopics)].map((contentTopic) => criterionOf(pubsubTopic, contentTopic));
  }

  /** The subscriber, unless its time is over. */
  #subscriberOf(peer: PeerId): Subscriber | undefined {
    const subscriber = this.#subscribers.get(peer.toString());
    if (subscriber === undefined || subscriber.expiresMs > this.#node.nowMs()) return subscriber;
    this.#drop(subscriber);
    return undefined;
  }

  #add(peer: PeerId): Subscriber {
    const stream = new PushStream({
      open: () => this.#node.openPushStream(peer),
      dropped: (frames) => this.#node.dropped(frames),
    });
    const line = new PushLine(this.#node.faults, {
      send: (frame, isLast) => stream.push(frame, isLast),
      cut: () => this.#node.cut(peer),
    });
    const subscriber: Subscriber = { criteria: new Set(), stream, line, expiresMs: 0 };
    this.#subscribers.set(peer.toString(), subscriber);
    return subscriber;
  }

  #renew(subscriber: Subscriber): void {
    subscriber.expiresMs = this.#node.nowMs() + subscriptionMs;
  }

  #remove(subscriber: Subscriber, criterion: string): void {
    subscriber.criteria.delete(criterion);
    const wanting = this.#wanting.get(criterion);
    wanting?.delete(subscriber);
    if (wanting?.size === 0) this.#wanting.delete(criterion);
  }

  #drop(subscriber: Subscriber): void {
    for (const criterion of [...subscriber.criteria]) this.#remove(subscriber, criterion);
    for (const [peer, known] of this.#subscribers) if (known === subscriber) this.#subscribers.delete(peer);
    subscriber.line.close();
    subscriber.stream.close();
  }
}

function criterionOf(pubsubTopic: string, contentTopic: string): string {
  return `${pubsubTopic}\0${contentTopic}`;
}

function isStatus(value: string[] | Status): value is Status {
  return typeof value[0] === "number";
}
