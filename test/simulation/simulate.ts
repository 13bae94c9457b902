/** `npm run simulate`: many seeds, one of them again, or the outages of `scenarios.ts`. Exits with 1 when something broke. */
import { parseArgs } from "node:util";
import { printTable } from "../bench/measure.ts";
import { runJobs } from "./jobs.ts";
import { runScenario, type ScenarioReport } from "./run-scenario.ts";
import { runSeed } from "./run-seed.ts";
import { scenarios } from "./scenarios.ts";

const usage = `usage: npm run simulate -- [--seeds 10000] [--first 1] [--loss 0,10,30,60]
       npm run simulate -- --seed N --loss L                 one seed again
       npm run simulate -- --scenario NAME|all [--runs 40] [--seed N]
scenarios: ${Object.keys(scenarios).join(" | ")}`;

const { values } = parseArgs({
  options: {
    help: { type: "boolean", default: false },
    seed: { type: "string" },
    first: { type: "string", default: "1" },
    seeds: { type: "string", default: "10000" },
    loss: { type: "string", default: "0,10,30,60" },
    scenario: { type: "string" },
    runs: { type: "string", default: "40" },
  },
});

const losses = values.loss.split(",").map(Number);
const first = Number(values.first);

if (values.help) console.log(usage);
else if (values.scenario !== undefined) await outages(values.scenario);
else if (values.seed !== undefined) await oneSeed(Number(values.seed));
else await manySeeds();

function broken(replay: string, failures: readonly string[]): void {
  if (failures.length > 0) process.exitCode = 1;
  for (const failure of failures) console.log(`BROKEN npm run simulate -- ${replay}: ${failure}`);
}

async function oneSeed(seed: number): Promise<void> {
  for (const loss of losses) {
    const { failures, ...report } = await runSeed({ seed, loss });
    console.log(report);
    broken(`--seed ${seed} --loss ${loss}`, failures);
  }
}

async function manySeeds(): Promise<void> {
  const each = Math.ceil(Number(values.seeds) / losses.length);
  const jobs = losses.flatMap((loss) => Array.from({ length: each }, (_, index) => ({ seed: first + index, loss })));
  const reports = await runJobs(jobs, ({ seed, loss, failures }, { done, seconds }) => {
    broken(`--seed ${seed} --loss ${loss}`, failures);
    if (done % 500 === 0) console.log(`${done} of ${jobs.length} in ${seconds.toFixed(0)} s`);
  });
  const count = reports.filter(({ failures }) => failures.length > 0).length;
  console.log(`${reports.length} seeds, ${count} broken`);
}

async function outages(wanted: string): Promise<void> {
  const names = wanted === "all" ? Object.keys(scenarios) : [wanted];
  if (names.some((name) => scenarios[name] === undefined)) {
    console.error(`there is no scenario ${JSON.stringify(wanted)}\n${usage}`);
    process.exitCode = 64;
  } else if (values.seed !== undefined) {
    const seed = Number(values.seed);
    for (const scenario of names) console.log(await runScenario({ scenario, seed }));
  } else {
    const runs = Array.from({ length: Number(values.runs) }, (_, index) => first + index);
    const jobs = names.flatMap((scenario) => runs.map((seed) => ({ scenario, seed })));
    const reports = await runJobs(jobs, ({ scenario, seed, failures }) =>
      broken(`--scenario "${scenario}" --seed ${seed}`, failures),
    );
    printTable(
      [
        "scenario",
        "runs",
        "hung",
        "delivered p50",
        "p95",
        "max",
        "acknowledged p50",
        "p95",
        "max",
        "envelopes/message",
      ],
      names.map((name) =>
        rowOf(
          name,
          reports.filter(({ scenario }) => scenario === name),
        ),
      ),
    );
  }
}

/** Times in minutes. */
function rowOf(name: string, reports: readonly ScenarioReport[]): (string | number)[] {
  const hung = reports.filter(({ catchUpMs }) => catchUpMs === undefined);
  const messages = reports.reduce((sum, report) => sum + report.messages, 0);
  const published = reports.reduce((sum, report) => sum + report.published, 0);
  const times = (pick: (report: ScenarioReport) => number | undefined) =>
    percentiles(reports.map(pick).filter((time) => time !== undefined));
  return [
    name,
    reports.length,
    hung.length,
    ...times((report) => report.catchUpMs),
    ...times((report) => report.acknowledgedMs),
    (published / Math.max(1, messages)).toFixed(1),
  ];
}

function percentiles(times: readonly number[]): string[] {
  const sorted = times.toSorted((a, b) => a - b);
  return [0.5, 0.95, 1].map((share) => {
    const time = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
    return time === undefined ? "" : (time / 60_000).toFixed(1);
  });
}
