/**
 * The claim: callers of the admin API do not slow down messages. Measured from the call that sends a message at one real
 * daemon to the event at another, with 64 well and badly behaved connections to the receiver and without, turn by turn.
 */
import { once } from "node:events";
import type { TestContext } from "node:test";
import { Worker } from "node:worker_threads";
import { MessagePath } from "../e2e/stage/message-path.ts";
import { Stage } from "../e2e/stage/processes.ts";
import type { LoadCounts } from "../support/admin/admin-load.ts";
import { interleave, median, printTable } from "./measure.ts";

const rounds = 5;
const messagesPerRound = 60;
const settleMs = 1_000;

export async function benchAdmin(): Promise<void> {
  const ends: (() => unknown)[] = [];
  // A Stage belongs to a test; here the bench ends it.
  const stage = new Stage({
    after: (end: () => unknown) => ends.push(end),
    diagnostic: console.error,
  } as unknown as TestContext);
  try {
    const path = await MessagePath.open(stage);
    const place = await path.tcp();
    await path.times(50);
    const totals = { answered: 0, refused: 0, nonsense: 0 };
    const results = await interleave<number[]>(
      new Map([
        ["idle", () => path.times(messagesPerRound)],
        ["under load", () => underLoad(place, () => path.times(messagesPerRound), totals)],
      ]),
      rounds,
    );
    report(results);
    console.log(
      `the load: ${totals.answered} answers, ${totals.nonsense} connections of nonsense, 16 streams unread, 8 half-open`,
    );
    await path.close();
  } finally {
    for (const end of ends) await end();
  }
}

async function underLoad(
  place: { readonly port: number; readonly token: string },
  measure: () => Promise<number[]>,
  totals: { answered: number; refused: number; nonsense: number },
): Promise<number[]> {
  const worker = new Worker(new URL("./admin-load-worker.ts", import.meta.url), { workerData: place });
  await new Promise((resolve) => setTimeout(resolve, settleMs));
  const times = await measure();
  worker.postMessage("stop");
  const [counts] = (await once(worker, "message")) as [LoadCounts];
  totals.answered += counts.answered;
  totals.refused += counts.refused;
  totals.nonsense += counts.nonsense;
  await worker.terminate();
  await new Promise((resolve) => setTimeout(resolve, settleMs));
  return times;
}

function report(results: ReadonlyMap<string, readonly number[][]>): void {
  const all = (name: string): number[] => (results.get(name) ?? []).flat().toSorted((a, b) => a - b);
  const at = (values: readonly number[], share: number): number =>
    values[Math.floor(values.length * share)] ?? Number.NaN;
  const [idle, loaded] = [all("idle"), all("under load")];
  const row = (name: string, values: readonly number[]): string[] => [
    name,
    ...[0.5, 0.9, 0.99].map((share) => `${at(values, share).toFixed(1)} ms`),
  ];
  const ratio = [0.5, 0.9, 0.99].map((share) => `${(at(loaded, share) / at(idle, share)).toFixed(2)}x`);
  printTable(
    ["send to event", "p50", "p90", "p99"],
    [row("idle", idle), row("64 callers", loaded), ["ratio", ...ratio]],
  );
  const verdict = median(loaded) <= 2 * median(idle) ? "within" : "NOT within";
  console.log(`${verdict} twice the idle latency (median of ${idle.length} messages each)`);
}
