/**
 * `node test/mutants/run.ts`: takes away, one by one, what the promises rest on, and shows that the named tests notice.
 * Works on a copy of the tree. Not part of the tests: each mutant costs a few seconds.
 */
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

interface Mutant {
  readonly name: string;
  readonly file: string;
  /** Each text must occur in the file, so that a mutant cannot silently become none. */
  readonly changes: readonly (readonly [from: string, to: string])[];
  readonly tests: readonly string[];
}

const mutants: readonly Mutant[] = [
  {
    name: "acknowledge before the commit",
    file: "src/engine/turn/committer.ts",
    changes: [
      [
        "this.#waiting.push({ turn, done, failed });",
        "this.#waiting.push({ turn, done: () => {}, failed: () => {} }); done({ events: [] });",
      ],
    ],
    tests: ["test/engine/turn.test.ts"],
  },
  {
    name: "split commit: the duplicate mark first",
    file: "src/engine/turn/turn.ts",
    changes: [
      [
        "const receipt = await commit(ports, draft, turn);",
        "await ports.commit({ atMs: now, conversations: [], ...consumed }); const receipt = await commit(ports, draft, turn);",
      ],
    ],
    tests: ["test/engine/crash/crash.test.ts"],
  },
  {
    name: "split commit: no transaction",
    file: "src/sqlite/database.ts",
    changes: [
      ['    this.#step("BEGIN IMMEDIATE");\n', ""],
      ['      this.#step("COMMIT");\n', ""],
    ],
    tests: ["test/conformance/store.test.ts"],
  },
  {
    name: "mark as published before publishing",
    file: "src/engine/loops/outbox.ts",
    changes: [
      ["result = await transport.publish(", "store.outboxDone(row.id, clock.now()); result = await transport.publish("],
    ],
    tests: ["test/engine/loops/outbox.test.ts"],
  },
  {
    name: "no mailbox",
    file: "src/engine/turn/mailbox.ts",
    changes: [["(tails.get(conversation) ?? ready).then(() => turn())", "ready.then(() => turn())"]],
    tests: ["test/engine/mailbox.test.ts", "test/engine/turn.test.ts"],
  },
  {
    name: "no revision check",
    file: "src/sqlite/conversations.ts",
    changes: [["WHERE number = ? AND revision = ?", "WHERE number = ? AND ? > 0"]],
    tests: ["test/engine/turn.test.ts"],
  },
  {
    name: "synchronous=OFF",
    file: "src/sqlite/database.ts",
    changes: [
      ["PRAGMA synchronous = FULL", "PRAGMA synchronous = OFF"],
      ["settings.synchronous !== 2", "settings.synchronous !== 0"],
    ],
    tests: ["test/sqlite/faults.test.ts"],
  },
  {
    name: "step on from a state whose commit failed",
    file: "src/engine/turn/turn.ts",
    changes: [["for (const loaded of draft.loaded) ports.states.forget(loaded.number);\n    throw", "throw"]],
    tests: ["test/engine/turn.test.ts"],
  },
  {
    name: "an envelope counts as seen before its commit",
    file: "src/engine/routing/intake.ts",
    changes: [
      [
        "if (this.#seen.has(hex(message.hash))) return undefined;",
        "if (this.#seen.has(hex(message.hash))) return undefined; this.#remember(hex(message.hash));",
      ],
    ],
    tests: ["test/engine/intake.test.ts"],
  },
  {
    name: "the cursor passes old envelopes in flight",
    file: "src/engine/routing/intake.ts",
    changes: [["Math.min(message.timestampMs, this.#deps.clock.now())", "this.#deps.clock.now()"]],
    tests: ["test/engine/loops/history.test.ts"],
  },
  {
    name: "a gap that opened meanwhile counts as filled",
    file: "src/engine/loops/history.ts",
    changes: [["if (this.#gaps.get(topic) !== gap) continue;", ""]],
    tests: ["test/engine/loops/history.test.ts"],
  },
  {
    name: "one broken timer delays the others",
    file: "src/engine/loops/timers.ts",
    changes: [["if (this.#failed.size === 0) return store.timersNextDueMs();", "return store.timersNextDueMs();"]],
    tests: ["test/engine/loops/timers.test.ts"],
  },
  {
    name: "removal from the index leaves a hole",
    file: "src/engine/routing/hint-index.ts",
    changes: [["words[at + 2] = TOMBSTONE;", "words[at + 2] = EMPTY;"]],
    tests: ["test/engine/hint-index.test.ts"],
  },
];

const root = join(import.meta.dirname, "../..");
const copy = mkdtempSync(join(tmpdir(), "umbrad-mutants-"));
try {
  for (const part of ["src", "test", "package.json", "tsconfig.json"])
    cpSync(join(root, part), join(copy, part), { recursive: true });
  symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
  const chosen = mutants.filter(
    ({ name }) => process.argv.length < 3 || process.argv.slice(2).some((word) => name.includes(word)),
  );
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
