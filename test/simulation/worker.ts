/** A thread that runs what it is told and says what came of it. */
import { parentPort } from "node:worker_threads";
import { type Job, runJob } from "./jobs.ts";
import { describe } from "./world/world.ts";

parentPort?.on("message", (job: Job) => {
  void runJob(job)
    .catch((error: unknown) => ({ ...job, failures: [`the run ended with ${describe(error)}`] }))
    .then((report) => parentPort?.postMessage(report));
});
