/** Makes `dist` from `src`: JavaScript, declarations, the generated code that tsc does not copy, man pages, and the executable bin. */
import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { writeManPages } from "./man.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const dist = join(root, "dist");

// What an older build left must not be shipped or imported.
rmSync(dist, { recursive: true, force: true });

const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
const compiled = spawnSync(process.execPath, [tsc, "-p", "tsconfig.build.json"], { cwd: root, stdio: "inherit" });
if (compiled.status !== 0) process.exit(compiled.status ?? 1);

const generated = join("wire", "gen");
cpSync(join(root, "src", generated), join(dist, generated), {
  recursive: true,
  filter: (source) => !/\.[a-z]+$/.test(source) || /\.(?:js|d\.ts)$/.test(source),
});

writeManPages(join(dist, "man"));

const bin = join(dist, "umbrad.js");
if (!readFileSync(bin, "utf8").startsWith("#!/usr/bin/env node\n")) throw new Error(`${bin} lost its first line`);
chmodSync(bin, 0o755);
