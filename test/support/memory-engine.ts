/**
 * An EngineApi that keeps everything in memory and has no network: what tests of the admin API and of commands talk to.
 * It keeps the promises of the port (numbered events, idempotent keys, errors with the codes of `api.ts`), no more.
 */
import type { ConversationView, EngineApi, EngineStatus, SendRequest } from "../../src/engine/api.ts";
import { UmbradError } from "../../src/engine/errors.ts";
import type { EventRow, MessageRow, MessageState } from "../../src/engine/ports.ts";
import { textContent } from "../../src/wire/content-frame.ts";
import type { ContentTopic, MessageId } from "../../src/wire/ids.ts";
import { MemoryPeople } from "./memory-people.ts";

const address = "ab".repeat(32);
const textBytesMax = 15 * 1024;

export class MemoryEngine implements EngineApi {
  readonly #conversations: ConversationView[] = [];
  readonly #events: EventRow[] = [];
  readonly #messages: MessageRow[] = [];
  readonly #keys = new Map<string, { text: string; messageId: MessageId }>();
  readonly #listeners = new Set<(events: readonly EventRow[]) => void>();
  readonly #invites = new Map<string, number>();
  readonly people: MemoryPeople = new MemoryPeople(() => this.#conversations);
  nowMs = Date.UTC(2026, 10, 22, 10, 0, 0);
  state: EngineStatus["state"] = "ready";
  synced = true;
  outbox = 0;

  get followers(): number {
    return this.#listeners.size;
  }

  status(): EngineStatus {
    return {
      state: this.state,
      reasons: this.state === "ready" ? [] : ["no service peer is configured"],
      clientAddress: address,
      network: { peers: 1, configuredPeers: 2, listening: ["/umbra/1/b8-00/proto" as ContentTopic] },
      synced: this.synced,
      conversations: this.#conversations.length,
      outbox: this.outbox,
      parked: 0,
      lastSeq: this.lastSeq(),
    };
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
    const messageId = text === undefined ? null : this.#queue(view, text).messageId;
    return { conversation: view.handle, messageId };
  }

  async send(request: SendRequest): ReturnType<EngineApi["send"]> {
    const { conversation, text, key } = request;
    const view = this.findConversation(conversation);
    if (text === "") throw new UmbradError("message/empty", "an empty text is not sent");
    if (Buffer.byteLength(text) > textBytesMax) {
      throw new UmbradError("message/too-large", `a text may have ${textBytesMax} bytes`);
    }
    const before = key === undefined ? undefined : this.#keys.get(key);
    if (before !== undefined && before.text !== text) {
      throw new UmbradError("message/key-conflict", "this key was used for another text");
    }
    const row = before === undefined ? this.#queue(view, text) : this.#known(before.messageId);
    if (key !== undefined) this.#keys.set(key, { text, messageId: row.messageId });
    return { messageId: row.messageId, state: row.state, conversation: view.handle };
  }

  message(messageId: string): MessageRow | undefined {
    return this.#messages.find((row) => row.messageId === messageId);
  }

  messages(query: { conversation: string; limit: number; before?: number }): MessageRow[] {
    const number = numberOf(this.findConversation(query.conversation));
    const { before = Number.POSITIVE_INFINITY, limit } = query;
    const rows = this.#messages.filter((row) => row.conversation === number && row.rowId < before);
    return rows.reverse().slice(0, limit);
  }

  events(query: { after: number; limit: number; conversations?: readonly string[] }): EventRow[] {
    const wanted = query.conversations?.map((name) => numberOf(this.findConversation(name)));
    const isWanted = (row: EventRow): boolean =>
      wanted === undefined || (row.conversation !== undefined && wanted.includes(row.conversation));
    return this.#events.filter((row) => row.seq > query.after && isWanted(row)).slice(0, query.limit);
  }

  lastSeq(): number {
    return this.#events.length;
  }

  onEvents(listener: (events: readonly EventRow[]) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  onStatus(): () => void {
    return () => {};
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

  receive(view: ConversationView, text: string): MessageRow {
    const row = this.#addMessage(view, text, "in", "received");
    this.#append("message.received", row.conversation, row, {});
    return row;
  }

  advance(messageId: string, state: MessageState): void {
    const row = { ...this.#known(messageId), state };
    this.#messages[row.rowId - 1] = row;
    this.#append(`message.${state}`, row.conversation, row, {});
  }

  daemonEvent(type: string): void {
    this.#append(type, undefined, undefined, {});
  }

  #queue(view: ConversationView, text: string): MessageRow {
    const row = this.#addMessage(view, text, "out", "queued");
    this.#append("message.queued", row.conversation, row, {});
    return row;
  }

  #addMessage(view: ConversationView, text: string, direction: "in" | "out", state: MessageState): MessageRow {
    const rowId = this.#messages.length + 1;
    const row: MessageRow = {
      rowId,
      conversation: numberOf(view),
      messageId: String(rowId).padStart(32, "0") as MessageId,
      direction,
      state,
      timestampMs: this.nowMs,
      body: { sender: direction === "in" ? "cd".repeat(32) : address, ...textContent(text) },
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
    for (const listener of this.#listeners) listener([row]);
  }

  #known(messageId: string): MessageRow {
    const row = this.message(messageId);
    if (row === undefined) throw new Error(`the test names an unknown message: ${messageId}`);
    return row;
  }
}

function numberOf(view: ConversationView): number {
  return Number(view.handle.slice(1));
}
