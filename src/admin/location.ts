/** Where a daemon's directory and its admin socket are, and what is spoken there: one answer for it and for its callers. */
import { homedir } from "node:os";
import { isAbsolute, join, resolve } from "node:path";
import { UmbradError } from "../engine/errors.ts";

/** Both sides name it in the `umbrad-api` header; another major refuses to talk (exit 76). */
export const API_VERSION = "1";

/** The environment, given so that nothing here reads the process. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** `--state-dir`, `$UMBRAD_STATE_DIR`, systemd's `$STATE_DIRECTORY`, else the XDG state directory. */
export function resolveStateDir(flag: string | undefined, env: Environment): string {
  const given = present(flag) ?? present(env["UMBRAD_STATE_DIR"]) ?? firstOf(env["STATE_DIRECTORY"]);
  return given === undefined ? join(stateHome(env), "umbrad") : resolve(given);
}

/** The devnet is another program with another life: its default directory is its own. */
export function resolveDevnetDir(flag: string | undefined, env: Environment): string {
  const given = present(flag);
  return given === undefined ? join(stateHome(env), "umbrad-devnet") : resolve(given);
}

/** `--socket`, `$UMBRAD_SOCKET`, systemd's `$RUNTIME_DIRECTORY`, else inside the state directory. */
export function resolveSocketPath(flag: string | undefined, stateDir: string, env: Environment): string {
  const given = present(flag) ?? present(env["UMBRAD_SOCKET"]);
  if (given !== undefined) return resolve(given);
  return join(firstOf(env["RUNTIME_DIRECTORY"]) ?? stateDir, "admin.sock");
}

/** `sockaddr_un.sun_path` has 108 bytes with its final zero; Node would cut a longer path silently or fail obscurely. */
const socketPathBytesMax = 107;

/** Refuses what the kernel cannot bind, with advice instead of EINVAL. */
export function checkSocketPath(path: string): void {
  const bytes = Buffer.byteLength(path);
  if (bytes <= socketPathBytesMax) return;
  throw new UmbradError(
    "admin/socket-path-too-long",
    `the admin socket path has ${bytes} bytes and a unix socket allows ${socketPathBytesMax}: ${path}`,
    {
      hint: "choose a shorter one: --socket /tmp/umbrad.sock (or $UMBRAD_SOCKET), for the daemon and for its commands",
    },
  );
}

function stateHome(env: Environment): string {
  const xdg = present(env["XDG_STATE_HOME"]);
  // The XDG specification: a relative path in these variables is invalid and ignored.
  if (xdg !== undefined && isAbsolute(xdg)) return xdg;
  return join(present(env["HOME"]) ?? homedir(), ".local", "state");
}

function present(value: string | undefined): string | undefined {
  return value === undefined || value === "" ? undefined : value;
}

/** systemd joins several directories with colons. */
function firstOf(value: string | undefined): string | undefined {
  return present(value?.split(":")[0]);
}

/** Where the TCP listener is to be. */
export interface TcpPlace {
  readonly host: "127.0.0.1" | "::1";
  /** 0: any free one. */
  readonly port: number;
}

/** `127.0.0.1:7777` or `[::1]:7777`. undefined for every other place: the API is for this machine only. */
export function parseTcpPlace(text: string): TcpPlace | undefined {
  const [, host, digits] = /^(127\.0\.0\.1|\[::1\]|::1):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (host === undefined || port > 65_535) return undefined;
  return { host: host === "127.0.0.1" ? host : "::1", port };
}
