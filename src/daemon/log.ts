/** The log on stdout: one JSON object a line, or a line for people. Decides nothing about what is logged. */
import pino from "pino";
import type { Log } from "../engine/ports.ts";

export type LogLevel = "trace" | "debug" | "info" | "warn" | "error";
export type LogFormat = "json" | "pretty";

export interface LogOptions {
  readonly level: LogLevel;
  readonly format: LogFormat;
}

/** Where lines go; stdout unless a test looks. */
export interface LogSink {
  write(line: string): void;
}

export function createLog({ level, format }: LogOptions, sink: LogSink = stdout()): Log {
  const target: LogSink = format === "json" ? sink : { write: (line) => sink.write(prettyLine(line)) };
  return pino(
    {
      level,
      // pid and host name are the supervisor's to add.
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    target,
  );
}

function stdout(): LogSink {
  // Synchronous: the last lines before an exit are the ones that matter.
  const destination = pino.destination({ fd: 1, sync: true });
  // A log reader that went away must not take the daemon with it.
  destination.on("error", () => {});
  return destination;
}

function prettyLine(line: string): string {
  const { time, level, component, event, msg, err, ...rest } = JSON.parse(line) as Record<string, unknown>;
  const clock = String(time).slice(11, 23);
  const fields = Object.entries({ event, ...rest }).map(([name, value]) => ` ${name}=${plain(value)}`);
  const stack = (err as { stack?: unknown } | undefined)?.stack;
  const trace = typeof stack === "string" ? `\n${stack}` : "";
  return `${clock} ${String(level).toUpperCase().padEnd(5)} ${String(component ?? "-").padEnd(8)} ${msg}${fields.join("")}${trace}\n`;
}

function plain(value: unknown): string {
  return typeof value === "string" && /^\S+$/.test(value) ? value : JSON.stringify(value);
}
