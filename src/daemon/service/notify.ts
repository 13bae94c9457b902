/**
 * Tells the service manager how the daemon is. Its socket takes datagrams, which Node cannot send on a unix socket, so the
 * small program `systemd-notify` does it (ADR 0048). What is told is counts and states: arguments are for all to see.
 */
import { execFile, spawnSync } from "node:child_process";
import type { Environment } from "../../admin/location.ts";
import type { Log } from "../../engine/ports.ts";

const program = "systemd-notify";
/** It waits until the manager has read the message, which takes milliseconds. */
const tellMsMax = 5_000;

/** Tells in the order of the calls; never throws and never waits for the manager. */
export interface Notifier {
  /** `READY=1`, `STATUS=…`: what is still waiting and is told anew is told once. */
  tell(...assignments: readonly string[]): void;
  /** Before work that keeps the event loop from telling anything. */
  tellNow(...assignments: readonly string[]): void;
}

/** Says nothing to nobody when there is no service manager. */
export function createNotifier(notifySocket: string | undefined, env: Environment, log: Log): Notifier {
  if (notifySocket === undefined) return { tell() {}, tellNow() {} };
  return new SystemdNotifier({ NOTIFY_SOCKET: notifySocket, PATH: env["PATH"] ?? "/usr/bin:/bin" }, log);
}

class SystemdNotifier implements Notifier {
  /** All that the program gets: no secret of ours is in it, and no descriptor is spoken of. */
  readonly #env: Record<string, string>;
  readonly #log: Log;
  readonly #waiting = new Map<string, string>();
  #isTelling = false;
  #hasFailed = false;

  constructor(env: Record<string, string>, log: Log) {
    this.#env = env;
    this.#log = log;
  }

  tell(...assignments: readonly string[]): void {
    this.#keep(assignments);
    this.#next();
  }

  tellNow(...assignments: readonly string[]): void {
    this.#keep(assignments);
    const { error, status } = spawnSync(program, this.#take(), this.#options());
    this.#ended(error ?? (status === 0 ? null : new Error(`it ended with ${status}`)));
  }

  #keep(assignments: readonly string[]): void {
    for (const assignment of assignments) {
      const [name = ""] = assignment.split("=", 1);
      // The newest word of a kind counts, at the place of the newest.
      this.#waiting.delete(name);
      this.#waiting.set(name, assignment.replace(/\s+/g, " "));
    }
  }

  #take(): string[] {
    const assignments = [...this.#waiting.values()];
    this.#waiting.clear();
    return assignments;
  }

  #options() {
    return { env: this.#env, timeout: tellMsMax, stdio: "ignore" } as const;
  }

  #next(): void {
    if (this.#isTelling || this.#waiting.size === 0) return;
    this.#isTelling = true;
    const child = execFile(program, this.#take(), this.#options(), (error) => {
      this.#isTelling = false;
      this.#ended(error);
      this.#next();
    });
    // A daemon that is done does not wait for a manager that is not.
    child.unref();
  }

  /** Once: without it the manager ends us soon, and says so itself. */
  #ended(error: Error | null): void {
    if (error === null || this.#hasFailed) return;
    this.#hasFailed = true;
    const fields = { event: "service.not-told", component: "daemon", reason: error.message.slice(0, 200) };
    this.#log.warn(fields, `the service manager cannot be told anything: is ${program} installed?`);
  }
}
