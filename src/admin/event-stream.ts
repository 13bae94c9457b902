/**
 * One reader of the event log over HTTP: NDJSON or SSE, once or following. It pulls pages from the log at the pace of its
 * reader, so a slow one costs a cursor and not memory, and loses nothing. Knows no routes.
 */
import type { ServerResponse } from "node:http";
import { setImmediate } from "node:timers/promises";
import type { EngineApi } from "../engine/api.ts";
import { type EventView, eventView, gapView } from "./event-view.ts";
import { KEEP_ALIVE_MS, STALLED_MS_MAX, STREAM_PAGE_ROWS, STREAM_SCAN_ROWS, UNSENT_BYTES_MAX } from "./limits.ts";
import { Bell, drained } from "./stream/reader.ts";

export interface EventStreamRequest {
  readonly after: number;
  /** Ends after so many events; undefined: never. */
  readonly limit: number | undefined;
  readonly follow: boolean;
  /** Handles; a function is asked for every page, where what a reader may see grows. undefined: all of them. */
  readonly conversations: readonly string[] | (() => readonly string[]) | undefined;
  /** undefined: all of them. A gap is shown in any case. */
  readonly types: readonly string[] | undefined;
  /** Told now and then that none of these is between the last event that was shown and `through`. */
  readonly onPassed: ((shown: number, through: number) => void) | undefined;
  readonly format: "ndjson" | "sse";
}

/** Times and bounds, so that tests need not wait for the real ones. */
export interface StreamPace {
  readonly keepAliveMs: number;
  readonly stalledMs: number;
  readonly unsentBytesMax: number;
}

export const streamPace: StreamPace = {
  keepAliveMs: KEEP_ALIVE_MS,
  stalledMs: STALLED_MS_MAX,
  unsentBytesMax: UNSENT_BYTES_MAX,
};

/** "stalled": the reader took nothing for too long and was cut. */
export type StreamEnd = "complete" | "closed" | "stalled";

/** Resolves when the stream is over; `signal` ends it in good order. Headers must have been written. */
export async function streamEvents(
  engine: EngineApi,
  response: ServerResponse,
  request: EventStreamRequest,
  signal: AbortSignal,
  pace: StreamPace = streamPace,
): Promise<StreamEnd> {
  const bell = new Bell();
  const unsubscribe = engine.onEvents(() => bell.ring());
  const onClose = (): void => bell.ring();
  response.on("close", onClose).on("drain", onClose);
  signal.addEventListener("abort", onClose);
  const keepAlive = setInterval(() => {
    writeKeepAlive(response, request.format);
    // Looks again, should a commit ever have gone unannounced.
    bell.ring();
  }, pace.keepAliveMs);
  try {
    const end = await pump(engine, response, request, signal, pace, bell);
    if (end === "stalled") response.destroy();
    else if (!response.destroyed) response.end();
    return end;
  } finally {
    clearInterval(keepAlive);
    signal.removeEventListener("abort", onClose);
    response.off("close", onClose).off("drain", onClose);
    unsubscribe();
  }
}

async function pump(
  engine: EngineApi,
  response: ServerResponse,
  request: EventStreamRequest,
  signal: AbortSignal,
  pace: StreamPace,
  bell: Bell,
): Promise<StreamEnd> {
  let { after } = request;
  let shown = after;
  let passAtMs = 0;
  let left = request.limit ?? Number.POSITIVE_INFINITY;
  const over = (): boolean => signal.aborted || response.destroyed;
  while (!over()) {
    // Read before the page: what is appended in between rings the bell again.
    const lastSeq = newestSeq(engine, request);
    const through = Math.min(lastSeq, after + STREAM_SCAN_ROWS);
    const page = readPage(engine, request, { after, through, limit: Math.min(left, STREAM_PAGE_ROWS) });
    for (const event of page) {
      response.write(render(event, request.format));
      after = event.seq;
      shown = after;
      left -= 1;
      if (!(await drained(response, signal, pace, bell))) return over() ? "closed" : "stalled";
    }
    if (left === 0) return "complete";
    if (page.length > 0) continue;
    // Nothing of ours up to there: the next page need not look at it again.
    after = Math.max(after, through);
    if (through < lastSeq) {
      await setImmediate();
      continue;
    }
    if (performance.now() >= passAtMs) {
      request.onPassed?.(shown, after);
      passAtMs = performance.now() + pace.keepAliveMs / 2;
    }
    if (!request.follow) return "complete";
    if (newestSeq(engine, request) === lastSeq) await bell.wait();
  }
  return "closed";
}

/** What has taken a conversation's place is known with its announcement: earlier its first events would be passed over. */
function newestSeq(engine: EngineApi, { conversations }: EventStreamRequest): number {
  return typeof conversations === "function" ? engine.announcedSeq() : engine.lastSeq();
}

interface Page {
  readonly after: number;
  readonly through: number;
  readonly limit: number;
}

/** One gap where retention was faster than this reader, else what follows. */
function readPage(engine: EngineApi, { conversations, types }: EventStreamRequest, page: Page): EventView[] {
  const gap = engine.consumers.gapAfter(page.after);
  if (gap !== undefined) return [gapView(gap)];
  const chosen = typeof conversations === "function" ? conversations() : conversations;
  return engine.events({ ...page, conversations: chosen, types }).map((row) => eventView(row, engine));
}

function render(view: EventView, format: "ndjson" | "sse"): string {
  const json = JSON.stringify(view);
  return format === "ndjson" ? `${json}\n` : `id: ${view.seq}\nevent: ${view.type}\ndata: ${json}\n\n`;
}

function writeKeepAlive(response: ServerResponse, format: "ndjson" | "sse"): void {
  // A reader that is behind proves itself by reading, and must not be kept alive by our own bytes.
  if (response.destroyed || response.writableNeedDrain) return;
  response.write(format === "ndjson" ? "\n" : ": keep-alive\n\n");
}
