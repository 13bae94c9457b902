/** All that hearing takes, put together: which topics we want, whether we hear them, and what we have missed. */
import type { ContentTopic } from "../../wire/ids.ts";
import type { Counters } from "../counters.ts";
import type { Meter } from "../port/meter.ts";
import type { Clock, EventRow, IncomingMessage, Log, NewEvent, Store, Transport, TransportStatus } from "../ports.ts";
import type { Quota } from "../quota/quota.ts";
import type { Intake } from "../routing/intake.ts";
import { TurnedAway } from "../routing/turned-away.ts";
import { CanaryLoop, type CanaryOptions } from "./canary/canary.ts";
import { HistoryLoop } from "./history.ts";
import { NetworkTime } from "./network-time.ts";
import { Subscriptions } from "./subscriptions.ts";

interface ListeningDeps {
  readonly store: Store;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly log: Log;
  readonly intake: Intake;
  readonly canary: CanaryOptions | "off" | undefined;
  readonly counters: Counters;
  readonly meter?: Meter | undefined;
  readonly quota: Quota | undefined;
  readonly onEvents: (events: readonly EventRow[]) => void;
  /** What `umbrad status` says has changed. */
  readonly onChange: () => void;
}

export class Listening {
  readonly subscriptions: Subscriptions;
  readonly history: HistoryLoop;
  readonly canary: CanaryLoop;
  readonly time: NetworkTime;
  readonly #intake: Intake;
  readonly #turnedAway: TurnedAway;

  constructor({ canary, onEvents, onChange, ...deps }: ListeningDeps) {
    this.#intake = deps.intake;
    const tell = (event: NewEvent): void => {
      try {
        onEvents([deps.store.appendEvent(event, deps.clock.now())]);
      } catch (error) {
        // The event is lost, the cure is not.
        deps.log.error({ event: "canary.failed", component: "canary", err: error }, "the event could not be written");
      }
    };
    this.time = new NetworkTime({ ...deps, tell, onProbe: () => this.canary.probe(), onChange });
    this.canary = new CanaryLoop({
      ...deps,
      tell,
      time: this.time,
      options: canary,
      isWanted: (topic) => this.#isWanted(topic),
      onChange,
      onRecovered: () => this.history.markGap("deaf"),
      onNodeDeaf: (sinceMs) => this.history.markGap("node-deaf", sinceMs),
    });
    const own = this.canary.topic === undefined ? [] : [this.canary.topic];
    this.subscriptions = new Subscriptions((topics) => deps.transport.listen([...new Set([...topics, ...own])]));
    // Without a canary nobody can tell; then our clock is believed.
    const networkMs = (ourMs: number) => (this.canary.topic === undefined ? ourMs : this.time.earliestMs(ourMs));
    this.#turnedAway = new TurnedAway({ ...deps, subscriptions: this.subscriptions, networkMs });
    this.history = new HistoryLoop({
      ...deps,
      subscriptions: this.subscriptions,
      onSynced: onChange,
      networkMs,
      heardThroughMs: (nowMs) => this.canary.heardThroughMs(nowMs),
    });
  }

  start(): void {
    this.subscriptions.start();
    this.history.start();
  }

  /** Something was over the limits, and is not read yet. */
  get isMissing(): boolean {
    return this.#intake.admission.missingSinceMs() < Number.POSITIVE_INFINITY;
  }

  /** An envelope was received and could not be kept. */
  onGap(reason: string): void {
    if (reason === "limited") this.#turnedAway.wake();
    else this.history.markGap(reason);
  }

  onMessage(message: IncomingMessage): void {
    if (this.canary.take(message)) return;
    this.time.heard(message);
    this.#intake.push(message);
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
    this.time.stop();
    this.history.stop();
    this.#turnedAway.stop();
  }

  #isWanted(topic: ContentTopic): boolean {
    return this.subscriptions.sinceMs(topic) !== undefined;
  }
}
