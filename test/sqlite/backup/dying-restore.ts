/** A `restore` that is killed before a step that changes names: `dying-restore.ts STEP STATE-DIR FILE`. */
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { random } from "../temporary-store.ts";

const [, , step = "", stateDir = "", file = ""] = process.argv;
let steps = 0;
for (const name of ["renameSync", "linkSync"] as const) {
  const real = fs[name];
  fs[name] = (from, to) => {
    steps += 1;
    if (steps === Number(step)) process.kill(process.pid, "SIGKILL");
    real(from, to);
  };
}
syncBuiltinESMExports();
// Only now: it takes the functions as they are.
const { restore } = await import("../../../src/sqlite/backup/backup.ts");
await restore({ stateDir, file, keptName: "umbrad.db.kept" }, { seal: undefined, random });
