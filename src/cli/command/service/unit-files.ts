/** The files of config/systemd with the paths of this installation in them, and where systemd looks for them. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

export interface Installation {
  /** The Node that runs this. */
  readonly node: string;
  /** umbrad.js. */
  readonly script: string;
  /** Of the user's service; a system service has systemd's own. */
  readonly stateDir: string;
  readonly isSealed: boolean;
}

export interface UnitFile {
  readonly path: string;
  readonly text: string;
}

/** What the files of config/systemd have in the places of these. */
const placeholders = { node: "/usr/bin/node", script: "/usr/lib/umbrad/dist/umbrad.js", stateDir: "/var/lib/umbrad" };
const templates = new URL("../../../../config/systemd/", import.meta.url);

/** For /etc of the system, or below another root. */
export function systemFiles(root: string, installation: Installation): readonly UnitFile[] {
  const etc = join(root, "etc");
  const { node, script } = installation;
  const service = commandsOf(template("umbrad.service"), { node, script });
  return [
    { path: join(etc, "systemd/system/umbrad.service"), text: service },
    { path: join(etc, "systemd/system/umbrad.socket"), text: template("umbrad.socket") },
    { path: join(etc, "sysusers.d/umbrad.conf"), text: template("umbrad.sysusers") },
    { path: join(etc, "tmpfiles.d/umbrad.conf"), text: template("umbrad.tmpfiles") },
  ];
}

/** For a user's own manager, below the directory of the user's configuration. */
export function userFiles(configHome: string, installation: Installation): readonly UnitFile[] {
  const { node, script, stateDir, isSealed } = installation;
  const sealed = commandsOf(template("user/umbrad.service"), { node, script, stateDir });
  const service = isSealed ? sealed : sealed.replace(" --passphrase-file %E/umbrad/passphrase", "");
  const listen = `ListenStream=${join(stateDir, "admin.sock").replaceAll("%", "%%")}`;
  const socket = template("user/umbrad.socket").replace(
    `ListenStream=${placeholders.stateDir}/admin.sock`,
    () => listen,
  );
  const directory = join(configHome, "systemd/user");
  return [
    { path: join(directory, "umbrad.service"), text: service },
    { path: join(directory, "umbrad.socket"), text: socket },
  ];
}

function template(name: string): string {
  return readFileSync(new URL(name, templates), "utf8");
}

type Words = Partial<Record<keyof typeof placeholders, string>>;

/** Only in the lines that are commands: elsewhere the same path may be systemd's. */
function commandsOf(text: string, words: Words): string {
  const lines = text.split("\n").map((line) => {
    if (!line.startsWith("Exec")) return line;
    const [name = "", ...rest] = line.split("=");
    const command = rest.join("=").split(" ");
    return `${name}=${command.map((word) => filledIn(word, words)).join(" ")}`;
  });
  return lines.join("\n");
}

function filledIn(word: string, words: Words): string {
  for (const name of ["node", "script", "stateDir"] as const) {
    const own = words[name];
    if (word === placeholders[name] && own !== undefined) return commandWord(own);
  }
  return word;
}

/** As a word of a command line of systemd, which knows quotes, escapes, specifiers and variables. */
function commandWord(text: string): string {
  const plain = text.replaceAll("%", "%%").replaceAll("$", "$$$$");
  return /^[\w@%+=:,./$-]+$/.test(plain) ? plain : `"${plain.replace(/["\\]/g, "\\$&")}"`;
}

/** What the system's unit shuts away from the daemon; undefined when it sees all that it needs. */
export function hiddenFromSystem({ node, script }: Installation): string | undefined {
  return [node, script].find((path) => /^\/(?:home|root|run\/user|tmp|var\/tmp)\//.test(path));
}
