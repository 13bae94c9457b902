/** `umbrad identity …`: the identity on paper or in a file. Both read the state, beside a running daemon too. */
import { resolve } from "node:path";
import { exportIdentity, wordsOf } from "../../../daemon/identity/identity.ts";
import { readPassphrase } from "../../../daemon/passphrase.ts";
import { stateKind } from "../../../daemon/state-kind.ts";
import { checkSeal } from "../../../daemon/store/store-files.ts";
import { UmbradError } from "../../../engine/errors.ts";
import { fieldLines } from "../../output.ts";
import { chosen, given, typed } from "../../passphrase/passphrase.ts";
import type { Session } from "../../session.ts";

export interface IdentityOptions {
  readonly passphraseFile?: string;
  readonly passphraseFd?: number;
}

export interface ExportOptions extends IdentityOptions {
  readonly identityPassphraseFile?: string;
}

export async function words(session: Session, options: IdentityOptions): Promise<void> {
  const answer = await wordsOf(session.stateDir, await statePassphrase(session, options));
  const rows = Array.from({ length: 3 }, (_, row) => answer.words.slice(6 * row, 6 * row + 6).join(" "));
  session.output.answer(answer, rows.join("\n"));
  session.output.note(
    "Whoever has these words is you. On paper, not in a file; umbrad init --recovery-words-fd 0 reads them. They restore " +
      "your address, and no conversation: your contacts need a new link.",
  );
}

export async function exportTo(session: Session, file: string, options: ExportOptions): Promise<void> {
  process.umask(0o077);
  const state = await statePassphrase(session, options);
  const own = readPassphrase({ file: options.identityPassphraseFile }) ?? state ?? (await chosen(session, file));
  if (own === undefined) {
    throw new UmbradError("passphrase/missing", "an identity file is sealed: it needs a passphrase", {
      hint: "--identity-passphrase-file F",
    });
  }
  const answer = await exportIdentity(session.stateDir, resolve(file), { state, file: own });
  session.output.answer(
    answer,
    fieldLines([
      ["address", answer.clientAddress],
      ["file", answer.file],
    ]),
  );
  session.output.note(
    "It holds the keys of your identity, and no conversation or message: umbrad store backup has those.",
  );
}

/** Nobody is asked for the passphrase of a state that has none. */
async function statePassphrase(session: Session, options: IdentityOptions): Promise<Uint8Array | undefined> {
  const { stateDir } = session;
  const found = given(session, options);
  if (found !== undefined || stateKind(stateDir) !== "sealed") return found;
  return await typed(session, { place: stateDir, opens: (passphrase) => checkSeal(stateDir, passphrase) });
}
