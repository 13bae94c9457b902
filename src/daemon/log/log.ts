/**
 * The log on stdout: one JSON object a line, or a line for people. What is below the level is kept in memory for a while,
 * not yet as text, and follows the next error. Decides nothing about what is logged.
 */
import pino from "pino";
import type { LogControl, LogPage, LogQuery } from "../../admin/log/log-control.ts";
import type { LogLevel } from "../../admin/log/log-view.ts";
import type { Clock, Log, LogFields } from "../../engine/ports.ts";
import { systemClock } from "../clock.ts";
import type { LogConfig } from "../config/config.ts";
import { type ConfiguredLevels, LevelTable, levelRanks } from "./level-table.ts";
import { LineRing, type LogEntry } from "./line-ring.ts";
import { prettyLine } from "./pretty-line.ts";

export interface LogOptions extends Pick<LogConfig, "format"> {
  readonly level: LogLevel;
  readonly components?: ConfiguredLevels["components"];
}

/** Where lines go; stdout unless a test looks. */
export interface LogSink {
  write(line: string): void;
}

/** The log of a daemon, and what may be asked of it. */
export interface DaemonLog extends Log, LogControl {
  /** After a reload. */
  configure(options: LogOptions): void;
  /** Lines that were written, by level. */
  readonly written: Readonly<Record<Level, number>>;
}

/** Lines per envelope of the last seconds under load, of the last hours in quiet. */
const debugLinesMax = 2_000;
const debugBytesMax = 1024 * 1024;
/** So few that debug lines must not push them out. */
const recentLinesMax = 500;
const recentBytesMax = 512 * 1024;
/** A single line that is longer loses its fields: one fault with a long stack must not push out all others. */
const lineCharactersMax = 16 * 1024;
const stringCharactersMax = 2_048;
/** A loop that fails every second must not write a ring every second. */
const dumpPauseMs = 60_000;

type Level = LogEntry["level"];

export function createLog(
  options: LogOptions,
  sink: LogSink = stdout(),
  clock: Pick<Clock, "now" | "after"> = systemClock,
): DaemonLog {
  return new RingLog(options, sink, clock);
}

