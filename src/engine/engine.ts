/** The engine: composes router, intake, turns and loops over the ports, and answers the admin API. Knows no adapter. */
import type { MessageId } from "../wire/ids.ts";
import type {
  EngineApi,
  EngineStatus,
  HealthCheck,
  MessageLife,
  OperatorDesk,
  SendFileRequest,
  SendRequest,
} from "./api.ts";
import { Commands, type Phase } from "./commands.ts";
import type { ContactApi } from "./contacts/contact-api.ts";
import { Contacts } from "./contacts/contacts.ts";
import { Decisions } from "./contacts/decisions.ts";
import { type MessageContent, messageContent } from "./content/message-content.ts";
import { Conversations, handleOf } from "./conversations.ts";
import { Counters } from "./counters.ts";
import { DiskWatch } from "./disk/disk-watch.ts";
import { EventFeed } from "./event-feed.ts";
import { Consumers } from "./event-log/consumers.ts";
import { Ending } from "./expiry/ending.ts";
import { Health } from "./health.ts";
import { REMEMBER_MS } from "./limits.ts";
import { Listening } from "./loops/listening.ts";
import { ParkingLoop } from "./loops/parking.ts";
import { openQuota, Sending } from "./loops/sending.ts";
import { SetBack } from "./loops/set-back.ts";
import { openDesk } from "./operator/desk.ts";
import type { Engine, EngineOptions } from "./port/engine-options.ts";
import type { EventRow, MessageRow, TransportStatus } from "./ports.ts";
import { createRegistry } from "./registry.ts";
import { tellOfRollback } from "./rollback/rollback.ts";
import { Intake } from "./routing/intake.ts";
import { Router } from "./routing/router.ts";
import { openConversations } from "./turn/states.ts";
import { type AcceptedTurn, Turns } from "./turn/turns.ts";

export type { Engine };

export function createEngine(options: EngineOptions): Engine {
  return new RunningEngine(options);
}

class RunningEngine implements Engine {
  readonly counters = new Counters();
  readonly consumers: Consumers;
  readonly desk: OperatorDesk;
  readonly people: ContactApi;
  readonly #options: EngineOptions;
  readonly #registry;
  readonly #router = new Router();
  readonly #feed: EventFeed;
  readonly #conversations: Conversations;
  readonly #contacts: Contacts;
  readonly #intake: Intake;
  readonly #turns: Turns;
  readonly #commands: Commands;
  readonly #sending: Sending;
  readonly #parking: ParkingLoop;
  readonly #ending: Ending;
  readonly #listening: Listening;
  readonly #health: Health;
  readonly #disk: DiskWatch;
  #phase: Phase = "starting";
  #statusListeners = new Set<() => void>();

