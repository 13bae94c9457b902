// Real umbrad processes for one test: started from source, driven through their command line and admin socket, and gone
// with everything they wrote when the test ends, however it ends. Knows no scenario.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import type { CommandOptions, CommandResult } from "../../support/cli/umbrad-command.ts";
import { Output } from "./output.ts";

const bin = fileURLToPath(new URL("../../../src/umbrad.ts", import.meta.url));

/** Far more than a slow machine needs: only a hang exceeds it. What a canary has to find out takes 90 s of it. */
export const DEADLINE_MS = 300_000;

/** How a process ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly atMs: number;
}

/** A process that was started to stay. */
export interface Launched {
  readonly name: string;
  /** The command: `run`, `devnet`, `listen`. */
  readonly verb: string;
  readonly pid: number;
  readonly output: Output;
  /** Resolves when it is gone and all of its output has been read. */
  readonly ended: Promise<Exit>;
  readonly isRunning: () => boolean;
  /** Sends a signal and waits for the end. */
  kill(signal: NodeJS.Signals): Promise<Exit>;
}

/** What is run, when it is not umbrad from source, and where. */
export interface Place {
  readonly script?: string;
  /** Flags of Node itself, and variables. */
  readonly nodeFlags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/** The directory and the processes of one test. */
export class Stage {
  readonly directory: string = mkdtempSync(join(tmpdir(), "umbrad-e2e-"));
  readonly #children = new Set<ChildProcess>();
  readonly #launched: Launched[] = [];

  constructor(t: TestContext) {
    // The last resort, for a test runner that gives up on the file.
    const onExit = (): void => {
      for (const child of this.#children) child.kill("SIGKILL");
      rmSync(this.directory, { recursive: true, force: true });
    };
    process.once("exit", onExit);
    t.after(async () => {
      await this.end();
      // Node has it, its types do not.
      const { passed = true } = t as TestContext & { readonly passed?: boolean };
      if (!passed) for (const line of this.#lastWords()) t.diagnostic(line);
      process.off("exit", onExit);
    });
  }

  /** Kills what still runs, waits until it is gone, and takes the directory away. */
  async end(): Promise<void> {
    await Promise.all(this.#launched.filter((one) => one.isRunning()).map((one) => one.kill("SIGKILL")));
    for (const child of this.#children) child.kill("SIGKILL");
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** What somebody who looks into a failure asks first. */
  #lastWords(): string[] {
    return this.#launched.flatMap(({ name, pid, output }) => {
      const errors = output.lines.filter((line) => line.includes('"level":"error"'));
      return [...errors, output.stderr].filter((text) => text !== "").map((text) => `${name} (${pid}): ${text}`);
    });
  }

  /** Every process that this stage launched, ended ones too. */
  launched(): readonly Launched[] {
    return this.#launched;
  }

  launch(name: string, args: readonly string[], place: Place = {}): Launched {
    const { script = bin, nodeFlags = [], env = {}, cwd } = place;
    const child = this.#spawn([...nodeFlags, script, ...args], env, cwd);
    const output = new Output();
    child.stdout?.setEncoding("utf8").on("data", (text: string) => output.take(text));
    child.stderr?.setEncoding("utf8").on("data", (text: string) => output.takeError(text));
    child.stdin?.end();
    const ended = new Promise<Exit>((resolve, reject) => {
      child.on("error", reject).on("close", (code, signal) => {
        output.close();
        resolve({ code, signal, atMs: Date.now() });
      });
    });
    const isRunning = (): boolean => child.exitCode === null && child.signalCode === null;
    const kill = (signal: NodeJS.Signals): Promise<Exit> => {
      child.kill(signal);
      return ended;
    };
    const launched: Launched = { name, verb: args[0] ?? "", pid: child.pid ?? 0, output, ended, isRunning, kill };
    this.#launched.push(launched);
    return launched;
  }

  /** Runs one command to its end. */
  async run(args: readonly string[], options: CommandOptions = {}, place: Place = {}): Promise<CommandResult> {
    const child = this.#spawn([place.script ?? bin, ...args], options.env ?? {}, place.cwd);
    let stdout = "";
    let stderr = "";
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
    });
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    // A command that fails early does not read its stdin.
    child.stdin?.on("error", () => {}).end(options.stdin ?? "");
    return await new Promise((resolve, reject) => {
      child.on("error", reject).on("close", (code, signal) => resolve({ code, signal, stdout, stderr }));
    });
  }

  #spawn(args: readonly string[], env: Readonly<Record<string, string>>, cwd?: string): ChildProcess {
    const child = spawn(process.execPath, args, {
      // Nothing of the developer's environment decides about a test.
      env: { PATH: process.env["PATH"] ?? "", HOME: this.directory, ...env },
      stdio: ["pipe", "pipe", "pipe"],
      cwd,
    });
    this.#children.add(child);
    child.once("close", () => this.#children.delete(child));
    return child;
  }
}

let nextPort = 10_000 + (process.pid % 100) * 200;

/**
 * A port for who stops and comes back to it: none that the system gives to whoever asks for any, and of another range than
 * those of a test file that runs beside this one.
 */
export async function lastingPort(): Promise<number> {
  for (;;) {
    nextPort += 1;
    const port = nextPort;
    const probe = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      probe.once("error", () => resolve(false)).listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
    });
    if (isFree) return port;
  }
}

/** Asks again and again until there is an answer; for what nothing announces. */
export async function until<Answer>(
  what: string,
  ask: () => Answer | undefined | Promise<Answer | undefined>,
  deadlineMs: number = DEADLINE_MS,
): Promise<Answer> {
  const endMs = performance.now() + deadlineMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > endMs) throw new Error(`not within ${deadlineMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Fails with words instead of hanging. */
export async function inTime<Answer>(
  what: string,
  answer: Promise<Answer>,
  deadlineMs: number = DEADLINE_MS,
): Promise<Answer> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${deadlineMs} ms: ${what}`)), deadlineMs);
  });
  try {
    return await Promise.race([answer, tooLate]);
  } finally {
    clearTimeout(timer);
  }
}
