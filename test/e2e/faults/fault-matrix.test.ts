// Goal: whatever a service node does to a step of the protocol, every message reaches the consumer exactly once. Method:
// every step with every fault, one after the other, on real processes; each cell must see its fault strike, and then
// everything arrive with nobody's help. Three laboratories side by side, because most of the time is waiting.
import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { until } from "../stage/processes.ts";
import { Laboratory } from "./laboratory.ts";
import { type Cell, type Fault, steps } from "./matrix.ts";

const faults: readonly Fault[] = [
  "dropped before",
  "dropped after",
  "answered twice",
  "never answered",
  "connection cut",
];
const cells = Object.values(steps).flat();
/** It lasts until the canary has noticed, twice. */
const isSlow = ({ step, fault }: Cell): boolean => step === "push" && fault === "never answered";
const isQuick = ({ step }: Cell): boolean => ["subscribe", "lightpush", "store page"].includes(step);

test("the matrix has every step with every fault", () => {
  assert.equal(cells.length, 30);
  for (const row of Object.values(steps)) assert.deepEqual(row.map(({ fault }) => fault).sort(), faults.toSorted());
});

describe("every message exactly once, whatever fails at", { concurrency: true }, () => {
  test("requests: subscribe, lightpush, store page", (t) => runAll(t, cells.filter(isQuick)));
  test("messages: push, invite, acknowledgement", (t) => {
    return runAll(
      t,
      cells.filter((cell) => !isQuick(cell) && !isSlow(cell)),
    );
  });
  test("a node that pushes nothing any more", (t) => runAll(t, cells.filter(isSlow)));
});

async function runAll(t: TestContext, wanted: readonly Cell[]): Promise<void> {
  const laboratory = await Laboratory.open(t);
  for (const cell of wanted) t.diagnostic(await run(laboratory, cell));
  // A repetition that came late would show by now.
  laboratory.requireExactlyOnce();
  await laboratory.close();
}

async function run(laboratory: Laboratory, cell: Cell): Promise<string> {
  const { node } = laboratory;
  const label = `${cell.step}, ${cell.fault}`;
  const names = Object.keys(cell.knobs);
  const before = (await node.status()).struck;
  await cell.act(laboratory, label);
  const strikes = async (): Promise<number[]> => {
    const { struck } = await node.status();
    return names.map((name) => (struck[name] ?? 0) - (before[name] ?? 0));
  };
  const struck = await until(`${label}: a strike`, async () => {
    const counts = await strikes();
    return counts.every((count) => count > 0) ? counts : undefined;
  });
  const began = performance.now();
  await node.set({});
  await laboratory.settled(`${label}: everything delivered`);
  laboratory.requireExactlyOnce();
  const ms = Math.round(performance.now() - began);
  return `${label}: ${names.map((name, index) => `${name} ${struck[index]} times`).join(", ")}; recovered after ${ms} ms`;
}
