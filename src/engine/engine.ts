/** The engine: composes router, intake, turns and loops over the ports, and answers the admin API. Knows no adapter. */
import type { AnyConversationType } from "../conversation/contract.ts";
import type { MessageId } from "../wire/ids.ts";
import type { EngineApi, EngineStatus, SendRequest } from "./api.ts";
import { Commands, type Phase } from "./commands.ts";
import type { ContactApi } from "./contacts/contact-api.ts";
import { Contacts } from "./contacts/contacts.ts";
import { Decisions } from "./contacts/decisions.ts";
import { Conversations, handleOf } from "./conversations.ts";
import { Counters } from "./counters.ts";
import { EventFeed } from "./event-feed.ts";
import { REMEMBER_MS } from "./limits.ts";
import { HistoryLoop } from "./loops/history.ts";
import { OutboxLoop } from "./loops/outbox.ts";
import { ParkingLoop } from "./loops/parking.ts";
import { Subscriptions } from "./loops/subscriptions.ts";
import { TimerLoop } from "./loops/timers.ts";
import type { Clock, EventRow, Log, MessageRow, Store, Transport, TransportStatus } from "./ports.ts";
import { readiness } from "./readiness.ts";
import { createRegistry } from "./registry.ts";
import { Intake } from "./routing/intake.ts";
import { Router } from "./routing/router.ts";
import { decodeState } from "./turn/states.ts";
import { type AcceptedTurn, Turns } from "./turn/turns.ts";

export interface EngineOptions {
  readonly store: Store;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly log: Log;
  readonly types: readonly AnyConversationType[];
}

export interface Engine extends EngineApi {
  /** Builds the index from the states and starts the loops. Never waits for the network. */
  start(): Promise<void>;
  /** Stops taking, lets begun turns end (at most `deadlineMs`), stops the transport. The store stays open. */
  stop(deadlineMs: number): Promise<void>;
  readonly counters: Counters;
}

export function createEngine(options: EngineOptions): Engine {
  return new RunningEngine(options);
}

class RunningEngine implements Engine {
  readonly counters = new Counters();
  readonly people: ContactApi;
  readonly #options: EngineOptions;
  readonly #registry;
  readonly #router = new Router();
  readonly #feed: EventFeed;
  readonly #conversations: Conversations;
  readonly #contacts: Contacts;
  readonly #subscriptions: Subscriptions;
  readonly #intake: Intake;
  readonly #turns: Turns;
  readonly #commands: Commands;
  readonly #outbox: OutboxLoop;
  readonly #timers: TimerLoop;
  readonly #parking: ParkingLoop;
  readonly #history: HistoryLoop;
  #phase: Phase = "starting";
  #statusListeners = new Set<() => void>();

