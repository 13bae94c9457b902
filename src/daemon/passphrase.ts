/**
 * Where a program gets a passphrase from: a file, an open descriptor, a systemd credential. Never an argument or a variable,
 * because other users and crash reports see those. The value is never logged and never part of an error.
 */
import { closeSync, existsSync, fstatSync, openSync, readSync, statSync } from "node:fs";
import { join } from "node:path";
import { UmbradError } from "../engine/errors.ts";
import { withNotice } from "./pipe-notice.ts";

export interface PassphraseSources {
  readonly file?: string | undefined;
  readonly fd?: number | undefined;
  /** systemd's `$CREDENTIALS_DIRECTORY`. */
  readonly credentialsDirectory?: string | undefined;
}

/** Nobody has a longer one; a device or a wrong file would never end. */
export const passphraseBytesMax = 4_096;

/** undefined: no source was given. What was given explicitly goes before the credential. */
export function readPassphrase(sources: PassphraseSources): Uint8Array | undefined {
  const { file, fd, credentialsDirectory } = sources;
  if (file !== undefined && fd !== undefined) {
    throw new UmbradError("cli/usage", "--passphrase-file and --passphrase-fd exclude each other", {
      hint: "give one of them",
    });
  }
  if (fd !== undefined) return checked(readDescriptor(fd, `descriptor ${fd}`), `descriptor ${fd}`);
  if (file !== undefined) return readFile(file, true);
  if (credentialsDirectory === undefined || credentialsDirectory === "") return undefined;
  const credential = join(credentialsDirectory, "passphrase");
  // systemd guards this directory itself, with an ACL whose group bits look open.
  return existsSync(credential) ? readFile(credential, false) : undefined;
}

function readFile(path: string, mustBePrivate: boolean): Uint8Array {
  if (isPipe(path)) return withNotice(`a writer of the pipe ${path}`, () => readOpened(path, mustBePrivate));
  return readOpened(path, mustBePrivate);
}

/** Of a shell, as <(command), or a named one whose writer may never come. */
function isPipe(path: string): boolean {
  try {
    return statSync(path).isFIFO();
  } catch (error) {
    throw unreadable(path, error);
  }
}

function readOpened(path: string, mustBePrivate: boolean): Uint8Array {
  let fd: number;
  try {
    fd = openSync(path, "r");
  } catch (error) {
    throw unreadable(path, error);
  }
  try {
    if (mustBePrivate) checkExposure(fd, path);
    return checked(readDescriptor(fd, path), path);
  } finally {
    closeSync(fd);
  }
}

/**
 * The mode of the opened file, so that nobody can swap it in between. A pipe of the shell has no other readers. Who may
 * write it chooses the passphrase, so that is refused; who may read it is warned of, because the default umask does it.
 */
function checkExposure(fd: number, path: string): void {
  const stat = fstatSync(fd);
  if (!stat.isFile() || process.platform === "win32") return;
  const mode = (stat.mode & 0o777).toString(8);
  const hint = `chmod 600 ${path}`;
  if ((stat.mode & 0o002) !== 0) {
    throw new UmbradError("passphrase/exposed", `every user may write ${path} (mode ${mode})`, { hint });
  }
  if ((stat.mode & 0o004) !== 0) console.error(`warning: every user may read ${path} (mode ${mode}): ${hint}`);
}

function readDescriptor(fd: number, name: string): Uint8Array {
  const buffer = new Uint8Array(passphraseBytesMax + 2);
  let length = 0;
  try {
    while (length < buffer.length) {
      const count = readWaiting(fd, buffer.subarray(length));
      if (count === 0) break;
      length += count;
    }
  } catch (error) {
    throw unreadable(name, error);
  }
  return buffer.subarray(0, length);
}

/** How long a pipe that does not wait is left alone before the next look. */
const PIPE_PAUSE_MS = 20;

/**
 * Waits for a slow writer also where the descriptor itself does not: Node sets standard input so as soon as any module
 * imports `process`, and descriptors that are shared with another program may have been set so by that.
 */
function readWaiting(fd: number, into: Uint8Array): number {
  for (;;) {
    try {
      return readSync(fd, into, 0, into.length, null);
    } catch (error) {
      if (codeOf(error) !== "EAGAIN") throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PIPE_PAUSE_MS);
    }
  }
}

function checked(bytes: Uint8Array, name: string): Uint8Array {
  const passphrase = withoutFinalNewline(bytes);
  if (passphrase.length === 0) {
    throw new UmbradError("passphrase/empty", `${name} gives an empty passphrase`, {
      hint: `put one into it, for instance: head -c 32 /dev/urandom | base64`,
    });
  }
  if (passphrase.length > passphraseBytesMax) {
    throw new UmbradError("passphrase/too-long", `${name} gives more than ${passphraseBytesMax} bytes`, {
      hint: "is it the right file?",
    });
  }
  return passphrase;
}

/** Editors and `echo` add one; only one is dropped, so that it cannot hide that a file has more than a passphrase. */
function withoutFinalNewline(bytes: Uint8Array): Uint8Array {
  if (bytes.at(-1) !== 0x0a) return bytes;
  return bytes.subarray(0, bytes.at(-2) === 0x0d ? -2 : -1);
}

function unreadable(name: string, cause: unknown): UmbradError {
  return new UmbradError("passphrase/unreadable", `cannot read the passphrase from ${name} (${codeOf(cause)})`, {
    hint: "check --passphrase-file F or --passphrase-fd N",
    cause,
  });
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "unknown";
}
