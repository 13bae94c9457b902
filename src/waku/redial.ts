/** How long to wait before a service node is dialled again. */
import type { Clock } from "../engine/ports.ts";

const redialMsMin = 500;
const redialMsMax = 5_000;

/** The first dial after a loss is nearly immediate: most losses are restarts of the service node. */
export function redialMs(failures: number, clock: Clock): number {
  const jitter = 0.75 + (clock.random(1)[0] ?? 0) / 512;
  const base = failures === 0 ? redialMsMin / 5 : Math.min(redialMsMax, redialMsMin * 2 ** (failures - 1));
  return base * jitter;
}

/** Ends early with the signal, and leaves no timer and no listener behind. */
export async function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    const end = (): void => {
      cancel();
      signal.removeEventListener("abort", end);
      resolve();
    };
    const cancel = clock.after(ms, end);
    signal.addEventListener("abort", end, { once: true });
  });
}
