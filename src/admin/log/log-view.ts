/** Levels and components of the log, and what the admin API says about them. Plain values, for the daemon and for commands. */

/** From what is seldom wanted to what always is. */
export const logLevels = ["trace", "debug", "info", "warn", "error"] as const;

export type LogLevel = (typeof logLevels)[number];

/** Every part of the daemon that speaks; a test compares them with docs/logs.md. */
export const logComponents = [
  "admin",
  "canary",
  "clock",
  "confirm",
  "daemon",
  "engine",
  "history",
  "intake",
  "outbox",
  "parking",
  "retention",
  "store",
  "timers",
  "waku",
] as const;

export type LogComponent = (typeof logComponents)[number];

export function isLogComponent(name: string): name is LogComponent {
  return (logComponents as readonly string[]).includes(name);
}

/** One change at run time. */
export interface LevelChange {
  /** undefined: all components that have no level of their own. */
  readonly component?: LogComponent | undefined;
  readonly level: LogLevel;
}

/** A change that holds now, over what is configured. */
export interface LevelOverride {
  /** null: all components that have no level of their own. */
  readonly component: LogComponent | null;
  readonly level: LogLevel;
  /** RFC 3339; null: until the daemon ends or the levels are reset. */
  readonly until: string | null;
}

export interface LevelsView {
  /** Of every component that is not in `components`. */
  readonly level: LogLevel;
  readonly components: Readonly<Partial<Record<LogComponent, LogLevel>>>;
  readonly overrides: readonly LevelOverride[];
}
