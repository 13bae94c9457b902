/**
 * Faults of the environment or of a caller, as exceptions with a stable code (`area/kebab-case`). Strangers' faults are
 * values and never come here. The table of codes with HTTP status and exit code is in `admin/problem.ts`.
 */
export class UmbradError extends Error {
  override readonly name = "UmbradError";
  /** Stable, documented: `area/kebab-case`. */
  readonly code: string;
  /** The next step for whoever reads it; a command where there is one. */
  readonly hint: string | undefined;

  constructor(code: string, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
  }
}

/** Our own bug: the process state is not what the code was proved against. */
export class InvariantError extends Error {
  override readonly name = "InvariantError";
}

export function invariant(condition: unknown, why: string): asserts condition {
  if (!condition) throw new InvariantError(why);
}
