/** `umbrad listen` and `umbrad event list`: the event log, live and past. */
import type { AdminClient, EventLines } from "../../admin/client.ts";
import type { EventView } from "../../admin/event-view.ts";
import { UmbradError } from "../../engine/errors.ts";
import { durationText } from "../duration.ts";
import { type Output, printable } from "../output.ts";
import { globalFlags, type Session } from "../session.ts";
import type { AutoAck } from "./consumer.ts";

/** Flags of `umbrad listen`. */
export interface ListenOptions {
  readonly after?: number;
  readonly max?: number;
  readonly consumer?: string;
  readonly type?: readonly string[];
  readonly ack?: "auto" | "manual";
  readonly saveDir?: string;
}

export async function listen(
  session: Session,
  conversations: readonly string[],
  options: ListenOptions,
): Promise<void> {
  const { output, timeoutMs } = session;
  const max = options.max ?? Number.POSITIVE_INFINITY;
  const query = listenQuery(conversations, options);
  if (max === 0) return;
  const admin = await session.admin();
  const stream = await admin.events(query);
  let timeOver = false;
  const timer =
    timeoutMs === undefined
      ? undefined
      : setTimeout(() => {
          timeOver = true;
          stream.close();
        }, timeoutMs);
  const { consumer } = options;
  const acks = options.ack === "manual" ? undefined : await autoAck(admin, consumer);
  try {
    if (process.stderr.isTTY) output.note("Listening; Ctrl-C ends it.");
    const save = await saver(session, options.saveDir);
    const { seq, count } = await print(stream, max, output, { acks, save });
    await acks?.finish();
    if (count >= max) return;
    if (!timeOver) throw ended(consumer === undefined ? `--after ${seq}` : `--consumer ${consumer}`, session);
    if (options.max !== undefined) throw tooFew(count, options.max, timeoutMs ?? 0);
  } catch (error) {
    // The acknowledgement may notice before the stream does; what was not acknowledged comes again.
    if (consumer !== undefined && isDaemonGone(error)) throw ended(`--consumer ${consumer}`, session);
    throw error;
  } finally {
    clearTimeout(timer);
    stream.close();
  }
}

const goneCodes: ReadonlySet<string> = new Set([
  "daemon/unreachable",
  "daemon/draining",
  "daemon/starting",
  "admin/busy",
]);

function isDaemonGone(error: unknown): boolean {
  return error instanceof UmbradError && goneCodes.has(error.code);
}

async function autoAck(admin: AdminClient, consumer: string | undefined): Promise<AutoAck | undefined> {
  if (consumer === undefined) return undefined;
  return new (await import("./consumer.ts")).AutoAck(admin, consumer);
}

function listenQuery(
  conversations: readonly string[],
  { after, consumer, ack, type = [] }: ListenOptions,
): URLSearchParams {
  if (ack !== undefined && consumer === undefined) {
    throw new UmbradError("cli/usage", "--ack is about a consumer", { hint: "name it: --consumer NAME" });
  }
  if (consumer !== undefined && conversations.length > 0) {
    throw new UmbradError("cli/usage", "a consumer reads all conversations: an acknowledgement covers all before it", {
      hint: "leave the conversation out and look at the field conversation of each event",
    });
  }
  const query = new URLSearchParams({ follow: "true" });
  if (after !== undefined) query.set("after", String(after));
  if (consumer !== undefined) query.set("consumer", consumer);
  for (const conversation of conversations) query.append("conversation", conversation);
  for (const one of type) query.append("type", one);
  return query;
}

export async function list(
  { admin, output }: Session,
  options: { after?: number; limit?: number; type?: readonly string[] },
): Promise<void> {
  let { after } = options;
  let left = options.limit ?? Number.POSITIVE_INFINITY;
  const client = await admin();
  let isFirst = true;
  while (left > 0) {
    const query = new URLSearchParams({ limit: String(Math.min(left, pageRows)) });
    // Without a place: from the oldest event that is still kept.
    if (after !== undefined) query.set("after", String(after));
    for (const type of options.type ?? []) query.append("type", type);
    const { seq, count } = await print(await client.events(query), left, output);
    if (count === 0) {
      if (isFirst) output.note("No such event is kept: umbrad listen waits for the next one");
      return;
    }
    isFirst = false;
    after = seq;
    left -= count;
  }
}

/** The daemon gives at most 10 000 rows an answer. */
const pageRows = 1_000;

/** Prints until the stream ends or `max` is reached; says where it got to. */
async function print(
  stream: EventLines,
  max: number,
  output: Output,
  { acks, save }: { acks?: AutoAck | undefined; save?: ((event: EventView) => Promise<void>) | undefined } = {},
): Promise<{ seq: number; count: number }> {
  let seq = stream.after;
  let count = 0;
  for await (const line of stream.lines) {
    const event: EventView = JSON.parse(line);
    // Before the line: whoever reads it may take the file.
    await save?.(event);
    if (acks === undefined) await output.record(event, eventLine(event));
    else await output.handOver(event, eventLine(event));
    acks?.wrote(event.seq);
    seq = event.seq;
    count += 1;
    if (count >= max) break;
  }
  return { seq, count };
}

/** undefined: nothing is to be saved. */
async function saver(
  session: Session,
  directory: string | undefined,
): Promise<((event: EventView) => Promise<void>) | undefined> {
  if (directory === undefined) return undefined;
  const { saveFileOf } = await import("./file.ts");
  return (event) => saveFileOf(session, event, directory);
}

function ended(place: string, { socketPath, output }: Session): UmbradError {
  const json = output.json ? " --json" : "";
  return new UmbradError("admin/stream-ended", "the daemon ended the stream", {
    hint: `when it runs again: umbrad listen${globalFlags({ socket: socketPath })}${json} ${place}`,
  });
}

function tooFew(count: number, max: number, timeoutMs: number): UmbradError {
  return new UmbradError("cli/timeout", `${count} of ${max} events came within ${durationText(timeoutMs)}`, {
    hint: "--timeout gives it longer",
  });
}

const gapType = "events.gap";

function gapText({ data }: EventView): string {
  const { from, to, reason } = data;
  return printable(`${from}-${to} are no longer kept: ${reason}`);
}

function eventLine(event: EventView): string {
  if (event.type === gapType) return `${event.seq}  ${event.ts}  -  ${gapType}  ${gapText(event)}`;
  const { text, file, messageId, reason } = event.data;
  if (event.type === "message.failed") return printable(`${lineStart(event)}  ${failedText(messageId, reason)}`);
  const name = (file as { name?: unknown } | undefined)?.name;
  const shown = typeof text === "string" ? text : name;
  const what = typeof shown === "string" ? JSON.stringify(shown) : typeof messageId === "string" ? messageId : "";
  return printable(`${lineStart(event)}  ${what}`.trimEnd());
}

function lineStart({ seq, ts, conversation, type }: EventView): string {
  return `${seq}  ${ts}  ${conversation ?? "-"}  ${type}`;
}

/** Somebody has to act: with the command to do so. */
function failedText(messageId: unknown, reason: unknown): string {
  return `${messageId} (${reason ?? "unknown"}; umbrad outbox retry ${messageId} sends it again)`;
}
