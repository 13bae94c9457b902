/** What a node keeps to have the same multiaddr after a restart: its peer key and its ports. */
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join, resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { generateKeyPair, privateKeyFromProtobuf, privateKeyToProtobuf } from "@libp2p/crypto/keys";
import type { PrivateKey } from "@libp2p/interface";

/** The devnet cannot start; `code` is stable. */
export class DevnetError extends Error {
  override readonly name = "DevnetError";
  readonly code:
    | "devnet/port-in-use"
    | "devnet/state-dir-in-use"
    | "devnet/bad-peer-key"
    | "devnet/bad-option"
    | "devnet/cannot-create";

  constructor(code: DevnetError["code"], message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

/** The TCP ports of the two transports. */
export interface Ports {
  readonly tcp: number;
  readonly websocket: number;
}

/** Creates the directory, readable by its owner only. */
export function makeStateDir(stateDir: string): void {
  const missing: string[] = [];
  for (let at = resolve(stateDir); !existsSync(at); at = dirname(at)) missing.unshift(at);
  // One by one: where a file system makes no directories (/proc), Node's `recursive` never returns.
  for (const directory of missing) makeOne(directory);
}

function makeOne(directory: string): void {
  try {
    mkdirSync(directory, { mode: 0o700 });
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
    if (code === "EEXIST") return;
    throw new DevnetError("devnet/cannot-create", `cannot create ${directory} (${code})`, cause);
  }
}

/** Holds the directory for one node. The system lets go of the lock when the process dies, however it dies. */
export function lockStateDir(stateDir: string): () => void {
  const database = openLock(stateDir);
  try {
    database.exec("BEGIN EXCLUSIVE");
  } catch (cause) {
    database.close();
    const isHeld = cause instanceof Error && "errcode" in cause && cause.errcode === sqliteBusy;
    if (isHeld) throw new DevnetError("devnet/state-dir-in-use", `another devnet runs in ${stateDir}`, cause);
    throw unusable(stateDir, cause);
  }
  return () => database.close();
}

const sqliteBusy = 5;

function openLock(stateDir: string): DatabaseSync {
  try {
    return new DatabaseSync(join(stateDir, "lock.db"));
  } catch (cause) {
    throw unusable(stateDir, cause);
  }
}

function unusable(stateDir: string, cause: unknown): DevnetError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new DevnetError("devnet/cannot-create", `cannot write into ${stateDir}: ${reason}`, cause);
}

/** The node's key: its peer id is part of the multiaddr that clients have in their configuration. */
export async function loadPeerKey(stateDir: string): Promise<PrivateKey> {
  const path = join(stateDir, "peer.key");
  if (existsSync(path)) {
    try {
      return privateKeyFromProtobuf(readFileSync(path));
    } catch (cause) {
      throw new DevnetError("devnet/bad-peer-key", `${path} is not a peer key; remove it to get a new one`, cause);
    }
  }
  const key = await generateKeyPair("Ed25519");
  replaceFile(path, privateKeyToProtobuf(key));
  return key;
}

/** The ports of the last run; none on the first. */
export function loadPorts(stateDir: string): Partial<Ports> {
  const path = portsPath(stateDir);
  if (!existsSync(path)) return {};
  try {
    const { tcp, websocket } = JSON.parse(readFileSync(path, "utf8")) as Partial<Record<keyof Ports, unknown>>;
    return { ...(isPort(tcp) ? { tcp } : {}), ...(isPort(websocket) ? { websocket } : {}) };
  } catch {
    // A damaged file costs nothing but new ports.
    return {};
  }
}

/** Remembers the ports for the next run. */
export function savePorts(stateDir: string, ports: Ports): void {
  replaceFile(portsPath(stateDir), Buffer.from(`${JSON.stringify(ports)}\n`));
}

/** The port to listen on: the asked one or nothing, else the remembered one if it is free, else any (0). */
export async function choosePort(asked: number | undefined, remembered: number | undefined): Promise<number> {
  if (asked !== undefined && asked !== 0) {
    if (!isPort(asked)) throw new DevnetError("devnet/bad-option", `${asked} is not a port`);
    if (!(await isFree(asked))) throw new DevnetError("devnet/port-in-use", `port ${asked} is in use`);
    return asked;
  }
  return asked === undefined && remembered !== undefined && (await isFree(remembered)) ? remembered : 0;
}

function isPort(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value > 0 && value < 65_536;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
  });
}

function portsPath(stateDir: string): string {
  return join(stateDir, "ports.json");
}

/** Whole or not at all, whatever happens while writing, and for the owner's eyes only. */
function replaceFile(path: string, bytes: Uint8Array): void {
  const temporary = `${path}.new`;
  writeFileSync(temporary, bytes, { mode: 0o600 });
  chmodSync(temporary, 0o600);
  renameSync(temporary, path);
}
