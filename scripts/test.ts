/** Runs every test file, or those whose path contains one of the arguments: `npm test -- engine sqlite`. */
import { spawnSync } from "node:child_process";
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
// Files run as processes side by side. A test that hangs must fail, not hang the run; a slow machine gets its time.
const flags = ["--test", `--test-concurrency=${Math.max(1, availableParallelism())}`, "--test-timeout=1800000"];
const { status } = spawnSync(process.execPath, [...flags, ...files], { cwd: root, stdio: "inherit" });
process.exitCode = status ?? 1;
