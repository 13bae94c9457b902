/** A token bucket: how often we may ask a service node, and how fast we read from one. */
import type { Clock } from "../../engine/ports.ts";

export interface RateLimit {
  /** Takes a token if there is one. */
  take(): boolean;
  /** Takes a token as soon as there is one. */
  wait(): Promise<void>;
  /** Milliseconds until a token is there; 0 when it is. */
  delayMs(): number;
}

/** Full at first; never holds more than `capacity`. */
export function createRateLimit(options: {
  readonly capacity: number;
  readonly perSecond: number;
  readonly clock: Clock;
}): RateLimit {
  const { capacity, perSecond, clock } = options;
  let tokens = capacity;
  let filledAt = clock.steady();
  const fill = (): void => {
    const now = clock.steady();
    tokens = Math.min(capacity, tokens + ((now - filledAt) * perSecond) / 1000);
    filledAt = now;
  };
  const take = (): boolean => {
    fill();
    if (tokens < 1) return false;
    tokens -= 1;
    return true;
  };
  const delayMs = (): number => {
    fill();
    return tokens >= 1 ? 0 : Math.ceil(((1 - tokens) * 1000) / perSecond);
  };
  const wait = async (): Promise<void> => {
    while (!take()) await new Promise<void>((resolve) => void clock.after(Math.max(1, delayMs()), resolve));
  };
  return { take, wait, delayMs };
}
