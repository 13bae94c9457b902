/** A conversation line by line: its newest messages, then what comes in and what is typed, until one side ends it. */
import type { AdminClient } from "../../../admin/client.ts";
import type { EventView } from "../../../admin/event-view.ts";
import { errorView } from "../../../admin/problem.ts";
import type { ConversationJson, MessageView, SentView, StatusView } from "../../../admin/views.ts";
import { UmbradError } from "../../../engine/errors.ts";
import { printable } from "../../output.ts";
import { type Content, markText, messageText } from "./lines.ts";
import { Screen, type Terminal } from "./screen.ts";

const historyLimit = 20;

const help = [
  "What you type is sent when you press Enter. ✓ the network has it, ✓✓ it is delivered.",
  "/help   this text",
  "/quit   end; so does Ctrl-D",
  "//text  send a text that begins with /",
].join("\n");

/** Resolves when the person ends it; `admin/stream-ended` when the daemon does. */
export async function talk(admin: AdminClient, words: string, terminal: Terminal): Promise<void> {
  const conversation = await admin.get<ConversationJson>(`/v1/conversations/${encodeURIComponent(words)}`);
  const { lastSeq } = await admin.get<StatusView>("/v1/status");
  const { handle } = conversation;
  const query = new URLSearchParams({ follow: "true", after: String(lastSeq), conversation: handle });
  // Before the history is read, so that no message falls between the two.
  const stream = await admin.events(query);
  const chat = new Chat(admin, conversation, terminal);
  let isQuit = false;
  chat.start(() => {
    isQuit = true;
    stream.close();
  });
  try {
    await chat.showHistory();
    for await (const line of stream.lines) chat.show(JSON.parse(line));
    // What was typed last must not be lost with the program.
    await chat.settled();
    if (isQuit) return;
    throw new UmbradError("admin/stream-ended", "the daemon ended the stream", { hint: "umbrad status" });
  } finally {
    stream.close();
    chat.close();
  }
}

class Chat {
  readonly #admin: AdminClient;
  readonly #handle: string;
  readonly #peer: string;
  readonly #screen: Screen;
  /** Of messages on the screen, for marks, and so that history and events show none twice. */
  readonly #shown = new Map<string, Content>();
  #sending: Promise<void> = Promise.resolve();

  constructor(admin: AdminClient, { handle, name, peer }: ConversationJson, terminal: Terminal) {
    this.#admin = admin;
    this.#handle = handle;
    this.#peer = name ?? peer?.slice(0, 8) ?? handle;
    this.#screen = new Screen(terminal, `${printable(this.#peer)}> `);
  }

  start(onQuit: () => void): void {
    this.#screen.onLine((line) => this.#take(line), onQuit);
  }

  async showHistory(): Promise<void> {
    const path = `/v1/conversations/${encodeURIComponent(this.#handle)}/messages?limit=${historyLimit}`;
    const { messages } = await this.#admin.get<{ messages: MessageView[] }>(path);
    for (const { messageId, timestamp, direction, ...content } of messages) {
      this.#print(messageId, timestamp, direction === "out", content);
    }
    this.#screen.print(messages.length === 0 ? "Nothing has been said yet. /help" : "/help");
  }

  show({ type, ts, data }: EventView): void {
    const { messageId, timestamp, reason } = data;
    if (typeof messageId !== "string") return;
    if (type === "message.received" || type === "message.queued") {
      if (this.#shown.has(messageId)) return;
      this.#print(messageId, typeof timestamp === "string" ? timestamp : ts, type === "message.queued", data);
      return;
    }
    const content = this.#shown.get(messageId);
    const mark = content === undefined ? undefined : markText(type, content, reason);
    if (mark !== undefined) this.#screen.print(mark);
  }

  async settled(): Promise<void> {
    await this.#sending;
  }

  close(): void {
    this.#screen.close();
  }

  #print(messageId: string, timestamp: string, isOurs: boolean, content: Content): void {
    this.#shown.set(messageId, content);
    this.#screen.print(messageText(timestamp, isOurs ? "you" : this.#peer, content));
  }

  #take(line: string): void {
    if (line.trim() === "") return;
    if (line === "/quit" || line === "/q") return this.#screen.close();
    if (line === "/help") return this.#screen.print(help);
    if (line.startsWith("/") && !line.startsWith("//")) {
      return this.#screen.print(`${printable(line.split(" ")[0] ?? "")} is no command: /help lists them`);
    }
    const text = line.startsWith("//") ? line.slice(1) : line;
    // One after the other, so that they arrive in the order in which they were typed.
    this.#sending = this.#sending.then(() => this.#send(text));
  }

  /** The message itself is shown by its event, which also comes when another program sends it. */
  async #send(text: string): Promise<void> {
    try {
      const body = { conversation: this.#handle, text };
      const { conversation: taken } = await this.#admin.post<SentView>("/v1/messages", body);
      if (taken === this.#handle) return;
      const where = `went to ${taken}, the successor of ${this.#handle} with the same contact`;
      this.#screen.print(`       ✓ ${where}: umbrad chat ${taken}`);
    } catch (error) {
      const { message, hint } = errorView(error);
      const advice = hint === undefined ? "" : `; ${printable(hint)}`;
      this.#screen.print(`       ✗ not sent: ${printable(message)}${advice} (the arrow key ↑ brings the text back)`);
    }
  }
}
