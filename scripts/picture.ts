/** Runs the demonstration and draws what it printed: `npm run build && node scripts/picture.ts`. */
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { sceneOf } from "./picture/scene.ts";
import { svgOf } from "./picture/svg.ts";

const demo = spawnSync(process.execPath, [join(import.meta.dirname, "demo.ts")], {
  encoding: "utf8",
  stdio: ["ignore", "pipe", "inherit"],
});
if (demo.status === 0) {
  const file = join(import.meta.dirname, "..", "docs", "picture", "terminal.svg");
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, svgOf(sceneOf(demo.stdout)));
  console.log(file);
}
process.exitCode = demo.status ?? 1;
