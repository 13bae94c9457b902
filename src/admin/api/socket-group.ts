/** `[admin] socket_group`: the unix socket for a group of operators. Whoever is in it may do everything the owner may. */
import { chmod, chown, readFile, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { UmbradError } from "../../engine/errors.ts";

/** Before listening, so that a wrong setting stops the start. Throws `admin/cannot-listen`. */
export async function openDirectoryTo(group: string, socketPath: string, stateDir: string): Promise<void> {
  const directory = dirname(socketPath);
  if (directory === stateDir) {
    throw refused("the socket is inside the state directory, which is for its owner only", {
      hint: "put it elsewhere for the daemon and its commands: --socket PATH, or systemd's RuntimeDirectory=",
    });
  }
  await hand(directory, await gidOf(group), 0o750);
}

/** After listening: until then nobody but the owner gets in. */
export async function openSocketTo(group: string, socketPath: string): Promise<void> {
  await hand(socketPath, await gidOf(group), 0o660);
}

async function hand(path: string, gid: number, mode: number): Promise<void> {
  try {
    const { uid } = await stat(path);
    await chown(path, uid, gid);
    await chmod(path, mode);
  } catch (cause) {
    throw refused(`cannot give ${path} to the group ${gid}: ${cause instanceof Error ? cause.message : cause}`, {
      hint: "the daemon's user must own the directory and be a member of the group",
      cause,
    });
  }
}

/** Of a name in /etc/group, or a number as it is. Groups of a directory service are given as numbers. */
async function gidOf(group: string): Promise<number> {
  if (/^\d+$/.test(group)) return Number(group);
  const lines = (await readFile("/etc/group", "utf8")).split("\n");
  const gid = lines.map((line) => line.split(":")).find(([name]) => name === group)?.[2];
  if (gid !== undefined && /^\d+$/.test(gid)) return Number(gid);
  throw refused(`there is no group ${JSON.stringify(group)} in /etc/group`, {
    hint: "correct socket_group under [admin], or give its number",
  });
}

function refused(message: string, options: { readonly hint: string; readonly cause?: unknown }): UmbradError {
  return new UmbradError("admin/cannot-listen", message, options);
}
