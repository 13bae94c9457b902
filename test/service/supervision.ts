// What a service manager is to the daemon, made of a directory: a `systemd-notify` first on PATH that writes down what it
// is told, and a socket that outlives the daemons which are started on it.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, linkSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";

const bin = fileURLToPath(new URL("../../src/umbrad.ts", import.meta.url));

export interface Notes {
  /** For the daemon. */
  readonly env: Readonly<Record<string, string>>;
  /** Everything that was told, in order: one array for each call of the program. */
  told(): readonly (readonly string[])[];
  count(assignment: string): number;
}

export function writeDownNotes(directory: string): Notes {
  const file = join(directory, "told");
  const programs = join(directory, "bin");
  mkdirSync(programs);
  const script = `#!/bin/sh\n{ printf '%s\\t' "$@"; echo; } >> '${file}'\n`;
  writeFileSync(join(programs, "systemd-notify"), script);
  chmodSync(join(programs, "systemd-notify"), 0o755);
  const told = (): string[][] => {
    if (!existsSync(file)) return [];
    const lines = readFileSync(file, "utf8").split("\n").slice(0, -1);
    return lines.map((line) => line.split("\t").slice(0, -1));
  };
  return {
    env: { NOTIFY_SOCKET: "/nonexistent/notify", PATH: `${programs}:${process.env["PATH"] ?? ""}` },
    told,
    count: (assignment) =>
      told()
        .flat()
        .filter((one) => one === assignment).length,
  };
}

/** Starts a daemon on the socket whenever there is none, until the file `stop` is there. */
const supervision = `while [ ! -e "$STOP" ]; do
  sh -c 'export LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=admin; exec "$@"' sh "$@" || exit 1
done`;

export interface SocketUnit {
  readonly socketPath: string;
  readonly supervisor: ChildProcess;
  /** All daemons' logs. */
  log(): string;
  /** No daemon after the present one. */
  startNoMore(): void;
}

/** The test process binds the socket, gives it away, and forgets it: only the supervising shell holds it then. */
export async function holdSocket(t: TestContext, directory: string, flags: readonly string[]): Promise<SocketUnit> {
  const socketPath = join(directory, "admin.sock");
  const server = createServer();
  server.listen(`${socketPath}.bound`);
  await once(server, "listening");
  // Node removes the name that it has bound; the other one stays.
  linkSync(`${socketPath}.bound`, socketPath);
  const { _handle: handle } = server as unknown as { readonly _handle: { readonly fd: number } };
  const stop = join(directory, "stop");
  const args = [process.execPath, bin, "run", ...flags];
  const supervisor = spawn("sh", ["-c", supervision, "sh", ...args], {
    env: { PATH: process.env["PATH"] ?? "", HOME: "/nonexistent", STOP: stop },
    stdio: ["ignore", "pipe", "inherit", handle.fd],
    detached: true,
  });
  const { pid = 0 } = supervisor;
  t.after(() => {
    try {
      process.kill(-pid, "SIGKILL");
    } catch {
      // It has ended, as it should.
    }
  });
  server.close();
  let text = "";
  supervisor.stdout?.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
  });
  return { socketPath, supervisor, log: () => text, startNoMore: () => writeFileSync(stop, "") };
}
