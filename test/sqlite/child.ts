/** Starts `holder.ts` and hands over its lines as they come. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export interface Holder {
  readonly pid: number;
  /** Every line so far; complete after `ended`. */
  readonly lines: string[];
  /** Resolves when `count` lines have come or the process has ended. */
  heard(count: number): Promise<void>;
  kill(): Promise<void>;
  readonly ended: Promise<void>;
}

const script = fileURLToPath(new URL("./holder.ts", import.meta.url));

export function startHolder(mode: "hold" | "create" | "write" | "write-groups", stateDir: string): Holder {
  const child: ChildProcess = spawn(process.execPath, [script, mode, stateDir], { stdio: ["pipe", "pipe", "inherit"] });
  const lines: string[] = [];
  const reader = createInterface({ input: child.stdout! });
  const waiting = new Set<() => void>();
  reader.on("line", (line) => {
    lines.push(line);
    for (const wake of waiting) wake();
  });
  const ended = Promise.all([once(child, "exit"), once(reader, "close")]).then(() => undefined);
  return {
    pid: child.pid!,
    lines,
    ended,
    heard(count) {
      const enough = new Promise<void>((resolve) => {
        const wake = (): void => {
          if (lines.length >= count) resolve();
        };
        waiting.add(wake);
        wake();
      });
      return Promise.race([enough, ended]);
    },
    async kill() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}
