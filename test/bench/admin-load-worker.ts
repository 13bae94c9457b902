/** The load of `npm run bench -- admin` in a thread of its own, so that it does not delay the one that measures. */
import { parentPort, workerData } from "node:worker_threads";
import { AdminLoad } from "../support/admin/admin-load.ts";

const { port, token } = workerData as { port: number; token: string };
const load = new AdminLoad(port, token);
load.start();
parentPort?.once("message", async () => {
  await load.stop();
  parentPort?.postMessage(load.counts);
});
