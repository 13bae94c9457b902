/** That a process which is told to stop is gone soon, whatever still hangs in it. */
import { exitCodes } from "../admin/problem.ts";
import type { Log } from "../engine/ports.ts";
import type { Progress } from "./progress.ts";
import type { StopRequest } from "./signals.ts";

/** The network libraries may hang in their stop or leave timers behind; nothing on disk depends on them. */
const lastResortMs = 4_500;
const lingerMs = 250;

/** Armed when a stop is asked for; a daemon that is told to stop is gone 5 s later. */
export function endProcessAtLast(stop: StopRequest, progress: Progress, log: Log): () => NodeJS.Timeout | undefined {
  let timer: NodeJS.Timeout | undefined;
  void stop.asked.then(() => {
    timer = setTimeout(() => {
      log.warn({ event: "daemon.forced", component: "daemon" }, "the stop took too long: ending");
      process.exit(progress.closed ? exitCodes.ok : exitCodes.software);
    }, lastResortMs);
    timer.unref();
  });
  return () => timer;
}

/** Timers that libraries left behind keep no finished process alive. */
export function endProcessSoon(): void {
  setTimeout(() => process.exit(), lingerMs).unref();
}
