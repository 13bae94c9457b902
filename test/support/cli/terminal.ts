/** A real pseudo-terminal, made by script(1) of util-linux, with a command in it: what it shows and what is typed. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { stripVTControlCharacters } from "node:util";

const bin = fileURLToPath(new URL("../../../src/umbrad.ts", import.meta.url));

/** The command as a shell in the terminal takes it. */
export const umbradWords = `'${process.execPath}' '${bin}'`;

/** What was written, and a promise for a text that is to be in it. */
export class Written {
  text = "";
  readonly #looks = new Set<() => void>();

  add(chunk: string): void {
    this.text += chunk;
    for (const look of this.#looks) look();
  }

  has(wanted: RegExp, from = 0): Promise<string> {
    return new Promise((resolve) => {
      const look = (): void => {
        const plain = stripVTControlCharacters(this.text.slice(from));
        if (!wanted.test(plain)) return;
        this.#looks.delete(look);
        resolve(plain);
      };
      this.#looks.add(look);
      look();
    });
  }
}

export interface InTerminal {
  readonly child: ChildProcess;
  readonly written: Written;
  /** The exit code of the command. */
  readonly ended: Promise<number>;
  type(keys: string): void;
  /** Types when the terminal shows it, behind everything that was waited for before. */
  answer(question: RegExp, keys: string): Promise<void>;
}

/** undefined: this machine has no script(1). */
export function inTerminal(t: TestContext, command: string): InTerminal | undefined {
  if (spawnSync("script", ["--version"]).error !== undefined) {
    t.diagnostic("script(1) is not installed");
    return undefined;
  }
  const env = { PATH: process.env["PATH"] ?? "", HOME: "/nonexistent", TERM: "xterm" };
  const child = spawn("script", ["-q", "-e", "-c", command, "/dev/null"], { env, stdio: ["pipe", "pipe", "inherit"] });
  t.after(() => child.kill("SIGKILL"));
  const written = new Written();
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => written.add(chunk));
  child.stdin.on("error", () => {});
  const ended = new Promise<number>((resolve) => child.on("close", (code) => resolve(code ?? -1)));
  let from = 0;
  return {
    child,
    written,
    ended,
    type: (keys) => void child.stdin.write(keys),
    async answer(question, keys) {
      await written.has(question, from);
      from = written.text.length;
      child.stdin.write(keys);
    },
  };
}
