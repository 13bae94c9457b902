/** `umbrad service`: files for systemd. They are written, never started: that is the operator's command. */
import { existsSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, isAbsolute, join } from "node:path";
import { UmbradError } from "../../../engine/errors.ts";
import { globalFlags, type Session } from "../../session.ts";
import { hiddenFromSystem, systemFiles, type UnitFile, userFiles } from "./unit-files.ts";

export interface ServiceOptions {
  readonly user?: boolean;
  readonly root?: string;
}

export async function print(session: Session, options: ServiceOptions): Promise<void> {
  const { files, hidden } = await planOf(session, options);
  if (hidden !== undefined) session.output.note(`warning: ${hiddenText(hidden)}`);
  const text = files.map((file) => `# ${file.path}\n${file.text}`).join("\n");
  session.output.answer({ files }, text);
}

export async function install(session: Session, options: ServiceOptions): Promise<void> {
  const { files, next, hidden } = await planOf(session, options);
  if (hidden !== undefined) {
    throw new UmbradError("service/hidden", hiddenText(hidden), {
      hint: "install Node.js and umbrad for all users (sudo npm install --global umbrad), or use --user",
    });
  }
  const missing = files.filter(isToWrite);
  for (const file of missing) await write(file);
  const written = missing.map(({ path }) => path);
  const unchanged = files.map(({ path }) => path).filter((path) => !written.includes(path));
  const lines = [...written.map((path) => `written    ${path}`), ...unchanged.map((path) => `unchanged  ${path}`)];
  session.output.answer({ written, unchanged, next }, lines.join("\n"));
  session.output.note(`Nothing was started. Next:\n${next.map((command) => `  ${command}`).join("\n")}`);
}

/** All of them before one is written: what somebody has changed is not ours to lose. */
function isToWrite({ path, text }: UnitFile): boolean {
  if (!existsSync(path)) return true;
  if (readFileSync(path, "utf8") === text) return false;
  throw new UmbradError("service/exists", `${path} exists and differs`, {
    hint: "keep your changes with systemctl edit umbrad, move the file away, and repeat; umbrad service print shows the new one",
  });
}

async function write({ path, text }: UnitFile): Promise<void> {
  const { makeDirectories } = await import("../../../sqlite/lock.ts");
  try {
    makeDirectories(dirname(path), 0o755);
    writeFileSync(path, text, { mode: 0o644, flag: "wx" });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new UmbradError("service/cannot-write", `cannot write ${path}: ${reason}`, {
      hint: "run it as root for a system service, or with --user for one of your own",
      cause,
    });
  }
}

function hiddenText(path: string): string {
  return `a system service does not see ${path}: home and temporary directories are shut to it`;
}

interface Plan {
  /** What the service could not see of this installation. */
  readonly hidden: string | undefined;
  readonly files: readonly UnitFile[];
  /** The commands that make a running service of them. */
  readonly next: readonly string[];
}

async function planOf({ env, stateDir }: Session, { user = false, root }: ServiceOptions): Promise<Plan> {
  if (user && root !== undefined) {
    throw new UmbradError("cli/usage", "--root is for a system service", { hint: "leave out --root or --user" });
  }
  const { stateKind } = await import("../../../daemon/state-kind.ts");
  // A system service's state is another user's: it is taken for sealed.
  const kind = user ? stateKind(stateDir) : "sealed";
  const place = { node: process.execPath, script: realpathSync(process.argv[1] ?? ""), stateDir };
  const installation = { ...place, isSealed: kind !== "plaintext" };
  if (!user) {
    const hidden = hiddenFromSystem(installation);
    return { files: systemFiles(root ?? "/", installation), next: systemCommands, hidden };
  }
  const given = env["XDG_CONFIG_HOME"];
  const home = given !== undefined && isAbsolute(given) ? given : join(env["HOME"] ?? homedir(), ".config");
  const init = `umbrad init${globalFlags({ stateDir })} --passphrase-file ${join(home, "umbrad/passphrase")}`;
  const next = ["systemctl --user daemon-reload", "systemctl --user enable --now umbrad.socket umbrad.service"];
  return { files: userFiles(home, installation), next: kind === "none" ? [init, ...next] : next, hidden: undefined };
}

const systemCommands = [
  "systemd-sysusers && systemd-tmpfiles --create",
  "(umask 027; head -c 32 /dev/urandom | base64 > /etc/umbrad/passphrase) && chgrp umbrad /etc/umbrad/passphrase",
  "sudo -u umbrad umbrad init --state-dir /var/lib/umbrad --passphrase-file /etc/umbrad/passphrase",
  "systemctl daemon-reload && systemctl enable --now umbrad.socket umbrad.service",
];
