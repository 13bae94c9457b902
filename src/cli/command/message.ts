/** `umbrad send`, `umbrad history` and `umbrad message`. */
import type { AdminClient } from "../../admin/client.ts";
import type { EventView, TraceView } from "../../admin/event-view.ts";
import { problemOf } from "../../admin/problem.ts";
import type { ConversationJson, MessageView, SentView, StatusView } from "../../admin/views.ts";
import { UmbradError } from "../../engine/errors.ts";
import type { MessageState } from "../../engine/ports.ts";
import { type Deadline, deadlineAfter, durationText } from "../duration.ts";
import { readStdin } from "../input.ts";
import { printable } from "../output.ts";
import type { Session } from "../session.ts";

export interface SendOptions {
  readonly file?: string;
  readonly name?: string;
  readonly mime?: string;
  readonly key?: string;
  readonly wait?: "queued" | "published" | "stored" | "delivered";
}

/** More than the daemon takes; it knows the limit and says it. */
const stdinBytesMax = 512 * 1024;
const waitMsDefault = 30_000;

export async function send(
  session: Session,
  conversation: string,
  text: string | undefined,
  options: SendOptions,
): Promise<void> {
  const { output } = session;
  const deadline = deadlineAfter(session.timeoutMs ?? waitMsDefault);
  let sent: SentView;
  try {
    sent = await handOver(session, conversation, text, options);
  } catch (error) {
    throw options.key === undefined ? notAnswered(error, conversation) : error;
  }
  const admin = await session.admin();
  if (!output.json) await noteSuccessor(session, conversation, sent);
  const wanted = options.wait ?? "queued";
  if (rankOf(sent.state) >= rankOf(wanted)) return output.answer(sent, `${sent.messageId} ${sent.state}`);
  const onProgress = (percent: number): void => output.note(`${percent} % delivered`);
  const reached = await waitForState({ admin, sent, deadline, onProgress }, wanted);
  output.answer({ ...sent, state: reached }, `${sent.messageId} ${reached}`);
  if (rankOf(reached) < rankOf(wanted)) throw notReached({ ...sent, state: reached }, wanted, deadline);
}

/** To the daemon, which has it on disk when it answers. */
async function handOver(
  session: Session,
  conversation: string,
  text: string | undefined,
  options: SendOptions,
): Promise<SentView> {
  const { file, key } = options;
  if ((text === undefined) === (file === undefined)) throw usage("give either a text or --file");
  if (text === undefined)
    return (await import("./file.ts")).sendFile(session, conversation, { ...options, file: file ?? "" });
  if (options.name !== undefined || options.mime !== undefined) throw usage("--name and --mime belong to --file");
  const body = { conversation, text: text === "-" ? await stdinText() : text };
  return (await session.admin()).post<SentView>("/v1/messages", key === undefined ? body : { ...body, key });
}

/** Its history, and what is answered, are not where the person looks for them. With --json the answer names the conversation. */
async function noteSuccessor(session: Session, words: string, { conversation: taken }: SentView): Promise<void> {
  const named = await handleOf(await session.admin(), words);
  if (named === undefined || named === taken) return;
  session.output.note(`${named} has a successor with the same contact: the message went to ${taken}`);
}

/** undefined: the daemon does not say. That is no fault of a message that it has taken. */
async function handleOf(admin: AdminClient, words: string): Promise<string | undefined> {
  if (/^c\d+$/.test(words)) return words;
  try {
    return (await admin.get<ConversationJson>(`/v1/conversations/${encodeURIComponent(words)}`)).handle;
  } catch (error) {
    if (error instanceof UmbradError) return undefined;
    throw error;
  }
}

/** Who sends it again because no answer came may send it twice: only a key makes the two one. */
function notAnswered(error: unknown, conversation: string): unknown {
  if (!(error instanceof UmbradError) || !["daemon/timeout", "admin/busy"].includes(error.code)) return error;
  return new UmbradError("message/not-answered", `${error.message}: the message may be on its way all the same`, {
    hint: `look before you send it again: umbrad history ${conversation}; with --key KEY it is sent once, however often you repeat it`,
    cause: error,
  });
}

function usage(message: string): UmbradError {
  return new UmbradError("cli/usage", message, { hint: "umbrad help send" });
}

/** `echo hi | umbrad send c1 -` means "hi": one final line break belongs to the shell and not to the message. */
async function stdinText(): Promise<string> {
  return (await readStdin(stdinBytesMax)).replace(/\r?\n$/, "");
}

/** A failed message is not on the way to any state. */
const ranks: Readonly<Record<MessageState, number>> = {
  failed: -1,
  received: 0,
  queued: 0,
  published: 1,
  stored: 2,
  delivered: 3,
};

function rankOf(state: MessageState): number {
  return ranks[state];
}

/** A message whose way is followed. */
interface Awaited {
  readonly admin: AdminClient;
  readonly sent: SentView;
  readonly deadline: Deadline;
  readonly onProgress: (percent: number) => void;
}

/** The state that the message had when it was reached, failed, or when the time was over. */
async function waitForState(awaited: Awaited, wanted: MessageState): Promise<MessageState> {
  let { state } = awaited.sent;
  try {
    for await (state of statesOf(awaited)) if (isOver(state, wanted)) break;
  } catch (error) {
    // The message is on disk: a daemon that goes away now must not look as if it had not been sent.
    if (!(error instanceof UmbradError && problemOf(error.code).retryable)) throw error;
  }
  return state;
}

