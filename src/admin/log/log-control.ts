/** What the admin API needs of the log: levels to change, and the newest lines to read. */
import type { LevelChange, LevelsView, LogLevel } from "./log-view.ts";

/** Which lines somebody wants. */
export interface LogQuery {
  /** Only what came after it; undefined: from the oldest that is kept. */
  readonly after: number | undefined;
  /** And above. */
  readonly level: LogLevel;
  readonly component?: string | undefined;
}

/** Lines of JSON, each with its line break. */
export interface LogPage {
  readonly lines: readonly string[];
  /** Up to here the log was looked at. */
  readonly through: number;
  /** Lines after `after` are no longer kept. */
  readonly isGap: boolean;
}

export interface LogControl {
  levels(): LevelsView;
  /** All or none; `forMs` undefined: until the daemon ends. */
  changeLevels(changes: readonly LevelChange[], forMs: number | undefined): LevelsView;
  resetLevels(): LevelsView;
  /** Also lines that were not written, as far as they are kept. */
  lines(query: LogQuery): LogPage;
  /** Called for every line, written or not: must be quick. Returns the unsubscribe function. */
  onLine(listener: () => void): () => void;
}
