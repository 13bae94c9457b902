/** `umbrad init`: a directory with a store, an identity and a configuration file. Repeating an interrupted one finishes it. */
import { chmodSync, closeSync, existsSync, fsyncSync, openSync, readdirSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import type { PortableIdentity } from "../conversation/inbox-v1/identity/portable.ts";
import { inboxV1 } from "../conversation/inbox-v1/inbox-v1.ts";
import { UmbradError } from "../engine/errors.ts";
import { initialiseState } from "../engine/initialise.ts";
import type { Store } from "../engine/ports.ts";
import { makeDirectories } from "../sqlite/lock.ts";
import { createStore, isSealed, openStore } from "../sqlite/open.ts";
import { systemClock } from "./clock.ts";
import type { Config } from "./config/config.ts";
import { renderConfigFile } from "./config/config-file.ts";
import { hasIdentity, stateKind } from "./state-kind.ts";

export interface InitRequest {
  readonly stateDir: string;
  /** undefined: unsealed, and asked for by name. */
  readonly passphrase: Uint8Array | undefined;
  readonly config: Config;
  readonly configFile: string;
  /** undefined: a new one. */
  readonly identity?: PortableIdentity | undefined;
}

export interface Initialised {
  readonly clientAddress: string;
  readonly stateDir: string;
  readonly sealed: boolean;
  readonly network: string;
}

export async function initialise(request: InitRequest): Promise<Initialised> {
  const { stateDir, passphrase, config, configFile } = request;
  makePrivateDirectory(stateDir);
  // Before the store: what exists with a store counts as initialised, so the store comes last.
  if (!existsSync(configFile)) writeNewFile(configFile, renderConfigFile(config));
  const store = await newOrUnfinishedStore(stateDir, passphrase);
  try {
    const clientAddress = initialiseState({ store, clock: systemClock, inbox: inboxV1, opening: request.identity });
    return { clientAddress, stateDir, sealed: passphrase !== undefined, network: config.network.name };
  } finally {
    store.close();
  }
}

/** `store/exists` for a state that has its identity; one whose init was interrupted may be finished. */
export function refuseInitialised(stateDir: string): void {
  if (stateKind(stateDir) !== "none" && hasIdentity(stateDir)) throw alreadyInitialised(stateDir);
}

async function newOrUnfinishedStore(stateDir: string, passphrase: Uint8Array | undefined): Promise<Store> {
  const seal =
    passphrase === undefined ? ({ kind: "plaintext" } as const) : ({ kind: "passphrase", passphrase } as const);
  const { random } = systemClock;
  if (isSealed(stateDir) === undefined) return createStore({ stateDir, seal, random });
  const store = await openUnfinished(stateDir, passphrase === undefined ? undefined : seal);
  // Killed between its two commits: the store has no identity yet.
  if (store?.conversation(0) === undefined && store !== undefined) return store;
  store?.close();
  throw alreadyInitialised(stateDir);
}

/** undefined when it cannot be opened so: then it is somebody's state, and not ours to finish. */
async function openUnfinished(
  stateDir: string,
  seal: Parameters<typeof openStore>[0]["seal"],
): Promise<Store | undefined> {
  try {
    return await openStore({ stateDir, seal, random: systemClock.random });
  } catch (error) {
    if (error instanceof UmbradError) return undefined;
    throw error;
  }
}

function alreadyInitialised(stateDir: string): UmbradError {
  return new UmbradError("store/exists", `${stateDir} is initialised already`, {
    hint: "umbrad run, or choose another --state-dir",
  });
}

function makePrivateDirectory(path: string): void {
  try {
    makeDirectories(path);
    // An empty directory was made for us (mkdir, a fresh volume); a used one is not ours to change.
    if (readdirSync(path).length === 0) chmodSync(path, 0o700);
  } catch (error) {
    throw cannotCreate(path, error);
  }
}

function writeNewFile(path: string, text: string): void {
  try {
    makeDirectories(dirname(path));
    const fd = openSync(path, "wx", 0o600);
    try {
      writeSync(fd, text);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    throw cannotCreate(path, error);
  }
}

function cannotCreate(path: string, cause: unknown): UmbradError {
  const reason = cause instanceof Error && "code" in cause ? String(cause.code) : "unknown";
  return new UmbradError("state/cannot-create", `cannot create ${path} (${reason})`, {
    hint: "choose a place that you may write to: --state-dir DIR",
    cause,
  });
}
