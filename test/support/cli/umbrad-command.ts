/** Runs `umbrad` from source as its own process, as a user would. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";

const bin = fileURLToPath(new URL("../../../src/umbrad.ts", import.meta.url));

export interface CommandResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string | Uint8Array;
  /** Flags of Node itself. */
  readonly nodeFlags?: readonly string[];
}

/** A process that is still running; killed when the test ends. */
export interface RunningCommand {
  readonly child: ChildProcess;
  readonly ended: Promise<CommandResult>;
  stdout(): string;
  stderr(): string;
  /** Resolves when stdout has a line that is wanted; fails when the process ends first. */
  line(wanted: (line: string) => boolean): Promise<string>;
}

/** Only what a command needs: nothing of the developer's environment decides about a test. */
function environment(extra: Readonly<Record<string, string>>): Record<string, string> {
  return { PATH: process.env["PATH"] ?? "", HOME: "/nonexistent", ...extra };
}

export function startUmbrad(t: TestContext, args: readonly string[], options: CommandOptions = {}): RunningCommand {
  const child = spawn(process.execPath, [...(options.nodeFlags ?? []), bin, ...args], {
    env: environment(options.env ?? {}),
    stdio: ["pipe", "pipe", "pipe"],
  });
  t.after(() => child.kill("SIGKILL"));
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    stdout += chunk;
    child.emit("umbrad:output");
  });
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    stderr += chunk;
  });
  // A command that fails early does not read its stdin.
  child.stdin.on("error", () => {});
  child.stdin.end(options.stdin ?? "");
  const ended = new Promise<CommandResult>((resolve, reject) => {
    child.on("error", reject).on("close", (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
  return {
    child,
    ended,
    stdout: () => stdout,
    stderr: () => stderr,
    line: (wanted) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const found = stdout.split("\n").slice(0, -1).find(wanted);
          if (found !== undefined) resolve(found);
        };
        child.on("umbrad:output", look);
        child.on("close", () => reject(new Error(`ended before the line came\n${stdout}\n${stderr}`)));
        look();
      }),
  };
}

export function umbrad(t: TestContext, args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  return startUmbrad(t, args, options).ended;
}

/** A private directory that goes away with the test. */
export async function temporaryDirectory(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "umbrad-test-"));
  // Hooks run in the order in which they were made: a daemon of the test may still be writing there.
  t.after(() => rm(path, { recursive: true, force: true, maxRetries: 10 }));
  return path;
}