class RingLog implements DaemonLog {
  readonly #sink: LogSink;
  readonly #clock: Pick<Clock, "now" | "after">;
  readonly #levels: LevelTable;
  readonly #render = createRenderer();
  readonly #debugLines = new LineRing(debugLinesMax, debugBytesMax);
  readonly #recentLines = new LineRing(recentLinesMax, recentBytesMax);
  readonly #listeners = new Set<() => void>();
  #isPretty: boolean;
  #seq = 0;
  readonly written: Record<Level, number> = { debug: 0, info: 0, warn: 0, error: 0 };
  #dumpedAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: LogOptions, sink: LogSink, clock: Pick<Clock, "now" | "after">) {
    this.#sink = sink;
    this.#clock = clock;
    this.#isPretty = options.format === "pretty";
    this.#levels = new LevelTable(levelsOf(options), clock, (target) => this.#tellLevels("expired", target ?? "all"));
  }

  debug(fields: LogFields, message: string): void {
    this.#take("debug", fields, message);
  }

  info(fields: LogFields, message: string): void {
    this.#take("info", fields, message);
  }

  warn(fields: LogFields, message: string): void {
    this.#take("warn", fields, message);
  }

  error(fields: LogFields, message: string): void {
    this.#take("error", fields, message);
    this.#dump();
  }

  configure(options: LogOptions): void {
    this.#isPretty = options.format === "pretty";
    this.#levels.configure(levelsOf(options));
  }

  levels() {
    return this.#levels.view();
  }

  changeLevels(...[changes, forMs]: Parameters<LogControl["changeLevels"]>) {
    this.#levels.change(changes, forMs);
    const targets = changes.map(({ component, level }) => `${component ?? "all"}=${level}`);
    this.#tellLevels("changed", targets.join(" "), forMs);
    return this.#levels.view();
  }

  resetLevels() {
    this.#levels.reset();
    this.#tellLevels("reset", "all");
    return this.#levels.view();
  }

  lines({ after, level, component }: LogQuery): LogPage {
    const rank = levelRanks[level];
    const rings = rank <= levelRanks.debug ? [this.#debugLines, this.#recentLines] : [this.#recentLines];
    const entries = rings
      .flatMap((ring) => ring.after(after ?? 0))
      .filter((entry) => levelRanks[entry.level] >= rank && (component === undefined || entry.component === component))
      .sort((one, other) => one.seq - other.seq);
    return {
      lines: entries.map((entry) => this.#lineOf(entry)),
      through: this.#seq,
      isGap: after !== undefined && rings.some(({ forgottenSeq }) => forgottenSeq > after),
    };
  }

  onLine(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Every line comes through here; what is not written costs an object and a place in a ring. */
  #take(level: Level, fields: LogFields, message: string, always = false): void {
    const { component } = fields;
    this.#seq += 1;
    const bytes = memoryOf(fields, message);
    const written = always || this.#levels.isWritten(levelRanks[level], component);
    const atMs = this.#clock.now();
    const entry = {
      seq: this.#seq,
      atMs,
      level,
      component,
      fields,
      message,
      bytes: bytes ?? 0,
      line: undefined,
      written,
    };
    if (written) this.#write(entry, this.#render(entry));
    const ring = level === "debug" ? this.#debugLines : this.#recentLines;
    ring.push(bytes === undefined ? this.#asText(entry) : entry);
    if (this.#listeners.size > 0) for (const listener of this.#listeners) listener();
  }

  /** Now, because what the fields point at may change or be large. */
  #asText(entry: LogEntry): LogEntry {
    const { component, fields, message } = entry;
    const whole = this.#render(entry);
    const short = { event: fields["event"], component, cut: true };
    const line =
      whole.length <= lineCharactersMax
        ? whole
        : this.#render({ ...entry, fields: short, message: message.slice(0, stringCharactersMax) });
    return { ...entry, fields: {}, message: "", line, bytes: entryBytes + 2 * line.length };
  }

  #lineOf(entry: LogEntry): string {
    return entry.line ?? this.#render(entry);
  }

  #write({ level }: LogEntry, line: string): void {
    this.written[level] += 1;
    this.#sink.write(this.#isPretty ? prettyLine(line) : line);
  }

  /** What led to an error, as far as nobody has seen it. */
  #dump(): void {
    const now = this.#clock.now();
    // A clock that was set back must not silence it for long.
    if (now >= this.#dumpedAtMs && now - this.#dumpedAtMs < dumpPauseMs) return;
    const unseen = this.#debugLines.after(0).filter(({ written }) => !written);
    if (unseen.length === 0) return;
    this.#dumpedAtMs = now;
    const log = this.#ungated();
    log.info(
      { event: "log.ring", component: "daemon", lines: unseen.length },
      "lines below the level that came before the error follow",
    );
    for (const entry of unseen) {
      this.#write(entry, `${this.#lineOf(entry).trimEnd().slice(0, -1)},"ring":true}\n`);
      entry.written = true;
    }
  }

  /** For what must be seen at any level. */
  #ungated(): Pick<Log, "info"> {
    return { info: (fields, message) => this.#take("info", fields, message, true) };
  }

  #tellLevels(what: "changed" | "expired" | "reset", target: string, forMs?: number): void {
    const log = this.#ungated();
    log.info(
      { event: "log.level", component: "daemon", what, target, ...(forMs === undefined ? {} : { forMs }) },
      "the levels of the log are others now",
    );
  }
}

function levelsOf({ level, components }: LogOptions): ConfiguredLevels {
  return { level, components: components ?? new Map() };
}

/** Of an entry without its fields. */
const entryBytes = 160;

/** About what fields hold on to; undefined: they are not plain and short, so their text has to be made now. */
function memoryOf(fields: LogFields, message: string): number | undefined {
  let bytes = entryBytes + 2 * message.length;
  for (const name in fields) {
    const value = fields[name];
    if (typeof value === "string") {
      if (value.length > stringCharactersMax) return undefined;
      bytes += 2 * value.length;
    } else if (typeof value === "object" && value !== null) return undefined;
    bytes += 16;
  }
  return message.length > stringCharactersMax ? undefined : bytes;
}

/** pino writes lines; the time is that of the entry, which may be older than its line. */
function createRenderer(): (entry: LogEntry) => string {
  let text = "";
  let time = "";
  const logger = pino(
    {
      level: "trace",
      // pid and host name are the supervisor's to add.
      base: null,
      timestamp: () => `,"time":"${time}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    {
      write: (line) => {
        text = line;
      },
    },
  );
  return ({ level, atMs, fields, message }) => {
    time = new Date(atMs).toISOString();
    logger[level](fields, message);
    return text;
  };
}

function stdout(): LogSink {
  // Synchronous: the last lines before an exit are the ones that matter.
  const destination = pino.destination({ fd: 1, sync: true });
  // A log reader that went away must not take the daemon with it.
  destination.on("error", () => {});
  return destination;
}
