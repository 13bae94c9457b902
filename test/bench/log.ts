/**
 * What keeping unwritten debug lines costs: a single line, and an envelope from bytes in to durable commit, at the level
 * info. Beside the log of the daemon: no log at all, and pino with its own gate, which forgets what it does not write.
 */
import pino from "pino";
import { createLog } from "../../src/daemon/log/log.ts";
import type { Log } from "../../src/engine/ports.ts";
import { interleave, median, nowMs, printTable, spread } from "./measure.ts";
import { betweenTwo } from "./receive.ts";

const LINES = 200_000;
const ROUNDS = 14;
/** The first rounds warm the compiler. */
const WARM = 2;

const nowhere = { write() {} };
const logs: ReadonlyMap<string, Log> = new Map<string, Log>([
  ["none", { debug() {}, info() {}, warn() {}, error() {} }],
  ["pino's gate", pino({ level: "info", base: null }, nowhere)],
  ["ring", createLog({ level: "info", format: "json" }, nowhere)],
]);

export async function benchLog(): Promise<void> {
  const lines = await interleave(new Map([...logs].map(([name, log]) => [name, () => nanosecondsALine(log)])), ROUNDS);
  printTable(
    ["log", "ns a line"],
    [...lines].map(([name, each]) => [name, spread(each.slice(WARM))]),
  );
  let chosen: Log = logs.get("none") as Log;
  const switched: Log = {
    debug: (fields, message) => chosen.debug(fields, message),
    info: (fields, message) => chosen.info(fields, message),
    warn: (fields, message) => chosen.warn(fields, message),
    error: (fields, message) => chosen.error(fields, message),
  };
  await betweenTwo(switched, async ({ all }) => {
    const cases = [...logs].map(([name, log]) => {
      const sample = async (): Promise<number> => {
        chosen = log;
        const { cpuMs, envelopes } = await all();
        return (cpuMs * 1_000) / envelopes;
      };
      return [name, sample] as const;
    });
    const envelopes = await interleave(new Map(cases), ROUNDS);
    const base = median((envelopes.get("pino's gate") ?? []).slice(WARM));
    printTable(
      ["log", "CPU us an envelope", "to pino's gate"],
      [...envelopes].map(([name, each]) => {
        const kept = each.slice(WARM);
        return [name, spread(kept), (median(kept) / base).toFixed(3)];
      }),
    );
  });
}

/** A line as intake makes it for every envelope. */
function nanosecondsALine(log: Log): number {
  const started = nowMs();
  for (let ticket = 0; ticket < LINES; ticket += 1) {
    const fields = { event: "envelope.routed", component: "intake", conversation: `c${ticket & 63}`, ticket };
    log.debug(fields, "an envelope is ours");
  }
  return ((nowMs() - started) * 1e6) / LINES;
}
