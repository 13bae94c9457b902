/** The Log port. */

/** The subset of pino that the engine uses: `event` is the catalogue name (docs/logs.md). */
export interface Log {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
}

export interface LogFields {
  readonly event: string;
  readonly component: string;
  readonly [field: string]: unknown;
}
