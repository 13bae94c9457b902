/** `umbrad debug decode`: what everybody can read of an envelope's bytes. Asks no daemon and opens nothing. */
import { readFile } from "node:fs/promises";
import { UmbradError } from "../../../engine/errors.ts";
import type { Decoded } from "../../../wire/decoded.ts";
import { decodeEnvelope, ENVELOPE_BYTES_MAX, type Envelope } from "../../../wire/envelope.ts";
import { readStdinBytes } from "../../input.ts";
import { fieldLines } from "../../output.ts";
import type { Session } from "../../session.ts";

/** As hex an envelope has twice its bytes, and a file of text may end with line breaks. */
const inputBytesMax = 2 * ENVELOPE_BYTES_MAX + 1_024;

/** How the bytes were written down. */
type Form = "bytes" | "hex" | "base64";

export async function decode({ output }: Session, file: string): Promise<void> {
  const given = file === "-" ? await readStdinBytes(inputBytesMax) : await fileBytes(file);
  if (given.length > inputBytesMax) throw tooLarge(file);
  const { form, bytes } = asBytes(given);
  const decoded = decodeEnvelope(bytes);
  if (decoded.kind !== "readable") throw notAnEnvelope(file, form, bytes, decoded);
  const fields = fieldsOf(decoded.value);
  output.answer({ form, bytes: bytes.length, ...fields }, textOf(form, bytes.length, fields));
  output.note("The rest is encrypted: only the two sides of the conversation can read it.");
}

async function fileBytes(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    const reason = error instanceof Error && "code" in error ? String(error.code) : "unknown";
    throw new UmbradError("cli/cannot-read-file", `cannot read ${path} (${reason})`, {
      hint: "umbrad debug decode FILE, or - for stdin",
      cause: error,
    });
  }
}

function tooLarge(file: string): UmbradError {
  return new UmbradError("debug/not-an-envelope", `${file} has more than an envelope may have`, {
    hint: `an envelope has at most ${ENVELOPE_BYTES_MAX} bytes`,
  });
}

/** Hex and base64 are what logs and other tools print; an envelope as bytes is never wholly made of their letters. */
function asBytes(given: Uint8Array): { form: Form; bytes: Uint8Array } {
  const text = Buffer.from(given).toString("latin1").trim();
  if (/^(?:0x)?(?:[0-9a-f]{2})+$/i.test(text))
    return { form: "hex", bytes: Buffer.from(text.replace(/^0x/i, ""), "hex") };
  if (/^[\w+/-]{4,}={0,2}$/.test(text)) return { form: "base64", bytes: Buffer.from(text, "base64") };
  return { form: "bytes", bytes: given };
}

interface EnvelopeFields {
  readonly hint: string;
  readonly salt: number;
  /** The member of EncryptedBytes. */
  readonly scheme: string;
  readonly encryptedBytes: number;
  readonly ephemeralPublic?: string;
  readonly keyRef?: string;
}

function fieldsOf({ hint, salt, encryptedBytes }: Envelope): EnvelopeFields {
  const common = { hint, salt, scheme: encryptedBytes.member, encryptedBytes: encryptedBytes.bytes.length };
  if (encryptedBytes.member !== "ecies") return common;
  const { ephemeralPublic, keyRef } = encryptedBytes;
  return { ...common, ephemeralPublic: hex(ephemeralPublic), ...(keyRef === undefined ? {} : { keyRef: hex(keyRef) }) };
}

/** Which conversations use a scheme (profile 8.10). */
const schemes: Readonly<Record<string, string>> = {
  encrypted_bytes: "encrypted_bytes (a conversation of two)",
  ecies: "ecies (an invite, for an inbox)",
  plaintext: "plaintext (nothing of ours: anybody can read it)",
};

function textOf(form: Form, bytes: number, fields: EnvelopeFields): string {
  return fieldLines([
    ["envelope", `${bytes} bytes, given as ${form}`],
    ["hint", fields.hint],
    ["salt", String(fields.salt)],
    ["scheme", schemes[fields.scheme] ?? fields.scheme],
    ["encrypted", `${fields.encryptedBytes} bytes`],
    ...(fields.ephemeralPublic === undefined ? [] : [["ephemeral key", fields.ephemeralPublic] as const]),
    ...(fields.keyRef === undefined ? [] : [["key reference", fields.keyRef] as const]),
  ]);
}

function notAnEnvelope(
  file: string,
  form: Form,
  bytes: Uint8Array,
  { kind, reason }: Exclude<Decoded<Envelope>, { kind: "readable" }>,
): UmbradError {
  const what = `${file === "-" ? "stdin" : file} (${bytes.length} bytes, given as ${form})`;
  return new UmbradError("debug/not-an-envelope", `${what} is no envelope of umbrad: ${kind}, ${reason}`, {
    hint: "give the payload of one Waku message, as bytes, hex or base64",
  });
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
