/** One invocation: the global options resolved against the environment, and the way to the daemon. */

import type { AdminClient } from "../admin/client.ts";
import { type Environment, resolveSocketPath, resolveStateDir } from "../admin/location.ts";
import type { StateKind } from "../daemon/state-kind.ts";
import { createOutput, type Output } from "./output.ts";

/** The global options as commander gives them. */
export interface GlobalOptions {
  readonly stateDir?: string;
  readonly config?: string;
  readonly socket?: string;
  readonly json?: boolean;
  readonly timeout?: number;
}

export interface Session {
  readonly output: Output;
  readonly env: Environment;
  /** As given, for what resolves it in its own way. */
  readonly stateDirFlag: string | undefined;
  readonly stateDir: string;
  readonly socketPath: string;
  readonly configFlag: string | undefined;
  /** What another command needs in order to speak of the same daemon, with a space before it. */
  readonly commandFlags: string;
  /** undefined: the command's own default. */
  readonly timeoutMs: number | undefined;
  /** Loads node:http, which half of the start of a command is spent on: only who asks a daemon pays for it. */
  admin(timeoutMs?: number): Promise<AdminClient>;
}

/** A local daemon answers in milliseconds; one that does not in this time hangs. */
const requestMsDefault = 30_000;

export function openSession(options: GlobalOptions, env: Environment): Session {
  const stateDir = resolveStateDir(options.stateDir, env);
  const socketPath = resolveSocketPath(options.socket, stateDir, env);
  return {
    output: createOutput(options.json === true),
    env,
    stateDirFlag: options.stateDir,
    stateDir,
    socketPath,
    configFlag: options.config,
    commandFlags: globalFlags(options),
    timeoutMs: options.timeout,
    admin: async (timeoutMs = options.timeout ?? requestMsDefault) => {
      const { connectAdmin } = await import("../admin/client.ts");
      return connectAdmin({ place: { socketPath }, timeoutMs, startHint: () => startHint(options, stateDir) });
    },
  };
}

/** The exact command for this caller's flags; an empty place needs `init` first. */
async function startHint(options: GlobalOptions, stateDir: string): Promise<string> {
  const flags = globalFlags(options);
  const run = `umbrad run${flags}`;
  const sealedRun = `${run} --passphrase-file FILE`;
  switch (await kindOf(stateDir)) {
    case "none":
      return `umbrad init${flags} --passphrase-file FILE, then ${sealedRun}`;
    case "plaintext":
      return run;
    default:
      return sealedRun;
  }
}

/** Loaded only here: a command that reaches its daemon needs no database. */
async function kindOf(stateDir: string): Promise<StateKind | undefined> {
  try {
    return (await import("../daemon/state-kind.ts")).stateKind(stateDir);
  } catch {
    // Advice about a directory that we cannot read (another user's, a broken one) must not hide the error itself.
    return undefined;
  }
}

/** The flags that make another command speak of the same daemon. */
export function globalFlags(options: Pick<GlobalOptions, "stateDir" | "socket" | "config">): string {
  const given: [string, string | undefined][] = [
    ["--state-dir", options.stateDir],
    ["--socket", options.socket],
    ["--config", options.config],
  ];
  return given.map(([flag, value]) => (value === undefined ? "" : ` ${flag} ${shellWord(value)}`)).join("");
}

/** Quoted when a shell would not take it as one word. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
