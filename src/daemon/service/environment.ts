/** What a service manager tells a process by its environment (sd_notify, sd_watchdog_enabled, sd_listen_fds). */
import { fstatSync } from "node:fs";
import type { Environment } from "../../admin/location.ts";
import { UmbradError } from "../../engine/errors.ts";

/** Inherited descriptors begin here. */
const firstDescriptor = 3;

/** What the daemon was given; nothing of it when it was started by hand. */
export interface ServiceEnvironment {
  /** Where it is told how the daemon is. */
  readonly notifySocket: string | undefined;
  /** Without a sign of life for so long, the manager ends the process. */
  readonly watchdogMs: number | undefined;
  /** A listening unix socket that outlives the process. */
  readonly adminSocketFd: number | undefined;
}

/** `pid`: the variables name the process that they are for, and a child may have inherited them. */
export function readServiceEnvironment(env: Environment, pid: number): ServiceEnvironment {
  return {
    notifySocket: env["NOTIFY_SOCKET"] === "" ? undefined : env["NOTIFY_SOCKET"],
    watchdogMs: watchdogMs(env, pid),
    adminSocketFd: adminSocketFd(env, pid),
  };
}

function watchdogMs(env: Environment, pid: number): number | undefined {
  const forPid = env["WATCHDOG_PID"];
  const micros = wholeNumber(env["WATCHDOG_USEC"]);
  if (micros === undefined || micros === 0 || (forPid !== undefined && Number(forPid) !== pid)) return undefined;
  return micros / 1000;
}

function adminSocketFd(env: Environment, pid: number): number | undefined {
  const count = wholeNumber(env["LISTEN_FDS"]);
  if (count === undefined || count === 0 || Number(env["LISTEN_PID"]) !== pid) return undefined;
  const names = env["LISTEN_FDNAMES"]?.split(":") ?? [];
  const named = names.indexOf("admin");
  if (named === -1 && count > 1) {
    throw new UmbradError("admin/cannot-listen", `${count} sockets were passed on and none is named admin`, {
      hint: "give the socket unit FileDescriptorName=admin",
    });
  }
  const fd = firstDescriptor + Math.max(0, named);
  if (!isSocket(fd)) {
    throw new UmbradError("admin/cannot-listen", `descriptor ${fd}, which LISTEN_FDS speaks of, is no socket`, {
      hint: "start the service by its socket unit, or without LISTEN_FDS",
    });
  }
  return fd;
}

function isSocket(fd: number): boolean {
  try {
    return fstatSync(fd).isSocket();
  } catch {
    // Not open at all.
    return false;
  }
}

function wholeNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
