/** Durations as people write them: `500ms`, `30s`, `5m`, `2h`, `7d`; a bare number is seconds. */
import { UmbradError } from "../engine/errors.ts";

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, "": 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Longer than any wait or lifetime that is meant. */
const durationMsMax = 1_000 * 86_400_000;

export function parseDuration(text: string): number {
  const match = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h|d|)$/.exec(text);
  const ms = match === null ? Number.NaN : Math.round(Number(match[1]) * (unitMs[match[2] ?? ""] ?? Number.NaN));
  if (ms > 0 && ms <= durationMsMax) return ms;
  throw new UmbradError("cli/usage", `${JSON.stringify(text)} is not a duration`, {
    hint: "write it like 500ms, 30s, 5m, 2h or 7d",
  });
}

export function parseCount(text: string): number {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isNaN(value)) return value;
  throw new UmbradError("cli/usage", `${JSON.stringify(text)} is not a whole number`, { hint: "write it like 10" });
}

/** What a timer of Node takes. */
const timerMsMax = 2 ** 31 - 1;

/** What is left of a waiting time, for timers. */
export interface Deadline {
  readonly totalMs: number;
  leftMs(): number;
}

export function deadlineAfter(totalMs: number): Deadline {
  const start = performance.now();
  return { totalMs, leftMs: () => Math.min(timerMsMax, Math.max(0, Math.ceil(totalMs - (performance.now() - start)))) };
}

/** `30 s`, for messages. */
export function durationText(ms: number): string {
  return ms < 1_000 ? `${ms} ms` : `${ms / 1_000} s`;
}
