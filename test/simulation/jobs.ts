/** Many runs on all cores: threads that take one after the other. Each run follows from its seed, whoever makes it. */
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { runScenario, type ScenarioReport, type ScenarioSettings } from "./run-scenario.ts";
import { runSeed, type SeedReport, type SeedSettings } from "./run-seed.ts";

export interface Progress {
  readonly done: number;
  readonly seconds: number;
}

/** What a thread is told. */
export type Job = SeedSettings | ScenarioSettings;
/** What came of a job. */
export type Report<Kind extends Job> = Kind extends ScenarioSettings ? ScenarioReport : SeedReport;

export function runJob(job: Job): Promise<SeedReport | ScenarioReport> {
  return "scenario" in job ? runScenario(job) : runSeed(job);
}

/** Reports in the order of the jobs. */
export async function runJobs<Kind extends Job>(
  jobs: readonly Kind[],
  onReport: (report: Report<Kind>, progress: Progress) => void = () => {},
): Promise<Report<Kind>[]> {
  const reports: Report<Kind>[] = [];
  const startedMs = performance.now();
  let done = 0;
  const queue = [...jobs.entries()];
  const take = (index: number, report: Report<Kind>): void => {
    reports[index] = report;
    done += 1;
    onReport(report, { done, seconds: (performance.now() - startedMs) / 1_000 });
  };
  const threads = Math.min(availableParallelism(), jobs.length);
  await Promise.all(Array.from({ length: threads }, () => work(queue, take)));
  return reports;
}

function work<Kind extends Job>(
  queue: (readonly [number, Kind])[],
  take: (index: number, report: Report<Kind>) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL("./worker.ts", import.meta.url));
    let index = 0;
    const next = (): void => {
      const job = queue.shift();
      if (job === undefined) return void worker.terminate().then(() => resolve());
      index = job[0];
      worker.postMessage(job[1]);
    };
    worker.on("message", (report: Report<Kind>) => {
      take(index, report);
      next();
    });
    worker.on("error", reject);
    next();
  });
}
