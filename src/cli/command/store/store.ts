/** `umbrad store …`: the database as a file. `backup` asks the daemon, the others work on files. */
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import type { BackupJson } from "../../../admin/views.ts";
import { stateKind } from "../../../daemon/state-kind.ts";
import {
  checkSeal,
  checkSealOfFile,
  checkState,
  isFileSealed,
  rekeyState,
  restoreState,
  type StoreFacts,
  storeInfo,
  verifyBackup,
} from "../../../daemon/store/store-files.ts";
import { UmbradError } from "../../../engine/errors.ts";
import { fieldLines } from "../../output.ts";
import { chosen, given, type PassphraseOptions, typed } from "../../passphrase/passphrase.ts";
import type { Session } from "../../session.ts";

/** A large database takes its time, and the daemon answers when the copy is verified. */
const BACKUP_TIMEOUT_MS = 30 * 60_000;

export function info({ stateDir, output }: Session): void {
  requireState(stateDir);
  const facts = storeInfo(stateDir);
  output.answer(facts, factsText(facts));
}

export function check({ stateDir, output }: Session): void {
  requireState(stateDir);
  const facts = checkState(stateDir);
  output.answer({ ok: true, ...facts }, `ok\n${factsText(facts)}`);
}

export async function backup(session: Session, directory: string): Promise<void> {
  if (directory === "")
    throw new UmbradError("cli/usage", "the name of the directory is empty", { hint: "umbrad store backup DIR" });
  const { output, timeoutMs = BACKUP_TIMEOUT_MS } = session;
  const admin = await session.admin(timeoutMs);
  const made = await admin.post<BackupJson>("/v1/store/backup", { directory: resolve(directory) });
  output.answer(made, `${made.file}\n${made.bytes} bytes in ${made.ms} ms, restored elsewhere and checked`);
}

export async function verify(session: Session, file: string, options: PassphraseOptions): Promise<void> {
  const passphrase = await passphraseOfFile(session, file, options);
  const facts = await verifyBackup(file, passphrase);
  const opened = !facts.sealed || passphrase !== undefined;
  session.output.answer({ ok: true, opened, ...facts }, `ok\n${factsText(facts)}`);
  if (!opened) session.output.note("The structure is whole. Give --passphrase-file to see whether the seal opens.");
}

export async function restore(session: Session, file: string, options: PassphraseOptions): Promise<void> {
  process.umask(0o077);
  const { stateDir, output } = session;
  const restored = await restoreState(stateDir, file, await passphraseOfFile(session, file, options));
  const kept: [string, string][] = restored.kept === null ? [] : [["kept", restored.kept]];
  output.answer(restored, fieldLines([["restored", restored.file], ...kept]));
  output.note(
    "At its next start umbrad makes all invite links void and sends nothing more in the old conversations: " +
      "write to a contact and a new one is begun.",
  );
}

export interface RekeyOptions extends PassphraseOptions {
  readonly newPassphraseFile?: string;
  readonly newPassphraseFd?: number;
}

/** A running daemon does it itself; without one the lock of the state is ours. */
export async function rekey(session: Session, options: RekeyOptions): Promise<void> {
  const { stateDir, output } = session;
  requireState(stateDir);
  if (stateKind(stateDir) === "plaintext")
    throw new UmbradError("store/not-sealed", "this state is not sealed: it has no passphrase to change", {
      hint: "a sealed one is another: umbrad init --state-dir DIR --passphrase-file FILE",
    });
  const opens = (old: Uint8Array): Promise<void> => checkSeal(stateDir, old);
  const old = given(session, options) ?? (await typed(session, { place: stateDir, opens }));
  const passphrase = required(old, "--passphrase-file F or --passphrase-fd N");
  const { newPassphraseFile: passphraseFile, newPassphraseFd: passphraseFd } = options;
  // The credential of a service is the old one.
  const found = given({ output, env: {} }, { passphraseFile, passphraseFd });
  const next = required(found ?? (await chosen(session, stateDir)), "--new-passphrase-file F or --new-passphrase-fd N");
  try {
    await rekeyState(stateDir, passphrase, next);
  } catch (error) {
    if (!(error instanceof UmbradError) || error.code !== "store/locked") throw error;
    const admin = await session.admin();
    await admin.post("/v1/store/rekey", { passphrase: base64(passphrase), newPassphrase: base64(next) });
  }
  output.answer({ rekeyed: true }, "the new passphrase opens the state, the old one does not any more");
  output.note("Backups made before are opened by the old one.");
}

function requireState(stateDir: string): void {
  if (existsSync(join(stateDir, "umbrad.db"))) return;
  throw new UmbradError("store/not-initialised", `there is no umbrad state in ${stateDir}`, {
    hint: "umbrad init makes one; --state-dir DIR names another place",
  });
}

function required(passphrase: Uint8Array | undefined, hint: string): Uint8Array {
  if (passphrase !== undefined) return passphrase;
  throw new UmbradError("passphrase/missing", "rekey needs the passphrase of the state and the new one", { hint });
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}

/** Of a backup. undefined: none was given, and only its structure is looked at. */
async function passphraseOfFile(
  session: Session,
  file: string,
  options: PassphraseOptions,
): Promise<Uint8Array | undefined> {
  const found = given(session, options);
  if (found !== undefined || !isFileSealed(file)) return found;
  return await typed(session, { place: file, opens: (passphrase) => checkSealOfFile(file, passphrase) });
}

function factsText({
  file,
  bytes,
  walBytes,
  schema,
  sealed,
  conversations,
  messages,
  events,
  outbox,
}: StoreFacts): string {
  return fieldLines([
    ["file", file],
    ["size", `${bytes} bytes${walBytes === 0 ? "" : `, and ${walBytes} in the log`}`],
    ["schema", String(schema)],
    ["sealed", sealed ? "yes" : "no: whoever reads the file reads your messages"],
    ["conversations", String(conversations)],
    ["messages", String(messages)],
    ["events", String(events)],
    ["outbox", String(outbox)],
  ]);
}
