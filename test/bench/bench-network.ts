/** A wire between two engines that carries only when told to: the Transport port without a network's time in it. */
import type { IncomingMessage, Transport, TransportEvents, TransportStatus } from "../../src/engine/ports.ts";
import { toIncoming, toNanoseconds } from "../../src/waku/message.ts";
import type { ContentTopic } from "../../src/wire/ids.ts";

export class HeldTransport implements Transport {
  #events: TransportEvents | undefined;
  #listening: readonly ContentTopic[] = [];
  #published: IncomingMessage[] = [];

  async start(events: TransportEvents): Promise<void> {
    this.#events = events;
    events.onStatus(this.status());
  }

  listen(topics: readonly ContentTopic[]): void {
    this.#listening = topics;
    this.#events?.onListening(topics);
  }

  async publish(message: { readonly topic: ContentTopic; readonly payload: Uint8Array }) {
    const timestamp = toNanoseconds(Date.now());
    const parts = { payload: message.payload, contentTopic: message.topic, timestamp };
    const incoming = toIncoming("/waku/2/rs/66/6", parts);
    if (incoming !== undefined) this.#published.push(incoming);
    return { kind: "published", peers: 1, hash: incoming?.hash ?? new Uint8Array(32) } as const;
  }

  async confirm(hashes: readonly Uint8Array[]): Promise<readonly Uint8Array[]> {
    return hashes;
  }

  renew(): void {}

  subscribedAt(): readonly [] {
    return [];
  }

  async *history(): AsyncGenerator<readonly IncomingMessage[], void> {}

  status(): TransportStatus {
    return { peers: 1, configuredPeers: 1, listening: this.#listening };
  }

  async stop(): Promise<void> {}

  /** What was published since the last call. */
  take(): IncomingMessage[] {
    const taken = this.#published;
    this.#published = [];
    return taken;
  }

  deliver(message: IncomingMessage): void {
    this.#events?.onMessage(message);
  }
}
