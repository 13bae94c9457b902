/** The real time and the operating system's randomness behind the Clock port. */
import { randomBytes } from "node:crypto";
import type { Clock } from "../engine/ports.ts";

/** Node fires a timer at once when its delay does not fit 31 bits. */
const timerMsMax = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  steady: () => Math.floor(performance.now()),
  random: (length) => new Uint8Array(randomBytes(length)),
  after: (delayMs, run) => {
    let timer: NodeJS.Timeout;
    const arm = (leftMs: number): void => {
      const stepMs = Math.min(leftMs, timerMsMax);
      timer = setTimeout(() => (leftMs > stepMs ? arm(leftMs - stepMs) : run()), stepMs);
    };
    arm(Math.max(0, delayMs));
    return () => clearTimeout(timer);
  },
};
