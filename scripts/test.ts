/** Runs every test file, or those whose path contains one of the arguments: `npm test -- engine sqlite`. */
import { spawn } from "node:child_process";
import { globSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
const wanted = process.argv.slice(2);
const files = globSync("test/**/*.test.ts", { cwd: root })
  .filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part)))
  .sort();
if (files.length === 0) {
  console.error(`no test file matches ${wanted.join(", ")}`);
  process.exit(1);
}

/** Most of their time is waiting for a ping or a canary, of which there is one a minute: others need not wait with them. */
const waiting = files.filter((file) => file.startsWith(join("test", "e2e", "faults")));
const working = files.filter((file) => !waiting.includes(file));
const lanes = Math.max(1, availableParallelism());
const codes = await Promise.all([run(waiting, 1, working.length > 0), run(working, lanes, false)]);
process.exitCode = codes.find((code) => code !== 0) ?? 0;

/** Files run as processes side by side. `isBeside`: what it has to say comes in one piece, when it ends. */
async function run(some: readonly string[], concurrency: number, isBeside: boolean): Promise<number> {
  if (some.length === 0) return 0;
  // A test that hangs must fail, not hang the run; a slow machine gets its time.
  const flags = ["--test", `--test-concurrency=${concurrency}`, "--test-timeout=1800000"];
  const child = spawn(process.execPath, [...flags, ...some], {
    cwd: root,
    stdio: ["ignore", isBeside ? "pipe" : "inherit", "inherit"],
  });
  const said: Buffer[] = [];
  child.stdout?.on("data", (chunk: Buffer) => said.push(chunk));
  const code = await new Promise<number>((resolve, reject) => {
    child.on("error", reject).on("close", (exit) => resolve(exit ?? 1));
  });
  process.stdout.write(Buffer.concat(said));
  return code;
}