/** The present state, then each later one. Ends with the time or with the daemon. */
async function* statesOf({ admin, sent, deadline, onProgress }: Awaited): AsyncGenerator<MessageState> {
  // Listening begins before looking, so that no change falls between the two.
  const { lastSeq } = await admin.get<StatusView>("/v1/status");
  const query = new URLSearchParams({ follow: "true", after: String(lastSeq), conversation: sent.conversation });
  const stream = await admin.events(query);
  const timer = setTimeout(() => stream.close(), deadline.leftMs());
  try {
    yield await currentState(admin, sent);
    for await (const line of stream.lines) {
      const event: EventView = JSON.parse(line);
      if (event.data["messageId"] !== sent.messageId) continue;
      const { arrived, parts } = event.data;
      if (event.type !== "message.progress") yield await currentState(admin, sent);
      else if (typeof arrived === "number" && typeof parts === "number")
        onProgress(Math.floor((arrived * 100) / parts));
    }
  } finally {
    clearTimeout(timer);
    stream.close();
  }
}

async function currentState(admin: AdminClient, { messageId }: SentView): Promise<MessageState> {
  return (await admin.get<MessageView>(`/v1/messages/${encodeURIComponent(messageId)}`)).state;
}

function isOver(state: MessageState, wanted: MessageState): boolean {
  return state === "failed" || rankOf(state) >= rankOf(wanted);
}

function notReached({ state, messageId }: SentView, wanted: MessageState, { leftMs, totalMs }: Deadline): UmbradError {
  if (state === "failed") {
    return new UmbradError("message/failed", "the message could not be sent and will not be repeated", {
      hint: `umbrad message trace ${messageId} shows the reason; umbrad outbox retry ${messageId} sends it again`,
    });
  }
  const why = leftMs() > 0 ? "the daemon stopped" : `${durationText(totalMs)} passed`;
  const kept =
    state === "queued"
      ? "it stays queued and is sent when the network allows"
      : `it is ${state} and repeated as needed`;
  return new UmbradError("message/not-confirmed", `${why} before the message was ${wanted}; ${kept}`, {
    hint: `umbrad message trace ${messageId} says why; do not send it again`,
  });
}

export async function history(
  { admin, output }: Session,
  conversation: string,
  options: { limit?: number; before?: string },
): Promise<void> {
  const query = new URLSearchParams();
  if (options.limit !== undefined) query.set("limit", String(options.limit));
  if (options.before !== undefined) query.set("before", options.before);
  const path = `/v1/conversations/${encodeURIComponent(conversation)}/messages?${query}`;
  const answer = await (await admin()).get<{ messages: MessageView[] }>(path);
  output.answer(answer, answer.messages.map(messageLine).join("\n"));
  if (answer.messages.length === 0) output.note("There are no messages here.");
}

function messageLine(message: MessageView): string {
  const who = message.direction === "out" ? "you" : message.sender.slice(0, 8);
  const state = message.direction === "out" ? ` (${message.state})` : "";
  const what = contentText(message);
  return `${message.timestamp}  ${printable(who)}${state}: ${printable(what)}`;
}

export async function show({ admin, output }: Session, id: string): Promise<void> {
  const message = await (await admin()).get<MessageView>(`/v1/messages/${encodeURIComponent(id)}`);
  output.answer(message, messageLine(message));
}

export async function trace({ admin, output }: Session, id: string): Promise<void> {
  const view = await (await admin()).get<TraceView>(`/v1/messages/${encodeURIComponent(id)}/trace`);
  output.answer(view, traceText(view));
}

function traceText({ message, explanation, events, outbox, publication }: TraceView): string {
  const { messageId, conversation, direction, state } = message;
  const lines = [`${messageId} ${direction} ${conversation}: ${state}, ${explanation}`];
  for (const { ts, seq, type, data } of events) {
    const details = ["peers", "reason"].flatMap((key) => (data[key] === undefined ? [] : [`${key}: ${data[key]}`]));
    lines.push(`${ts}  ${type.replace(/^message\./, "").padEnd(9)}  event ${[seq, ...details].join(", ")}`);
  }
  if (outbox !== null) {
    const { attempts, queuedAt, nextAt, lastReason } = outbox;
    const why = lastReason === null ? "" : `, last: ${lastReason}`;
    lines.push(`outbox: queued ${queuedAt}, refused ${attempts} times, due ${nextAt}${why}`);
  }
  if (publication !== null) {
    const { times, looks, nextLookAt } = publication;
    const next = nextLookAt === null ? "no further look is planned" : `the next look is at ${nextLookAt}`;
    lines.push(`store: published ${times} times, not found by ${looks} looks since, ${next}`);
  }
  if (state === "failed") lines.push(`next: umbrad outbox retry ${messageId} sends it again`);
  return lines.map(printable).join("\n");
}

function contentText(message: MessageView): string {
  if ("text" in message) return message.text;
  if ("expired" in message) return "(deleted: it became too old)";
  if ("file" in message) return `[file ${message.file.name}, ${message.file.size} bytes]`;
  return `[content ${message.domain}/${message.tag}]`;
}
