/**
 * The passphrase of a command: what was given by a file, a descriptor or a credential; else what somebody at a terminal
 * types. A program is never asked: it would wait for ever.
 */
import { passphraseBytesMax, readPassphrase } from "../../daemon/passphrase.ts";
import { UmbradError } from "../../engine/errors.ts";
import type { Session } from "../session.ts";
import { askHidden, isAtTerminal } from "./hidden-input.ts";

/** The flags of a command that takes one. */
export interface PassphraseOptions {
  readonly passphraseFile?: string | undefined;
  readonly passphraseFd?: number | undefined;
}

/** What a passphrase is for. */
export interface Seal {
  /** The directory or file that it opens, for the question. */
  readonly place: string;
  /** Rejects with a code that ends in `/wrong-passphrase` when it does not. */
  readonly opens: (passphrase: Uint8Array) => Promise<unknown>;
}

const triesMax = 3;

/** Whether a question would be read and answered. With --json a program is at work, also in a terminal. */
function canAsk({ output }: Pick<Session, "output">): boolean {
  return !output.json && isAtTerminal();
}

/** What was given, without asking anybody. Descriptor 0 of a terminal is asked for: it would show what is typed. */
export function given(
  session: Pick<Session, "output" | "env">,
  { passphraseFile: file, passphraseFd: fd }: PassphraseOptions,
): Uint8Array | undefined {
  if (fd === 0 && file === undefined && canAsk(session)) return undefined;
  return readPassphrase({ file, fd, credentialsDirectory: session.env["CREDENTIALS_DIRECTORY"] });
}

/** The one that opens something, typed now. undefined: nobody is there. */
export async function typed(session: Pick<Session, "output">, seal: Seal): Promise<Uint8Array | undefined> {
  return canAsk(session) ? await ask(seal) : undefined;
}

/** A new one for a place, typed twice. undefined: nobody is there. */
export async function chosen(session: Pick<Session, "output">, place: string): Promise<Uint8Array | undefined> {
  return canAsk(session) ? await choose(place) : undefined;
}

/** Nothing is kept of a passphrase that does not open it. */
async function ask({ place, opens }: Seal): Promise<Uint8Array | undefined> {
  for (let tries = 1; ; tries += 1) {
    const answer = await askHidden(`Passphrase for ${place}: `, passphraseBytesMax);
    if (answer === undefined) return undefined;
    try {
      if (answer.length === 0) throw empty();
      await opens(answer);
      return answer;
    } catch (error) {
      answer.fill(0);
      if (!(error instanceof UmbradError) || !isMistake(error)) throw error;
      if (tries === triesMax) throw notOpened(error, place);
      process.stderr.write(`${error.code === emptyCode ? "Nothing was typed." : "It does not open it."} Once more:\n`);
    }
  }
}

async function choose(place: string): Promise<Uint8Array | undefined> {
  for (let tries = 1; ; tries += 1) {
    const first = await askHidden(`New passphrase for ${place}: `, passphraseBytesMax);
    if (first === undefined) return undefined;
    const second =
      first.length === 0 ? first : await askHidden("The same again, against mistyping: ", passphraseBytesMax);
    if (second === undefined) return undefined;
    const isSame = Buffer.compare(first, second) === 0;
    if (first !== second) second.fill(0);
    if (isSame && first.length > 0) return first;
    first.fill(0);
    const fault = isSame ? empty() : differs();
    if (tries === triesMax) throw fault;
    process.stderr.write(`${isSame ? "Nothing was typed." : "They differ."} Once more:\n`);
  }
}

const emptyCode = "passphrase/empty";

function isMistake({ code }: UmbradError): boolean {
  return code === emptyCode || code.endsWith("/wrong-passphrase");
}

function empty(): UmbradError {
  return new UmbradError(emptyCode, "an empty passphrase protects nothing", { hint: "the same command again" });
}

function differs(): UmbradError {
  return new UmbradError("passphrase/differs", "the two passphrases differ: nothing was changed", {
    hint: "the same command again",
  });
}

function notOpened(error: UmbradError, place: string): UmbradError {
  if (error.code === emptyCode) return error;
  return new UmbradError(error.code, `none of ${triesMax} passphrases opens ${place}`, {
    hint: "caps lock, keyboard layout? What it was made from a file with, --passphrase-file gives. Then the same command again",
    cause: error,
  });
}