  constructor(options: EngineOptions) {
    this.#options = options;
    const { store, transport, clock, log } = options;
    this.#registry = createRegistry(options.types);
    this.#feed = new EventFeed(store);
    this.#contacts = new Contacts(store, () => this.#conversations.list());
    const ofContact = (words: string) =>
      this.#contacts.matches(words).flatMap((contact) => contact.conversations.slice(0, 1));
    this.#conversations = new Conversations(store, ofContact);
    this.#subscriptions = new Subscriptions((topics) => transport.listen(topics));
    this.#intake = new Intake({
      store,
      registry: this.#registry,
      router: this.#router,
      clock,
      log,
      counters: this.counters,
      memberOf: (number) => this.#conversations.typeOf(number)?.encryption.member,
      cursor: () => this.#history.takeCursor(),
      onGap: (reason) => this.#history.markGap(reason),
      onParked: () => this.#parking.wake(),
    });
    this.#turns = new Turns({
      store,
      registry: this.#registry,
      clock,
      router: this.#router,
      listener: { onHints: (hints) => this.#intake.adopt(hints), onAccepted: (outcome) => this.#onAccepted(outcome) },
    });
    this.#intake.connect(this.#turns);
    const phase = (): Phase => this.#phase;
    this.#commands = new Commands({ store, turns: this.#turns, conversations: this.#conversations, phase });
    const [commands, conversations, contacts] = [this.#commands, this.#conversations, this.#contacts];
    this.people = new Decisions({ commands, conversations, contacts });
    const onEvents = (events: readonly EventRow[]) => this.#feed.publish(events);
    this.#outbox = new OutboxLoop({
      store,
      transport,
      clock,
      log,
      counters: this.counters,
      turns: this.#turns,
      onEvents,
    });
    this.#timers = new TimerLoop({ store, clock, log, turns: this.#turns });
    this.#parking = new ParkingLoop({ store, clock, intake: this.#intake });
    const onSynced = () => this.#statusChanged();
    this.#history = new HistoryLoop({
      store,
      transport,
      clock,
      log,
      intake: this.#intake,
      subscriptions: this.#subscriptions,
      onSynced,
    });
  }

  async start(): Promise<void> {
    const { store, transport, clock } = this.#options;
    for (const stored of store.conversations()) {
      if (stored.closed) continue;
      const type = this.#registry.type(stored.type);
      const state = this.#decode(type, stored.state, stored.number);
      if (state === undefined) continue;
      this.#router.apply({ conversation: stored.number, type, before: undefined, after: state });
      this.#subscriptions.opened(type, state);
      this.#conversations.add(stored.number, type, state, stored.name);
    }
    this.#contacts.load();
    store.prune(clock.now() - REMEMBER_MS);
    await transport.start({
      onMessage: (message) => this.#intake.push(message),
      onListening: (topics) => this.#history.onListening(topics),
      onStatus: (status) => this.#onNetwork(status),
    });
    this.#phase = "running";
    this.#subscriptions.start();
    this.#history.start();
    this.#parking.wake(true);
    this.#timers.wake();
    this.#outbox.wake();
    this.#statusChanged();
  }

  async stop(deadlineMs: number): Promise<void> {
    const { transport, clock, log } = this.#options;
    this.#phase = "draining";
    this.#statusChanged();
    this.#intake.close();
    this.#timers.stop();
    this.#parking.stop();
    let cancel = (): void => {};
    const deadline = new Promise<void>((resolve) => {
      cancel = clock.after(deadlineMs, resolve);
    });
    await Promise.race([this.#turns.idle(), deadline]);
    cancel();
    try {
      this.#history.saveCursor();
    } catch (error) {
      log.warn(
        { event: "sync.cursor-unsaved", component: "engine", err: error },
        "the Store cursor could not be saved",
      );
    }
    this.#history.stop();
    this.#outbox.stop();
    await transport.stop();
    // What was committed before the transport stopped may still be on its way to the store.
    await Promise.race([this.#turns.idle(), Promise.resolve()]);
  }

  status(): EngineStatus {
    const { store, transport } = this.#options;
    const network = transport.status();
    const topics = this.#subscriptions.topics();
    const isSynced = topics.every((topic) => network.listening.includes(topic) && this.#history.isCovered(topic));
    return {
      ...readiness({ phase: this.#phase, network, topics, isSynced }),
      clientAddress: this.#conversations.clientAddress(),
      network,
      synced: isSynced,
      conversations: this.#conversations.list().length,
      outbox: store.outboxCount(),
      parked: store.parkedCount(),
      lastSeq: store.lastSeq(),
    };
  }

  conversations() {
    return this.#conversations.list();
  }

  findConversation(nameOrHandleOrId: string) {
    return this.#conversations.find(nameOrHandleOrId);
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

  message(messageId: string): MessageRow | undefined {
    return this.#options.store.message(messageId as MessageId);
  }

  messages(query: { readonly conversation: string; readonly limit: number; readonly before?: number }): MessageRow[] {
    const { handle } = this.#conversations.find(query.conversation);
    const { limit, before } = query;
    return this.#options.store.messages({
      conversation: this.#conversations.numberOf(handle),
      limit,
      ...(before === undefined ? {} : { before }),
    });
  }

  events(query: {
    readonly after: number;
    readonly limit: number;
    readonly conversations?: readonly string[];
  }): EventRow[] {
    const { after, limit } = query;
    const numbers = query.conversations?.map((name) =>
      this.#conversations.numberOf(this.#conversations.find(name).handle),
    );
    return this.#options.store.events({ after, limit, ...(numbers === undefined ? {} : { conversations: numbers }) });
  }

  lastSeq(): number {
    return this.#options.store.lastSeq();
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
        this.#subscriptions.opened(change.type, change.after);
        this.#conversations.add(change.number, change.type, change.after, undefined);
      } else if (change.after === undefined) {
        this.#subscriptions.closed(change.type, change.before);
        this.#conversations.remove(change.number);
      } else this.#conversations.update(change.number, change.after);
    }
    this.#feed.publish(outcome.receipt.events);
    if (outcome.wrote.outbox) this.#outbox.wake();
    if (outcome.wrote.timers) this.#timers.wake();
  }

  #onNetwork(status: TransportStatus): void {
    this.#history.onDeaf(status.listening);
    if (status.peers > 0) this.#outbox.resume();
    this.#statusChanged();
  }

  #statusChanged(): void {
    for (const listener of this.#statusListeners) listener();
  }

  #decode(type: AnyConversationType, bytes: Uint8Array, number: number): unknown {
    try {
      return decodeState(type, bytes, number);
    } catch (error) {
      // One broken state must not keep the daemon from serving all others.
      this.#options.log.error(
        { event: "conversation.halted", component: "engine", conversation: handleOf(number), err: error },
        "a conversation's stored state does not decode; it is left alone",
      );
      return undefined;
    }
  }
}
