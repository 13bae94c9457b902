/** All that hearing takes, put together: which topics we want, whether we hear them, and what we have missed. */
import type { ContentTopic } from "../../wire/ids.ts";
import type { Clock, EventRow, IncomingMessage, Log, Store, Transport, TransportStatus } from "../ports.ts";
import type { Quota } from "../quota/quota.ts";
import type { Intake } from "../routing/intake.ts";
import { CanaryLoop, type CanaryOptions } from "./canary.ts";
import { HistoryLoop } from "./history.ts";
import { Subscriptions } from "./subscriptions.ts";

interface ListeningDeps {
  readonly store: Store;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly log: Log;
  readonly intake: Intake;
  readonly canary: CanaryOptions | "off" | undefined;
  readonly quota: Quota | undefined;
  readonly onEvents: (events: readonly EventRow[]) => void;
  /** What `umbrad status` says has changed. */
  readonly onChange: () => void;
}

export class Listening {
  readonly subscriptions: Subscriptions;
  readonly history: HistoryLoop;
  readonly canary: CanaryLoop;
  readonly #intake: Intake;

  constructor({ canary, onEvents, onChange, ...deps }: ListeningDeps) {
    this.#intake = deps.intake;
    this.canary = new CanaryLoop({
      ...deps,
      options: canary,
      isWanted: (topic) => this.#isWanted(topic),
      onEvents,
      onChange,
      onRecovered: () => this.history.markGap("deaf"),
    });
    const own = this.canary.topic === undefined ? [] : [this.canary.topic];
    this.subscriptions = new Subscriptions((topics) => deps.transport.listen([...new Set([...topics, ...own])]));
    this.history = new HistoryLoop({
      ...deps,
      subscriptions: this.subscriptions,
      onSynced: onChange,
      heardThroughMs: (nowMs) => this.canary.heardThroughMs(nowMs),
    });
  }

  start(): void {
    this.subscriptions.start();
    this.history.start();
  }

  onMessage(message: IncomingMessage): void {
    if (!this.canary.take(message)) this.#intake.push(message);
  }

  onListening(topics: readonly ContentTopic[]): void {
    const wanted = topics.filter((topic) => this.#isWanted(topic));
    if (wanted.length > 0) this.history.onListening(wanted);
    this.canary.onListening(topics);
  }

  onNetwork({ listening }: TransportStatus): void {
    this.canary.onNetwork(listening);
    this.history.onDeaf(listening);
  }

  stop(): void {
    this.canary.stop();
    this.history.stop();
  }

  #isWanted(topic: ContentTopic): boolean {
    return this.subscriptions.sinceMs(topic) !== undefined;
  }
}
