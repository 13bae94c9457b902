/** `umbrad listen` and `umbrad event list`: the event log, live and past. */
import type { EventLines } from "../../admin/client.ts";
import type { EventView } from "../../admin/event-view.ts";
import { UmbradError } from "../../engine/errors.ts";
import { durationText } from "../duration.ts";
import { type Output, printable } from "../output.ts";
import { globalFlags, type Session } from "../session.ts";

export async function listen(
  session: Session,
  conversations: readonly string[],
  options: { after?: number; max?: number; saveDir?: string },
): Promise<void> {
  const { output, timeoutMs } = session;
  const query = new URLSearchParams({ follow: "true" });
  if (options.after !== undefined) query.set("after", String(options.after));
  for (const conversation of conversations) query.append("conversation", conversation);
  const max = options.max ?? Number.POSITIVE_INFINITY;
  if (max === 0) return;
  const stream = await (await session.admin()).events(query);
  let timeOver = false;
  const timer =
    timeoutMs === undefined
      ? undefined
      : setTimeout(() => {
          timeOver = true;
          stream.close();
        }, timeoutMs);
  try {
    if (process.stderr.isTTY) output.note("Listening; Ctrl-C ends it.");
    const { seq, count } = await print(stream, max, output, await saver(session, options.saveDir));
    if (count >= max) return;
    if (!timeOver) throw ended(seq, session);
    if (options.max !== undefined) throw tooFew(count, options.max, timeoutMs ?? 0);
  } finally {
    clearTimeout(timer);
    stream.close();
  }
}

export async function list({ admin, output }: Session, options: { after?: number; limit?: number }): Promise<void> {
  let after = options.after ?? 0;
  let left = options.limit ?? Number.POSITIVE_INFINITY;
  const client = await admin();
  while (left > 0) {
    const query = new URLSearchParams({ after: String(after), limit: String(Math.min(left, pageRows)) });
    const { seq, count } = await print(await client.events(query), left, output);
    if (count === 0) return;
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
  save?: (event: EventView) => Promise<void>,
): Promise<{ seq: number; count: number }> {
  let seq = stream.after;
  let count = 0;
  for await (const line of stream.lines) {
    const event: EventView = JSON.parse(line);
    // Before the line: whoever reads it may take the file.
    await save?.(event);
    await output.record(event, eventLine(event));
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

function ended(seq: number, { socketPath, output }: Session): UmbradError {
  const json = output.json ? " --json" : "";
  return new UmbradError("admin/stream-ended", "the daemon ended the stream", {
    hint: `when it runs again: umbrad listen${globalFlags({ socket: socketPath })}${json} --after ${seq}`,
  });
}

function tooFew(count: number, max: number, timeoutMs: number): UmbradError {
  return new UmbradError("cli/timeout", `${count} of ${max} events came within ${durationText(timeoutMs)}`, {
    hint: "--timeout gives it longer",
  });
}

function eventLine(event: EventView): string {
  const { text, file, messageId } = event.data;
  const name = (file as { name?: unknown } | undefined)?.name;
  const shown = typeof text === "string" ? text : name;
  const what = typeof shown === "string" ? JSON.stringify(shown) : typeof messageId === "string" ? messageId : "";
  const line = `${event.seq}  ${event.ts}  ${event.conversation ?? "-"}  ${event.type}  ${what}`;
  return printable(line.trimEnd());
}
