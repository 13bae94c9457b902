/** What the doctor sees of the state directory: whose it is, who may read it, whether its database and seal open. */
import { accessSync, constants, existsSync, type Stats, statSync } from "node:fs";
import { join } from "node:path";
import { checkSeal, type StoreFacts, storeInfo } from "../../../daemon/store/store-files.ts";
import { UmbradError } from "../../../engine/errors.ts";
import { given, typed } from "../../passphrase/passphrase.ts";
import { type Session, shellWord } from "../../session.ts";
import { type Examination, type FindingCode, fine, found } from "./finding.ts";

export interface StateOptions {
  readonly passphraseFile?: string;
  readonly passphraseFd?: number;
}

export async function examineState(session: Session, options: StateOptions): Promise<Examination[]> {
  const { stateDir, commandFlags } = session;
  const closed = examineAccess(stateDir);
  if (closed !== undefined) return [closed];
  if (!existsSync(join(stateDir, "umbrad.db"))) {
    const fix = `umbrad init${commandFlags} --passphrase-file FILE`;
    return [found("doctor/not-initialised", `there is no umbrad state in ${stateDir}`, fix)];
  }
  const facts = readFacts(stateDir);
  const seals = "sealed" in facts ? [await examineSeal(session, options, facts)] : [];
  const database = "sealed" in facts ? fine("database", databaseText(facts)) : facts;
  return [examinePermissions(stateDir), database, ...seals];
}

/** Another user's directory, or one without the right to look into it: what is in it cannot be told. */
function examineAccess(stateDir: string): Examination | undefined {
  try {
    accessSync(stateDir, constants.R_OK | constants.X_OK);
    return undefined;
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code !== "EACCES" || !statSync(stateDir).isDirectory()) return undefined;
    const fix = `as its owner: chmod 700 ${shellWord(stateDir)}; or run umbrad as that user`;
    return found("doctor/state-owner", `${stateDir} cannot be read by this user (${code})`, fix);
  }
}

/** As the daemon does at its start, which refuses what it finds here. */
function examinePermissions(stateDir: string): Examination {
  // Windows has neither.
  if (process.platform === "win32" || process.getuid === undefined) return fine("state-permissions", stateDir);
  const owner = statSync(stateDir).uid;
  if (owner !== process.getuid()) {
    const what = `${stateDir} belongs to user ${owner}, and this is user ${process.getuid()}`;
    return found("doctor/state-owner", what, "run umbrad as that user, for instance: sudo -u USER umbrad doctor");
  }
  const places: [string, string][] = [
    [stateDir, "700"],
    ...["", "-wal", "-shm"].map((suffix): [string, string] => [join(stateDir, `umbrad.db${suffix}`), "600"]),
  ];
  const open = places.filter(([path]) => existsSync(path) && isOpen(statSync(path)));
  if (open.length === 0) return fine("state-permissions", `only you can read ${stateDir}`);
  const what = `open to other users: ${open.map(([path]) => `${path} (mode ${modeOf(path)})`).join(", ")}`;
  const fix = open.map(([path, mode]) => `chmod ${mode} ${shellWord(path)}`).join(" && ");
  return found("doctor/state-permissions", what, fix);
}

function isOpen({ mode }: Stats): boolean {
  return (mode & 0o077) !== 0;
}

function modeOf(path: string): string {
  return (statSync(path).mode & 0o777).toString(8);
}

function readFacts(stateDir: string): StoreFacts | Examination {
  try {
    return storeInfo(stateDir);
  } catch (error) {
    if (!(error instanceof UmbradError)) throw error;
    const code: FindingCode = error.code === "store/newer-schema" ? "doctor/schema" : "doctor/database";
    return found(code, error.message, error.hint ?? "umbrad store check, then umbrad store restore FILE");
  }
}

function databaseText({ bytes, schema, conversations, messages }: StoreFacts): string {
  return `${bytes} bytes, schema ${schema}, ${conversations} conversations, ${messages} messages`;
}

/** Tries a passphrase that was given: nobody else can know whether it is the right one. */
async function examineSeal(session: Session, options: StateOptions, { sealed }: StoreFacts): Promise<Examination> {
  const { passphraseFile: file, passphraseFd: fd } = options;
  const isGiven = file !== undefined || fd !== undefined;
  if (!sealed && !isGiven)
    return fine("passphrase", "the state is not sealed: whoever reads the disk reads your messages");
  try {
    const { stateDir: place } = session;
    const opens = (passphrase: Uint8Array): Promise<void> => checkSeal(place, passphrase);
    // Only when it was asked for, by --passphrase-fd 0: the doctor works without.
    const passphrase = given(session, options) ?? (isGiven ? await typed(session, { place, opens }) : undefined);
    if (passphrase === undefined) return fine("passphrase", "sealed; --passphrase-file FILE also tries the passphrase");
    await checkSeal(session.stateDir, passphrase);
    return fine("passphrase", "it opens the seal");
  } catch (error) {
    if (!(error instanceof UmbradError) || error.code === "cli/interrupted") throw error;
    return found("doctor/passphrase", error.message, error.hint ?? "give the passphrase that umbrad init was given");
  }
}
