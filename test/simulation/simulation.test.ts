/**
 * Goal: the six invariants of design 10 hold for many nodes that die and lose, double and overtake each other's messages.
 * Method: the real engine, conversation types and tables under a virtual clock and a seeded network; 2,000 seeds, a quarter
 * of them at each loss. `npm run simulate -- --seed N --loss L` repeats one of them.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { runJobs } from "./jobs.ts";
import { runSeed, type SeedReport } from "./run-seed.ts";

const losses = [0, 10, 30, 60] as const;
const seedsEach = 500;
/** Ten times what is promised: a slow machine is no failure. */
const limitSeconds = 600;

describe("simulation", () => {
  it(`${losses.length * seedsEach} seeds keep the invariants`, async (context) => {
    const jobs = losses.flatMap((loss) => Array.from({ length: seedsEach }, (_, index) => ({ seed: index + 1, loss })));
    const startedMs = performance.now();
    const before = process.cpuUsage();
    const reports = await runJobs(jobs);
    const seconds = (performance.now() - startedMs) / 1_000;
    const { user, system } = process.cpuUsage(before);
    for (const loss of losses) context.diagnostic(summary(reports.filter((report) => report.loss === loss)));
    context.diagnostic(
      `${reports.length} seeds in ${seconds.toFixed(1)} s, ${((user + system) / 1e6).toFixed(1)} s of CPU`,
    );
    const broken = reports.filter(({ failures }) => failures.length > 0);
    assert.deepEqual(
      broken.map(({ seed, loss, failures }) => `npm run simulate -- --seed ${seed} --loss ${loss}: ${failures[0]}`),
      [],
    );
    assert.equal(reports.length, jobs.length);
    assert.ok(seconds < limitSeconds, `${seconds} s`);
  });

  it("is repeated to the byte by its seed, and is another with another seed", async () => {
    const [first, again, other] = [
      await runSeed({ seed: 4, loss: 30 }),
      await runSeed({ seed: 4, loss: 30 }),
      await runSeed({ seed: 5, loss: 30 }),
    ];
    assert.deepEqual(again, first);
    assert.notEqual(other.trace, first.trace);
  });
});

function summary(reports: readonly SeedReport[]): string {
  const sum = (pick: (report: SeedReport) => number) => reports.reduce((total, report) => total + pick(report), 0);
  const delivered = sum((report) => report.delivered);
  return [
    `loss ${reports[0]?.loss} %: ${reports.length} seeds`,
    `${sum((report) => report.nodes)} nodes`,
    `${sum((report) => report.deaths)} deaths`,
    `${sum((report) => report.refusals)} refused inputs`,
    `${delivered} messages delivered, ${sum((report) => report.failed)} failed`,
    `${(sum((report) => report.published) / delivered).toFixed(1)} envelopes a message`,
  ].join(", ");
}
