/** A few secret bytes in a file of their own, under a passphrase: an exported identity. The wrapping is that of the data key. */
import { UmbradError } from "../../engine/errors.ts";
import { textOf } from "../seal.ts";
import { unwrapBytes, wrapBytes } from "../wrapped-key.ts";

const FORMAT = "umbrad-identity/1";

/** The text of the file. */
export async function sealBytes(
  bytes: Uint8Array,
  passphrase: Uint8Array,
  random: (length: number) => Uint8Array,
): Promise<string> {
  const wrapped = await wrapBytes(bytes, { passphrase, label: FORMAT, random });
  return `${JSON.stringify({ format: FORMAT, ...JSON.parse(textOf(wrapped)) }, undefined, 2)}\n`;
}

/** `identity/malformed`, `identity/wrong-passphrase`. */
export async function openBytes(text: string, passphrase: Uint8Array): Promise<Uint8Array> {
  let stored: { readonly format?: unknown };
  try {
    stored = JSON.parse(text);
  } catch (cause) {
    throw malformed(cause);
  }
  if (stored?.format !== FORMAT) throw malformed();
  let bytes: Uint8Array | undefined;
  try {
    bytes = await unwrapBytes(new TextEncoder().encode(text), { passphrase, label: FORMAT });
  } catch (cause) {
    throw malformed(cause);
  }
  if (bytes !== undefined) return bytes;
  throw new UmbradError("identity/wrong-passphrase", "the passphrase does not open the identity file", {
    hint: "--identity-passphrase-file F, when it is not that of the state",
  });
}

function malformed(cause?: unknown): UmbradError {
  return new UmbradError("identity/malformed", "the file is no identity file of umbrad, or is damaged", {
    hint: "umbrad identity export FILE makes one",
    cause,
  });
}
