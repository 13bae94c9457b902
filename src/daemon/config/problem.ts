/** What is wrong with a configuration, and where: for people in one line each, for programs as fields. */
import { UmbradError } from "../../engine/errors.ts";

export interface ConfigProblem {
  /** A flag, a variable or a file. */
  readonly where: string;
  /** In a file, where it is known. */
  readonly line?: number;
  /** In a file, as it is written there. */
  readonly key?: string;
  /** Never repeats a value: it may be a secret in the wrong place. */
  readonly what: string;
}

/** Every problem at once: `config/invalid`. */
export class ConfigError extends UmbradError {
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    const places = [...new Set(problems.map(({ where }) => where))];
    super("config/invalid", problems.map(problemText).join("; "), { hint: `correct ${places.join(", ")}` });
    this.problems = problems;
  }

  /** For where the problems have been shown one by one. */
  summary(): UmbradError {
    const { length } = this.problems;
    return new UmbradError(this.code, length === 1 ? "1 problem" : `${length} problems`, { hint: this.hint ?? "" });
  }
}

export function problemText({ where, line, key, what }: ConfigProblem): string {
  const place = line === undefined ? where : `${where}:${line}`;
  return key === undefined ? `${place}: ${what}` : `${place}: ${key}: ${what}`;
}
