/**
 * Says what is waited for while this process stands still: opening or reading a pipe waits for its writer, and nothing of
 * ours runs meanwhile. So the words come from a thread of their own. Knows no passphrase.
 */
import { Worker } from "node:worker_threads";

/** Longer than a shell needs for what it writes into a pipe. */
const NOTICE_AFTER_MS = 3_000;

/** The standard streams of a thread go through the main one, which stands still. */
const script = `
  const { writeSync } = require("node:fs");
  const { workerData: { text, afterMs } } = require("node:worker_threads");
  setTimeout(() => writeSync(2, text), afterMs);
`;

/** Runs what may wait; after a while a line on standard error says for what. */
export function withNotice<Result>(waitedFor: string, wait: () => Result): Result {
  const workerData = { text: `still waiting for ${waitedFor}; Ctrl-C ends it\n`, afterMs: NOTICE_AFTER_MS };
  const notice = new Worker(script, { eval: true, execArgv: [], workerData });
  // Without a thread it waits in silence, as before.
  notice.on("error", () => {});
  notice.unref();
  try {
    return wait();
  } finally {
    void notice.terminate();
  }
}
