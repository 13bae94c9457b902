/** What the doctor sees of the running daemon: whether it answers, and what it says of itself. */
import { existsSync } from "node:fs";
import type { ConsumerJson, HealthView, StatusView } from "../../../admin/views.ts";
import { UmbradError } from "../../../engine/errors.ts";
import { VERSION } from "../../package-version.ts";
import type { Session } from "../../session.ts";
import { type Examination, type FindingCode, fine, found } from "./finding.ts";

/** A daemon that is not there costs no time; one that hangs is a finding. */
const answerMs = 5_000;

export async function examineDaemon(session: Session): Promise<Examination[]> {
  const { socketPath, commandFlags: flags, timeoutMs } = session;
  try {
    const admin = await session.admin(timeoutMs ?? answerMs);
    const status = await admin.get<StatusView>("/v1/status");
    const health = await admin.get<HealthView>("/v1/health");
    const running = [fine("daemon", `pid ${status.pid} answers at ${socketPath}`), examineVersion(status, flags)];
    if (status.state === "starting" || status.state === "draining") {
      return [...running, found("doctor/daemon-state", `the daemon is ${status.state}`, `umbrad wait ready${flags}`)];
    }
    const { consumers } = await admin.get<{ consumers: ConsumerJson[] }>("/v1/consumers");
    return [
      ...running,
      ...health.checks.map((check) => examineCheck(check, flags)),
      ...examineCanary(status, flags),
      examineParked(status, flags),
      examineBackup(status, flags),
      ...consumers.map((consumer) => examineConsumer(consumer, flags)),
    ];
  } catch (error) {
    if (!(error instanceof UmbradError)) throw error;
    return [unreachable(error, socketPath)];
  }
}

function unreachable(error: UmbradError, socketPath: string): Examination {
  const fix = error.hint ?? "umbrad run";
  if (error.code !== "daemon/unreachable") return found("doctor/socket", error.message, fix);
  const left = existsSync(socketPath) ? "; the daemon that made it ended without removing it" : "";
  return found("doctor/daemon", `${error.message}${left}`, fix);
}

function examineVersion({ version }: StatusView, flags: string): Examination {
  if (version === VERSION) return fine("daemon-version", version);
  const what = `the daemon is umbrad ${version}, this command is ${VERSION}`;
  return found("doctor/daemon-version", what, `umbrad stop${flags}, then start it again`);
}

type Check = HealthView["checks"][number];

/** What to do about each check of `umbrad health`. */
const remedies: Readonly<Record<Check["name"], string>> = {
  store: "make room on the disk and look at its health: df -h, dmesg; then umbrad log tail --level warn",
  peers: "umbrad log tail --component waku --level debug shows why; name other nodes under [network] peers",
  subscriptions: "umbrad log tail --component waku --level debug; it is repeated by itself",
  canary: "name other service nodes under [network] peers, then umbrad reload",
  clock: "timedatectl set-ntp true",
  history: "umbrad wait synced; if it does not end, name a Store node under [network] peers",
  outbox: "umbrad outbox list shows what waits and why",
};

function examineCheck({ name, ok, text, data }: Check, flags: string): Examination {
  const secondsOff = Number(data["secondsOff"] ?? 0);
  // The daemon makes up for a wrong clock, so it calls itself healthy; somebody should set it all the same.
  if (ok && !(name === "clock" && secondsOff !== 0)) return fine(name, text);
  return found(`doctor/${name}` satisfies FindingCode, text, withFlags(remedies[name], flags));
}

/** So that the command works as it stands. */
function withFlags(text: string, flags: string): string {
  return text.replace(/umbrad (?:log tail|outbox list|wait synced|reload)/g, (command) => `${command}${flags}`);
}

function examineCanary({ canary }: StatusView, flags: string): Examination[] {
  return (canary?.silentNodes ?? []).map((node) => {
    const fix = `name another one under [network] peers, then umbrad reload${flags}`;
    return found("doctor/silent-node", `the service node ${node} pushes nothing`, fix);
  });
}

function examineParked({ parked }: StatusView, flags: string): Examination {
  if (parked === 0) return fine("parked", "none");
  const what = `${parked} received envelopes could not be read`;
  return found("doctor/parked", what, `umbrad parked list${flags}, then umbrad parked retry${flags}`);
}

/** Two of them with a timer of a week: one was missed. */
const backupAgeMaxMs = 8 * 24 * 3_600_000;

/** Who never made one may copy the disk in another way; who did means to go on. */
function examineBackup({ backedUpAt }: StatusView, flags: string): Examination {
  if (backedUpAt === null) return fine("backup", "none was made by umbrad store backup");
  const ageMs = Date.now() - Date.parse(backedUpAt);
  if (ageMs <= backupAgeMaxMs) return fine("backup", `the last one was verified at ${backedUpAt}`);
  const what = `the last backup was made ${Math.floor(ageMs / 86_400_000)} days ago, at ${backedUpAt}`;
  return found("doctor/backup", what, `umbrad store backup${flags} DIRECTORY`);
}

/** Retention keeps at least a million events, so this is far from a loss, and more than a short stop leaves. */
const behindMax = 10_000;

function examineConsumer({ name, behind, ackedAt }: ConsumerJson, flags: string): Examination {
  if (behind <= behindMax) return fine("consumer-behind", `${name}: ${behind} events`);
  const what = `the consumer ${name} is ${behind} events behind, last acknowledged ${ackedAt}`;
  const fix = `start its program, or forget it: umbrad event consumers drop${flags} ${name}`;
  return found("doctor/consumer-behind", what, fix);
}
