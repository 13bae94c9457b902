/** What the doctor sees of the machine: Node.js, descriptors, disk. */
import { existsSync, readFileSync, statfsSync } from "node:fs";
import { dirname } from "node:path";
import { type Examination, fine, found } from "./finding.ts";

const testedMajor = 24;
/** 64 callers on each listener, the peers, the database's files, and as much again. */
const filesMin = 512;
/** A migration copies the database, and a day of a busy node writes some tens of MiB. */
const freeBytesMin = 256 * 1024 * 1024;

export function examineNode(version: string): Examination {
  const major = Number(version.split(".")[0]);
  if (major === testedMajor) return fine("node", `Node.js ${version}`);
  const what = `this is Node.js ${version}; umbrad is tested with ${testedMajor}`;
  return found("doctor/node", what, `run umbrad with Node.js ${testedMajor}, for instance: nvm install ${testedMajor}`);
}

/** Of this process: a daemon started in the same way has the same. undefined where the system does not tell. */
export function readFileLimit(file = "/proc/self/limits"): string | undefined {
  return existsSync(file) ? readFileSync(file, "utf8") : undefined;
}

export function examineFileLimit(limits: string | undefined): Examination {
  const soft = /^Max open files\s+(\d+|unlimited)/m.exec(limits ?? "")?.[1];
  if (soft === undefined) return fine("file-limit", "this system does not tell");
  if (soft === "unlimited" || Number(soft) >= filesMin) return fine("file-limit", `${soft} open files`);
  const what = `a process may open ${soft} files; umbrad wants ${filesMin}`;
  return found("doctor/file-limit", what, "ulimit -n 4096, or LimitNOFILE=4096 in the systemd unit");
}

export function examineDisk(stateDir: string, statfs: typeof statfsSync = statfsSync): Examination {
  const { bavail, bsize } = statfs(existingParent(stateDir));
  const free = bavail * bsize;
  const text = `${Math.floor(free / 1024 / 1024)} MiB free for ${stateDir}`;
  if (free >= freeBytesMin) return fine("disk-space", text);
  return found("doctor/disk-space", text, `df -h ${existingParent(stateDir)}, then delete something or move the state`);
}

/** Before `init` the directory is not there yet. */
function existingParent(path: string): string {
  return existsSync(path) || dirname(path) === path ? path : existingParent(dirname(path));
}
