/** The identity out of a state, and into a new one: as words on paper, or as a sealed file. Works beside a running daemon. */
import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from "node:fs";
import {
  decodeIdentity,
  encodeIdentity,
  fromRecoveryWords,
  type PortableIdentity,
  recoveryWords,
} from "../../conversation/inbox-v1/identity/portable.ts";
import { type InboxState, identityOf } from "../../conversation/inbox-v1/state.ts";
import { inboxStateCodec } from "../../conversation/inbox-v1/state-codec.ts";
import { UmbradError } from "../../engine/errors.ts";
import type { StoredConversation } from "../../engine/ports.ts";
import { readConversation } from "../../sqlite/backup/inspect.ts";
import { openStore, storeFile } from "../../sqlite/open.ts";
import { openBytes, sealBytes } from "../../sqlite/secret/sealed-bytes.ts";
import type { SealSource } from "../../sqlite/wrapped-key.ts";
import { systemClock } from "../clock.ts";

export type { PortableIdentity } from "../../conversation/inbox-v1/identity/portable.ts";

/** No identity file is larger. */
const fileBytesMax = 16_384;

export interface IdentityFile {
  readonly clientAddress: string;
  readonly file: string;
}

export async function wordsOf(
  stateDir: string,
  passphrase: Uint8Array | undefined,
): Promise<{ readonly clientAddress: string; readonly words: readonly string[] }> {
  const state = await inboxOf(stateDir, passphrase);
  return { clientAddress: identityOf(state).clientAddress, words: recoveryWords(state) };
}

/** Never over a file that is there. */
export async function exportIdentity(
  stateDir: string,
  file: string,
  passphrases: { readonly state: Uint8Array | undefined; readonly file: Uint8Array },
): Promise<IdentityFile> {
  const state = await inboxOf(stateDir, passphrases.state);
  const text = await sealBytes(encodeIdentity(state), passphrases.file, systemClock.random);
  try {
    const fd = openSync(file, "wx", 0o600);
    try {
      writeSync(fd, text);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  } catch (cause) {
    const reason = cause instanceof Error && "code" in cause ? String(cause.code) : "unknown";
    throw new UmbradError("cli/cannot-save-file", `cannot write ${file} (${reason})`, {
      hint: "choose a name that is free",
      cause,
    });
  }
  return { clientAddress: identityOf(state).clientAddress, file };
}

export async function importIdentity(file: string, passphrase: Uint8Array): Promise<PortableIdentity> {
  let text: string;
  try {
    text = readFileSync(file, "utf8").slice(0, fileBytesMax);
  } catch (cause) {
    const reason = cause instanceof Error && "code" in cause ? String(cause.code) : "unknown";
    throw new UmbradError("cli/cannot-read-file", `cannot read ${file} (${reason})`, { cause });
  }
  const identity = decodeIdentity(await openBytes(text, passphrase));
  if (identity !== undefined) return identity;
  throw new UmbradError("identity/malformed", `${file} holds no identity`);
}

export function identityOfWords(bytes: Uint8Array): PortableIdentity {
  const identity = fromRecoveryWords(Buffer.from(bytes).toString("latin1"));
  if (!("fault" in identity)) return identity;
  // Never the words themselves.
  throw new UmbradError("identity/bad-words", `these are no recovery words: ${identity.fault}`, {
    hint: "compare them with your paper, one by one",
  });
}

async function inboxOf(stateDir: string, passphrase: Uint8Array | undefined): Promise<InboxState> {
  const seal = passphrase === undefined ? undefined : ({ kind: "passphrase", passphrase } as const);
  const inbox = await storedInbox(stateDir, seal);
  if (inbox === undefined)
    throw new UmbradError("store/not-initialised", "this state has no identity", { hint: "umbrad init" });
  return inboxStateCodec.decode(inbox.state);
}

/** Beside a running daemon too, which has the lock: who one is never changes, so any committed state says it. */
async function storedInbox(stateDir: string, seal: SealSource | undefined): Promise<StoredConversation | undefined> {
  const { random } = systemClock;
  try {
    const store = await openStore({ stateDir, seal, random });
    try {
      return store.conversation(0);
    } finally {
      store.close();
    }
  } catch (error) {
    if (!(error instanceof UmbradError) || error.code !== "store/locked") throw error;
    return await readConversation(storeFile(stateDir), 0, { seal, random });
  }
}