  constructor(options: EngineOptions) {
    this.#options = options;
    const { store, transport, clock, log, canary, meter } = options;
    const setBack = SetBack.open({ store, clock, log });
    const quota = openQuota(store, clock, options.quota);
    this.#registry = createRegistry(options.types);
    this.#feed = new EventFeed(store, clock);
    this.consumers = new Consumers({ store, clock });
    this.#contacts = new Contacts(store, () => this.#conversations.list());
    this.#conversations = new Conversations(store, (words) => this.#contacts.current(words));
    const onEvents = (events: readonly EventRow[]) => this.#feed.publish(events);
    const onDisk = () => this.#onDisk();
    this.#disk = new DiskWatch({ store, clock, log, onEvents, onFailing: onDisk, onRecovered: onDisk });
    this.#intake = new Intake({
      store,
      registry: this.#registry,
      router: this.#router,
      clock,
      log,
      counters: this.counters,
      memberOf: (number) => this.#conversations.typeOf(number)?.encryption.member,
      cursor: () => this.#listening.history.takeCursor(),
      onGap: (reason) => this.#listening.onGap(reason),
      onParked: () => this.#parking.wake(),
      limits: options.limits,
      isHeld: this.#disk.isFailing,
      meter,
    });
    this.#turns = new Turns({
      store,
      registry: this.#registry,
      clock,
      router: this.#router,
      isMetered: quota !== undefined,
      meter,
      listener: { onHints: (hints) => this.#intake.adopt(hints), onAccepted: (outcome) => this.#onAccepted(outcome) },
    });
    this.#intake.connect(this.#turns);
    const phase = (): Phase => this.#phase;
    const [conversations, contacts] = [this.#conversations, this.#contacts];
    const commands = new Commands({ store, turns: this.#turns, conversations, phase });
    this.#commands = commands;
    this.people = new Decisions({ commands, conversations, contacts });
    const { counters } = this;
    const shared = { store, transport, clock, setBack, log, counters, quota, onEvents, isHeld: this.#disk.isFailing };
    this.#sending = new Sending({ ...shared, turns: this.#turns, shiftMs: () => this.#listening.time.shiftMs });
    this.#parking = new ParkingLoop({ ...shared, intake: this.#intake });
    this.#ending = new Ending({ ...shared, retention: options.retention ?? {} });
    const waiting = { outbox: this.#sending.outbox, parking: this.#parking, disk: this.#disk };
    this.desk = openDesk({ ...shared, ...waiting, commands, conversations, ending: this.#ending });
    this.#listening = new Listening({ ...shared, intake: this.#intake, canary, meter, onChange: this.#statusChanged });
    this.#health = new Health({ ...shared, ...waiting, listening: this.#listening, conversations, phase });
  }

  async start(): Promise<void> {
    const { store, transport, clock } = this.#options;
    for (const { stored, type, state } of openConversations(this.#options, this.#registry)) {
      this.#turns.adopt(stored.number, type, state);
      this.#listening.subscriptions.opened(type, state);
      this.#conversations.add(stored.number, type, state, stored.name);
    }
    this.#contacts.load();
    await tellOfRollback({ ...this.#options, turns: this.#turns, onEvents: (events) => this.#feed.publish(events) });
    store.prune(clock.now() - REMEMBER_MS);
    await transport.start({
      onMessage: (message) => this.#listening.onMessage(message),
      onListening: (topics) => this.#listening.onListening(topics),
      onStatus: (status) => this.#onNetwork(status),
    });
    this.#phase = "running";
    this.#listening.start();
    this.#parking.wake(true);
    this.#sending.start();
    this.#ending.wake();
    this.#statusChanged();
  }

  async stop(deadlineMs: number): Promise<void> {
    const { transport, clock, log } = this.#options;
    this.#phase = "draining";
    this.#statusChanged();
    this.#intake.close();
    this.#sending.stopTimers();
    this.#parking.stop();
    let cancel = (): void => {};
    const deadline = new Promise<void>((resolve) => {
      cancel = clock.after(deadlineMs, resolve);
    });
    await Promise.race([this.#turns.idle(), deadline]);
    try {
      this.#listening.history.saveCursor();
    } catch (error) {
      log.warn(
        { event: "sync.cursor-unsaved", component: "engine", err: error },
        "the Store cursor could not be saved",
      );
    }
    this.#listening.stop();
    this.#sending.stop();
    this.#disk.stop();
    this.#ending.stop();
    this.#feed.stop();
    await transport.stop();
    // An answer that came in the last moment is still recorded before the store may close.
    await Promise.race([Promise.all([this.#turns.idle(), this.#sending.outbox.idle()]), deadline]);
    cancel();
    this.#turns.close();
  }

  status(): EngineStatus {
    return this.#health.status();
  }

  health(): readonly HealthCheck[] {
    return this.#health.checks();
  }

  conversations() {
    return this.#conversations.list();
  }

  findConversation(nameOrHandleOrId: string) {
    return this.#conversations.find(nameOrHandleOrId);
  }

  conversationState(handle: string): ReturnType<EngineApi["conversationState"]> {
    return this.#conversations.stateOf(handle);
  }

  successorsOf(handle: string): readonly string[] {
    return this.#conversations.successorsOf(handle);
  }

  handleOf(conversationNumber: number): string {
    return handleOf(conversationNumber);
  }

  createInvite(request: Parameters<EngineApi["createInvite"]>[0]): ReturnType<EngineApi["createInvite"]> {
    return this.#commands.createInvite(request);
  }

  acceptInvite(request: Parameters<EngineApi["acceptInvite"]>[0]): ReturnType<EngineApi["acceptInvite"]> {
    return this.#commands.acceptInvite(request);
  }

  send(request: SendRequest): ReturnType<EngineApi["send"]> {
    return this.#commands.send(request);
  }

  sendFile(request: SendFileRequest): ReturnType<EngineApi["sendFile"]> {
    return this.#commands.sendFile(request);
  }

  content(messageId: string): MessageContent {
    return messageContent(this.#options.store, messageId as MessageId);
  }

  message(messageId: string): MessageRow | undefined {
    return this.#options.store.message(messageId as MessageId);
  }

  trace(messageId: string): MessageLife | undefined {
    const trace = this.#options.store.trace(messageId as MessageId);
    if (trace === undefined) return undefined;
    return {
      ...trace,
      lastReason: trace.outbox === undefined ? undefined : this.#sending.outbox.lastReason(trace.outbox.id),
    };
  }

  messages(query: Parameters<EngineApi["messages"]>[0]): MessageRow[] {
    const { handle } = this.#conversations.find(query.conversation);
    return this.#options.store.messages({ ...query, conversation: this.#conversations.numberOf(handle) });
  }

  events(query: Parameters<EngineApi["events"]>[0]): EventRow[] {
    const conversations = query.conversations?.map((handle) => this.#conversations.numberOf(handle));
    return this.#options.store.events({ ...query, conversations });
  }

  lastSeq(): number {
    return this.#options.store.lastSeq();
  }

  announcedSeq(): number {
    return this.#feed.lastSeq;
  }

  onEvents(listener: (events: readonly EventRow[]) => void): () => void {
    return this.#feed.follow(listener);
  }

  onStatus(listener: () => void): () => void {
    this.#statusListeners.add(listener);
    return () => this.#statusListeners.delete(listener);
  }

  #onAccepted(outcome: AcceptedTurn): void {
    for (const change of outcome.changed) {
      if (change.before === undefined && change.after !== undefined) {
        this.#listening.subscriptions.opened(change.type, change.after);
        this.#conversations.add(change.number, change.type, change.after, undefined);
      } else if (change.after === undefined) {
        this.#listening.subscriptions.closed(change.type, change.before);
        this.#conversations.remove(change.number);
      } else this.#conversations.update(change.number, change.after);
    }
    this.#feed.publish(outcome.receipt.events);
    if (this.#phase !== "starting") this.#sending.onWrote(outcome.wrote);
  }

  #onNetwork(status: TransportStatus): void {
    this.#listening.onNetwork(status);
    if (status.peers > 0) this.#sending.onConnected();
    this.#statusChanged();
  }

  /** It takes no writes any more, or takes them again. */
  #onDisk(): void {
    if (this.#disk.isFailing()) this.#listening.history.hold();
    else {
      this.#listening.history.release();
      this.#sending.onDisk();
      this.#parking.wake(true);
      this.#ending.wake();
    }
    this.#statusChanged();
  }

  readonly #statusChanged = (): void => {
    for (const listener of this.#statusListeners) listener();
  };
}
