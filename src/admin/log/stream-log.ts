/**
 * GET /v1/log: one reader of the log as NDJSON, once or following. It pulls from the lines that are kept at the pace of its
 * reader, so a slow one costs a cursor and not memory; what it came too late for is told by one line. Knows no routes.
 */
import type { ServerResponse } from "node:http";
import type { StreamPace } from "../event-stream.ts";
import { Bell, drained } from "../stream/reader.ts";
import type { LogControl } from "./log-control.ts";
import type { LogComponent, LogLevel } from "./log-view.ts";

export interface LogStreamRequest {
  readonly level: LogLevel;
  readonly component?: LogComponent | undefined;
  /** How many of the kept lines come first. */
  readonly lines: number;
  readonly follow: boolean;
}

/** Resolves when the stream is over; `signal` ends it in good order. Headers must have been written. */
export async function streamLog(
  log: LogControl,
  response: ServerResponse,
  request: LogStreamRequest,
  signal: AbortSignal,
  pace: StreamPace,
): Promise<"complete" | "closed" | "stalled"> {
  const bell = new Bell();
  const ring = (): void => bell.ring();
  const unsubscribe = request.follow ? log.onLine(ring) : () => {};
  response.on("close", ring).on("drain", ring);
  signal.addEventListener("abort", ring);
  const keepAlive = setInterval(() => {
    // A reader that is behind proves itself by reading.
    if (!response.destroyed && !response.writableNeedDrain) response.write("\n");
  }, pace.keepAliveMs);
  try {
    const end = await pump(log, response, request, signal, pace, bell);
    if (end === "stalled") response.destroy();
    else if (!response.destroyed) response.end();
    return end;
  } finally {
    clearInterval(keepAlive);
    signal.removeEventListener("abort", ring);
    response.off("close", ring).off("drain", ring);
    unsubscribe();
  }
}

async function pump(
  log: LogControl,
  response: ServerResponse,
  { level, component, lines, follow }: LogStreamRequest,
  signal: AbortSignal,
  pace: StreamPace,
  bell: Bell,
): Promise<"complete" | "closed" | "stalled"> {
  const over = (): boolean => signal.aborted || response.destroyed;
  let after: number | undefined;
  while (!over()) {
    const page = log.lines({ after, level, component });
    const wanted = after === undefined ? page.lines.slice(Math.max(0, page.lines.length - lines)) : page.lines;
    if (page.isGap) response.write(gapLine);
    after = page.through;
    for (const line of wanted) {
      response.write(line);
      if (!(await drained(response, signal, pace, bell))) return over() ? "closed" : "stalled";
    }
    if (!follow) return "complete";
    if (wanted.length === 0) await bell.wait();
  }
  return "closed";
}

/** Not a line of the log: only this reader lacks something. */
const gapLine = `${JSON.stringify({ event: "log.gap", component: "admin", msg: "lines between are no longer kept" })}\n`;
