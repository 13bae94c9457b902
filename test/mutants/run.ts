/**
 * `node test/mutants/run.ts [WORD...]`: takes away, one by one, what the promises rest on, and shows that the named tests notice.
 * Works on a copy of the tree. Not part of the tests: each mutant costs a few seconds.
 */
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { type Mutant, mutants } from "./mutants.ts";

const root = join(import.meta.dirname, "../..");
const copy = mkdtempSync(join(tmpdir(), "umbrad-mutants-"));
try {
  for (const part of ["src", "test", "package.json", "tsconfig.json"])
    cpSync(join(root, part), join(copy, part), { recursive: true });
  symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
  const chosen = mutants.filter(
    ({ name }) => process.argv.length < 3 || process.argv.slice(2).some((word) => name.includes(word)),
  );
  if (chosen.length === 0) throw new Error(`no mutant has ${process.argv.slice(2).join(" or ")} in its name`);
  const survivors = chosen.filter((mutant) => !dies(mutant)).map(({ name }) => name);
  console.log(survivors.length === 0 ? `all ${chosen.length} died` : `survived: ${survivors.join("; ")}`);
  if (survivors.length > 0) process.exitCode = 1;
} finally {
  rmSync(copy, { recursive: true, force: true });
}

function dies({ name, file, changes, tests }: Mutant): boolean {
  const path = join(copy, file);
  const original = readFileSync(path, "utf8");
  let mutated = original;
  for (const [from, to] of changes) {
    if (!mutated.includes(from)) throw new Error(`${name}: ${file} does not contain ${JSON.stringify(from)}`);
    mutated = mutated.replace(from, () => to);
  }
  writeFileSync(path, mutated);
  const run = spawnSync(process.execPath, ["--test", "--test-timeout=60000", ...tests], {
    cwd: copy,
    encoding: "utf8",
  });
  writeFileSync(path, original);
  const killers = [...run.stdout.matchAll(/^\s*✖ (.+?) \(\d/gm)].map(([, title]) => title);
  const isDead = run.status !== 0;
  console.log(`${isDead ? "died    " : "SURVIVED"}  ${name}${isDead ? `: ${killers[0] ?? "the file failed"}` : ""}`);
  return isDead;
}
