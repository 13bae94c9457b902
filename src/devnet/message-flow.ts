/** What becomes of a valid message, whichever way it came: once each, to the archive, the subscribers and the relay. */
import type { GossipSub } from "@chainsafe/libp2p-gossipsub";
import type { Archive } from "./archive.ts";
import type { DevnetCounters } from "./counters.ts";
import type { DevnetFaults } from "./faults/faults.ts";
import type { FilterService } from "./services/filter-service.ts";
import type { AcceptedMessage } from "./waku-message.ts";

/** Real service nodes do not archive a message whose timestamp is further from their clock. */
const archiveSkewNs = 20_000_000_000n;

/** Two generations of this many hashes: about as long as gossipsub remembers, and a bound on memory. */
const seenPerGeneration = 50_000;

/** Where messages go. */
export interface FlowParts {
  readonly archive: Archive;
  readonly filter: FilterService;
  readonly relay: GossipSub;
  readonly counters: DevnetCounters;
  readonly faults: DevnetFaults;
  readonly archiveAny: boolean;
  nowMs(): number;
}

/** The way of a message through one node. */
export class MessageFlow {
  readonly #parts: FlowParts;
  #recent = new Set<string>();
  #older = new Set<string>();

  constructor(parts: FlowParts) {
    this.#parts = parts;
  }

  /** A message of a light node. Resolves to the number of relay peers it was handed to. */
  async publish(message: AcceptedMessage): Promise<number> {
    this.#deliver(message);
    const { recipients } = await this.#parts.relay.publish(message.pubsubTopic, message.bytes);
    return recipients.length;
  }

  /** A message of a relay node; gossipsub forwards it by itself. */
  receive(message: AcceptedMessage): void {
    this.#parts.counters.relayReceived += 1;
    this.#deliver(message);
  }

  #deliver(message: AcceptedMessage): void {
    const { archive, counters, faults, filter } = this.#parts;
    const key = Buffer.from(message.hash).toString("base64");
    if (this.#recent.has(key) || this.#older.has(key)) {
      counters.duplicates += 1;
      return;
    }
    // Archive first: whoever is pushed a message may at once ask Store for what came before it. And should this throw
    // (a full disk), the message counts as not seen, so that its sender's next try is a real one.
    if (this.#isArchivable(message)) {
      if (faults.strikes("withhold")) {
        counters.withheld += 1;
      } else {
        archive.add(message);
        counters.archived += 1;
      }
    } else {
      counters.notArchived += 1;
    }
    this.#remember(key);
    filter.push(message);
  }

  #isArchivable({ message: { ephemeral, timestamp } }: AcceptedMessage): boolean {
    if (ephemeral === true) return false;
    if (this.#parts.archiveAny) return true;
    const offNs = (timestamp ?? 0n) - BigInt(this.#parts.nowMs()) * 1_000_000n;
    return offNs >= -archiveSkewNs && offNs <= archiveSkewNs;
  }

  #remember(key: string): void {
    this.#recent.add(key);
    if (this.#recent.size < seenPerGeneration) return;
    this.#older = this.#recent;
    this.#recent = new Set();
  }
}
