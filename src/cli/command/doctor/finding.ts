/** What `umbrad doctor` can find. Codes are stable: scripts rely on them. docs/doctor.md is this table for people. */

/** Code → why it matters. */
export const findingCodes = {
  "doctor/node": "umbrad is tested with one major version of Node.js; another may behave differently",
  "doctor/file-limit": "every connection and file takes a descriptor; without one the daemon refuses callers and peers",
  "doctor/disk-space": "when the disk is full nothing can be committed: the daemon takes no message and sends none",
  "doctor/not-initialised": "without a state there is no identity to run",
  "doctor/state-permissions": "other users could read keys and messages, so the daemon refuses to start",
  "doctor/state-owner": "the daemon can only use a state of its own user",
  "doctor/database": "the daemon cannot start with a database that it cannot read",
  "doctor/schema": "the database was written by a newer umbrad, which this one cannot read",
  "doctor/passphrase": "without its passphrase a sealed state cannot be opened",
  "doctor/config": "a daemon does not start with a wrong configuration, and a running one does not reload it",
  "doctor/service-node": "fewer service nodes mean that less may fail before nothing is sent or received",
  "doctor/socket": "commands reach the daemon through this socket",
  "doctor/daemon": "messages are neither sent nor received while no daemon runs",
  "doctor/daemon-version": "after an upgrade the old daemon runs on until it is restarted",
  "doctor/daemon-state": "a daemon that is starting or stopping takes no messages",
  "doctor/store": "nothing can be committed: the daemon takes no message and sends none",
  "doctor/peers": "without a connected service node nothing is sent or received",
  "doctor/subscriptions": "service nodes push only what was subscribed",
  "doctor/canary": "what is published does not come back, so received messages may be missing",
  "doctor/silent-node": "a service node that pushes nothing leaves the others to carry everything",
  "doctor/clock": "service nodes archive nothing that is more than 20 s off their clock",
  "doctor/history": "messages from the time without a connection are not all read yet",
  "doctor/outbox": "messages that do not leave are not delivered",
  "doctor/parked": "a fault of this node keeps received messages from being read",
  "doctor/backup": "what happened since the last backup is lost with the disk",
  "doctor/consumer-behind": "a program that does not acknowledge misses what retention deletes",
} as const;

export type FindingCode = keyof typeof findingCodes;

/** One thing that is to be mended. */
export interface Finding {
  readonly code: FindingCode;
  readonly what: string;
  readonly why: string;
  /** A command, or what to do. */
  readonly fix: string;
}

/** One thing that was looked at. */
export interface Examination {
  readonly name: string;
  /** What was seen; of a finding its `what`. */
  readonly text: string;
  readonly finding?: Finding;
}

export function fine(name: string, text: string): Examination {
  return { name, text };
}

export function found(code: FindingCode, what: string, fix: string): Examination {
  return { name: code.slice("doctor/".length), text: what, finding: { code, what, why: findingCodes[code], fix } };
}
