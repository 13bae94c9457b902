/** The Transport port: what the engine needs of a network. Part of `ports.ts`, which everybody imports it from. */
import type { ContentTopic } from "../../wire/ids.ts";

export interface IncomingMessage {
  readonly topic: ContentTopic;
  readonly payload: Uint8Array;
  /** Sender's claim, Unix ms. */
  readonly timestampMs: number;
  /** Waku message hash (14/WAKU2-MESSAGE deterministic hash), 32 bytes. */
  readonly hash: Uint8Array;
  /** The service node that pushed it; absent for what was read from a Store node. */
  readonly from?: string;
}

/** A service node that has confirmed a subscription. */
export interface NodeSubscription {
  /** As in `IncomingMessage.from`. */
  readonly node: string;
  /** By the steady clock. */
  readonly sinceMs: number;
}

/** A configured service node at whose address another one answers. It is not used. */
export interface Impostor {
  /** The id that is configured. */
  readonly configured: string;
  readonly found: string;
}

export type PublishResult =
  /** `hash` is the Waku message hash of what was sent: what `confirm` asks for. */
  | { readonly kind: "published"; readonly peers: number; readonly hash: Uint8Array }
  /** A service node answered no. `retryable` is false when the same bytes can never pass (too large, RLN required). */
  | { readonly kind: "refused"; readonly status: number; readonly reason: string; readonly retryable: boolean }
  /** No answer: no peer, a deadline, a closed stream. With `hash` it was sent, and a node may have taken it. */
  | { readonly kind: "unavailable"; readonly reason: string; readonly hash?: Uint8Array };

export interface TransportStatus {
  /** Service peers with an open connection. */
  readonly peers: number;
  readonly configuredPeers: number;
  /** Topics whose subscription a service node has confirmed on the present connection. */
  readonly listening: readonly ContentTopic[];
  /** Of the connected ones, how many offer each protocol; absent: not known. */
  readonly offering?: Readonly<Record<"filter" | "lightpush" | "store", number>>;
  /** Absent: none. */
  readonly impostors?: readonly Impostor[];
}

export interface TransportEvents {
  /** Called synchronously; must only enqueue. */
  onMessage(message: IncomingMessage): void;
  /** A subscription to these topics was confirmed anew (first time or after any gap): history before now may be missing. */
  onListening(topics: readonly ContentTopic[]): void;
  /** Peers or subscriptions changed. */
  onStatus(status: TransportStatus): void;
}

export interface Transport {
  start(events: TransportEvents): Promise<void>;
  /** The topics wanted from now on; the transport makes held equal wanted, forever, and says onListening. */
  listen(topics: readonly ContentTopic[]): void;
  /** `shiftMs` is added to the clock for the message's timestamp. */
  publish(
    message: { readonly topic: ContentTopic; readonly payload: Uint8Array; readonly shiftMs?: number },
    signal: AbortSignal,
  ): Promise<PublishResult>;
  /**
   * All stored messages of `topics` from `sinceMs` on, oldest first, page by page. Throws UmbradError
   * `transport/unavailable` when the answer is not complete: a truncated answer is never taken for the end.
   */
  history(
    query: { readonly topics: readonly ContentTopic[]; readonly sinceMs: number },
    signal: AbortSignal,
  ): AsyncIterable<readonly IncomingMessage[]>;
  /**
   * Which of these Waku message hashes a Store node has. Absent from the answer means that a Store node said "not there";
   * throws UmbradError `transport/unavailable` when none answered.
   */
  confirm(hashes: readonly Uint8Array[], signal: AbortSignal): Promise<readonly Uint8Array[]>;
  /**
   * Everything looks well and nothing arrives: subscribe anew and, when it is called again soon after, connect anew.
   * Says onListening like after any gap. With a node it is about that one alone.
   */
  renew(node?: string): void;
  /** The service nodes that hold our subscription to this topic, each of which has to push what comes on it. */
  subscribedAt(topic: ContentTopic): readonly NodeSubscription[];
  status(): TransportStatus;
  stop(): Promise<void>;
}
