/**
 * An EngineApi that keeps everything in memory and has no network: what tests of the admin API and of commands talk to.
 * It keeps the promises of the port (numbered events, idempotent keys, errors with the codes of `api.ts`), no more.
 */

import { systemClock } from "../../../src/daemon/clock.ts";
import type {
  ConversationState,
  ConversationView,
  EngineApi,
  EngineStatus,
  HealthCheck,
  MessageLife,
  OperatorDesk,
  ParkedView,
  SendFileRequest,
  SendRequest,
  WaitingView,
} from "../../../src/engine/api.ts";
import { Counters } from "../../../src/engine/counters.ts";
import { UmbradError } from "../../../src/engine/errors.ts";
import { Consumers } from "../../../src/engine/event-log/consumers.ts";
import type { ConsumerRow, EventRow, MessageRow, MessageState } from "../../../src/engine/ports.ts";
import { type ContentFrame, textContent } from "../../../src/wire/content-frame.ts";
import { contentDigest, type FileContent, fileContent, fileOf } from "../../../src/wire/file-content.ts";
import type { ContentTopic, MessageId } from "../../../src/wire/ids.ts";
import { MemoryPeople } from "./memory-people.ts";

const address = "ab".repeat(32);
const textBytesMax = 64 * 1024;

export class MemoryEngine implements EngineApi {
  readonly #conversations: ConversationView[] = [];
  readonly #events: EventRow[] = [];
  readonly #messages: MessageRow[] = [];
  readonly #keys = new Map<string, { text: string; messageId: MessageId }>();
  readonly #listeners = new Set<(events: readonly EventRow[]) => void>();
  readonly #invites = new Map<string, number>();
  readonly #rows = new Map<string, ConsumerRow>();
  #firstSeq = 1;
  #announcedSeq = 0;
  readonly consumers: Consumers = new Consumers({ clock: systemClock, store: this.#consumerStore() });
  readonly people: MemoryPeople = new MemoryPeople(() => this.#conversations);
  /** By handle; what is not in it is open. */
  readonly states: Map<string, ConversationState> = new Map();
  /** By handle: what took its place. */
  readonly successors: Map<string, readonly string[]> = new Map();
  readonly counters = new Counters();
  nowMs = Date.UTC(2026, 10, 22, 10, 0, 0);
  state: EngineStatus["state"] = "ready";
  synced = true;
  outbox = 0;
  quota: EngineStatus["quota"] = null;
  backedUpAtMs: number | null = null;
  waiting: WaitingView[] = [];
  parkedRows: ParkedView[] = [];
  readonly desk: OperatorDesk = this.#desk();
  /** Appends without telling anybody, as when the receipt of a commit was lost. */
  isSilent = false;
  /** What `trace` says of the rows that a message waits in. */
  waits: Partial<MessageLife> = {};

  get followers(): number {
    return this.#listeners.size;
  }

  status(): EngineStatus {
    return {
      state: this.state,
      reasons: this.state === "ready" ? [] : ["no service peer is configured"],
      clientAddress: address,
      network: { peers: 1, configuredPeers: 2, listening: ["/umbra/1/b8-00/proto" as ContentTopic] },
      canary: { state: "hearing", rttMs: 12, ageMs: 3_000, silentNodes: [] },
      synced: this.synced,
      conversations: this.#conversations.length,
      outbox: this.outbox,
      parked: 0,
      quota: this.quota,
      lastSeq: this.lastSeq(),
      backedUpAtMs: this.backedUpAtMs,
    };
  }

  health(): HealthCheck[] {
    const ok = this.state === "ready";
    const text = ok ? "1 of 2 service nodes are connected" : "no service peer is configured";
    const history = this.synced ? "nothing is missing" : "history is being read";
    return [
      { name: "peers", ok, text, data: { connected: ok ? 1 : 0, configured: 2 } },
      { name: "history", ok: this.synced, text: history, data: { synced: this.synced } },
    ];
  }

  conversations(): ConversationView[] {
    return [...this.#conversations];
  }

  findConversation(name: string): ConversationView {
    const found = this.#conversations.filter((one) => one.handle === name || one.name === name || one.id === name);
    const [first, second] = found;
    if (first !== undefined && second !== undefined) {
      const handles = found.map(({ handle }) => handle).join(", ");
      throw new UmbradError("conversation/ambiguous", `${name} names ${handles}`, { hint: "use the handle" });
    }
    if (first === undefined) {
      throw new UmbradError("conversation/unknown", `no conversation is called ${JSON.stringify(name)}`, {
        hint: "umbrad conversation list",
      });
    }
    return first;
  }

  conversationState(handle: string): ConversationState {
    return this.states.get(handle) ?? "open";
  }

  successorsOf(handle: string): readonly string[] {
    return this.successors.get(handle) ?? [];
  }

  handleOf(conversationNumber: number): string {
    return `c${conversationNumber}`;
  }

  async createInvite(request: { uses: number; expiresAtMs: number }): ReturnType<EngineApi["createInvite"]> {
    const id = `i${this.#invites.size + 1}`;
    const link = `umbra:invite:${id}`;
    this.#invites.set(link, request.expiresAtMs);
    return { id, link, ...request };
  }

  async acceptInvite(request: { link: string; text?: string }): ReturnType<EngineApi["acceptInvite"]> {
    const { link, text } = request;
    if (!link.startsWith("umbra:")) {
      throw new UmbradError("invite/malformed", "this is not an invite link", { hint: "ask for a new link" });
    }
    const view = this.open(null);
    const messageId = text === undefined ? null : this.#queue(view, textContent(text)).messageId;
    return { conversation: view.handle, messageId };
  }

  async send(request: SendRequest): ReturnType<EngineApi["send"]> {
    const { conversation, text, key } = request;
    const { handle: named } = this.findConversation(conversation);
    const view = this.findConversation(this.successors.get(named)?.at(-1) ?? named);
    if (text === "") throw new UmbradError("message/empty", "an empty text is not sent");
    if (Buffer.byteLength(text) > textBytesMax) {
      throw new UmbradError("message/too-large", `a text may have ${textBytesMax} bytes`);
    }
    const before = key === undefined ? undefined : this.#keys.get(key);
    if (before !== undefined && before.text !== text) {
      throw new UmbradError("message/key-conflict", "this key was used for another text");
    }
    const row = before === undefined ? this.#queue(view, textContent(text)) : this.#known(before.messageId);
    if (key !== undefined) this.#keys.set(key, { text, messageId: row.messageId });
    return { messageId: row.messageId, state: row.state, conversation: view.handle };
  }

  async sendFile({ conversation, key: _key, ...file }: SendFileRequest): ReturnType<EngineApi["sendFile"]> {
    const view = this.findConversation(conversation);
    const row = this.#queue(view, fileContent(file));
    return { messageId: row.messageId, state: row.state, conversation: view.handle };
  }

  content(messageId: string): ReturnType<EngineApi["content"]> {
    const bytes = fileOf(this.#known(messageId).body)?.data ?? new Uint8Array();
    return { size: bytes.length, chunks: () => [bytes] };
  }

  message(messageId: string): MessageRow | undefined {
    return this.#messages.find((row) => row.messageId === messageId);
  }

  trace(messageId: string): MessageLife | undefined {
    const message = this.message(messageId);
    if (message === undefined) return undefined;
    const events = this.#events.filter((event) => event.message?.messageId === messageId);
    return { message, events, outbox: undefined, publication: undefined, lastReason: undefined, ...this.waits };
  }

  messages(query: { conversation: string; limit: number; before?: number }): MessageRow[] {
    const number = numberOf(this.findConversation(query.conversation));
    const { before = Number.POSITIVE_INFINITY, limit } = query;
    const rows = this.#messages.filter((row) => row.conversation === number && row.rowId < before);
    return rows.reverse().slice(0, limit);
  }

  events(query: Parameters<EngineApi["events"]>[0]): EventRow[] {
    const { through = Number.POSITIVE_INFINITY } = query;
    const wanted = query.conversations?.map((handle) => numberOf({ handle }));
    const isWanted = (row: EventRow): boolean =>
      (wanted === undefined || (row.conversation !== undefined && wanted.includes(row.conversation))) &&
      (query.types?.includes(row.type) ?? true);
    return this.#events
      .filter((row) => row.seq > Math.max(query.after, this.#firstSeq - 1) && row.seq <= through && isWanted(row))
      .slice(0, query.limit);
  }

  lastSeq(): number {
    return this.#events.length;
  }

  announcedSeq(): number {
    return this.#announcedSeq;
  }

  onEvents(listener: (events: readonly EventRow[]) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  onStatus(): () => void {
    return () => {};
  }

  #desk(): OperatorDesk {
    const parkedRow = (id: number): ParkedView => {
      const row = this.parkedRows.find((each) => each.id === id);
      if (row === undefined) throw new UmbradError("parked/unknown", `no envelope is parked under the number ${id}`);
      return row;
    };
    const waitingRow = (messageId: string): MessageRow => {
      const row = this.message(messageId);
      if (row === undefined) throw new UmbradError("message/unknown", `no message has the id "${messageId}"`);
      if (row.state !== "queued" && row.state !== "failed")
        throw new UmbradError("message/already-left", `the message is ${row.state}`);
      return row;
    };
    const expiries = new Map<string, number | null>();
    const handleOf = (words: string): string => this.findConversation(words).handle;
    return {
      expiry: {
        show: (words) => ({ conversation: handleOf(words), afterMs: expiries.get(handleOf(words)) ?? null }),
        set: (words, afterMs) => {
          expiries.set(handleOf(words), afterMs);
          return { conversation: handleOf(words), afterMs };
        },
      },
      outbox: {
        list: (limit) => ({ waiting: this.waiting.slice(0, limit), total: this.waiting.length }),
        retry: async (messageId) => ({ messageId: waitingRow(messageId).messageId, state: "queued" }),
        cancel: async (messageId) => ({ messageId: waitingRow(messageId).messageId, state: "failed" }),
      },
      parked: {
        list: (limit) => ({ parked: this.parkedRows.slice(0, limit), total: this.parkedRows.length }),
        retry: (id) => (id === undefined ? this.parkedRows.length : [parkedRow(id)].length),
        drop: (id) => {
          const row = parkedRow(id);
          this.parkedRows = this.parkedRows.filter((each) => each !== row);
        },
      },
    };
  }

  #consumerStore(): ConstructorParameters<typeof Consumers>[0]["store"] {
    const rows = this.#rows;
    return {
      events: ({ after, limit }) => this.events({ after, limit }),
      lastSeq: () => this.lastSeq(),
      firstSeq: () => this.#firstSeq,
      consumers: () => [...rows.values()],
      consumer: (name) => rows.get(name),
      addConsumer: (row) => void rows.set(row.name, { ...row, ackedAtMs: row.createdAtMs }),
      acknowledge: (name, ackedSeq, ackedAtMs) => void rows.set(name, { ...rows.get(name)!, ackedSeq, ackedAtMs }),
      dropConsumer: (name) => void rows.delete(name),
    };
  }

  // What time would do.

  /** Retention has deleted everything up to there. */
  forget(through: number): void {
    this.#firstSeq = through + 1;
  }

  // What the network would do.

  open(name: string | null): ConversationView {
    const number = this.#conversations.length + 1;
    const view = {
      handle: `c${number}`,
      id: `/private/v1/${String(number).padStart(32, "0")}`,
      type: "private/v1",
      name,
      peer: "cd".repeat(32),
      createdAtMs: this.nowMs,
      standing: "accepted",
      isHeard: null,
    } as const;
    this.#conversations.push(view);
    this.#append("conversation.opened", number, undefined, { peer: view.peer, role: "inviter" });
    return view;
  }

  receive(view: ConversationView, content: string | FileContent): MessageRow {
    const frame = typeof content === "string" ? textContent(content) : fileContent(content);
    const row = this.#addMessage(view, frame, "in", "received");
    this.#append("message.received", row.conversation, row, {});
    return row;
  }

  advance(messageId: string, state: MessageState, data: object = {}): void {
    const row = { ...this.#known(messageId), state };
    this.#messages[row.rowId - 1] = row;
    this.#append(`message.${state}`, row.conversation, row, data);
  }

  daemonEvent(type: string, data: Readonly<Record<string, unknown>> = {}): void {
    this.#append(type, undefined, undefined, data);
  }

  #queue(view: ConversationView, content: ContentFrame): MessageRow {
    const row = this.#addMessage(view, content, "out", "queued");
    this.#append("message.queued", row.conversation, row, {});
    return row;
  }

  #addMessage(view: ConversationView, content: ContentFrame, direction: "in" | "out", state: MessageState): MessageRow {
    const data = fileOf(content)?.data;
    const rowId = this.#messages.length + 1;
    const row: MessageRow = {
      rowId,
      conversation: numberOf(view),
      messageId: String(rowId).padStart(32, "0") as MessageId,
      direction,
      state,
      timestampMs: this.nowMs,
      body: {
        sender: direction === "in" ? "cd".repeat(32) : address,
        ...content,
        ...(data === undefined ? {} : { attachment: { size: data.length, sha256: contentDigest(data) } }),
      },
    };
    this.#messages.push(row);
    return row;
  }

  #append(type: string, conversation: number | undefined, message: MessageRow | undefined, data: object): void {
    const row: EventRow = {
      seq: this.#events.length + 1,
      atMs: this.nowMs,
      type,
      conversation,
      message,
      data: { ...data },
    };
    this.#events.push(row);
    if (this.isSilent) return;
    this.#announcedSeq = row.seq;
    for (const listener of this.#listeners) listener([row]);
  }

  #known(messageId: string): MessageRow {
    const row = this.message(messageId);
    if (row === undefined) throw new Error(`the test names an unknown message: ${messageId}`);
    return row;
  }
}

function numberOf(view: Pick<ConversationView, "handle">): number {
  return Number(view.handle.slice(1));
}
