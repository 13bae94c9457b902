/**
 * The data key as the `meta` table keeps it: wrapped under a key from the passphrase, with the cost parameters beside
 * it; or bare, when the operator asked for plaintext state. Bare is the same file format, not protection.
 */
import { aeadOpen, aeadSeal } from "../crypto/aead.ts";
import { fromHex, toHex, utf8 } from "../crypto/bytes.ts";
import { DEFAULT_PASSPHRASE_PARAMETERS, derivePassphraseKey, type PassphraseParameters } from "../crypto/passphrase.ts";
import { UmbradError } from "../engine/errors.ts";
import { textOf } from "./seal.ts";

/** How the store is protected. `plaintext` only when init was told `--insecure-plaintext-state`. */
export type SealSource =
  | { readonly kind: "passphrase"; readonly passphrase: Uint8Array }
  | { readonly kind: "plaintext" };

type StoredKey =
  | { readonly kind: "plaintext"; readonly key: string }
  | {
      readonly kind: "passphrase";
      readonly salt: string;
      readonly parameters: PassphraseParameters;
      readonly nonce: string;
      readonly wrapped: string;
    };

const DATA_KEY_BYTES = 32;
const LABEL = "umbrad/store/data-key";
/** A changed file must not make the start take all memory or for ever. */
const PARAMETERS_MAX: PassphraseParameters = { memoryKiB: 4 * 1024 * 1024, passes: 64, parallelism: 64 };

/** A new data key and the bytes to keep of it. */
export async function createDataKey(
  source: SealSource,
  random: (length: number) => Uint8Array,
): Promise<{ readonly dataKey: Uint8Array; readonly stored: Uint8Array }> {
  const dataKey = random(DATA_KEY_BYTES);
  return { dataKey, stored: await wrap(dataKey, source, random) };
}

/** Whether the stored key is wrapped. */
export function isWrapped(stored: Uint8Array): boolean {
  return parseStored(stored).kind === "passphrase";
}

/** The data key; `store/passphrase-required`, `store/wrong-passphrase`, `store/not-sealed`, `store/corrupt`. */
export async function unwrapDataKey(stored: Uint8Array, source: SealSource | undefined): Promise<Uint8Array> {
  const parsed = parseStored(stored);
  if (parsed.kind === "plaintext") {
    // Whoever gives a passphrase believes that the state is protected by it.
    if (source?.kind === "passphrase") {
      throw new UmbradError("store/not-sealed", "a passphrase was given, but this state directory is not sealed", {
        hint: "leave the passphrase out, or make a sealed state directory: umbrad init --passphrase-file F",
      });
    }
    return hexBytes(parsed.key);
  }
  if (source?.kind !== "passphrase") {
    throw new UmbradError("store/passphrase-required", "this state directory is sealed: its passphrase is needed", {
      hint: "--passphrase-file F or --passphrase-fd N",
    });
  }
  const dataKey = await unwrapBytes(stored, { passphrase: source.passphrase, label: LABEL });
  if (dataKey === undefined) {
    throw new UmbradError("store/wrong-passphrase", "the passphrase does not open this state directory", {
      hint: "check the passphrase file: one trailing newline is the usual difference",
    });
  }
  return dataKey;
}

/** The same data key under another passphrase, with a salt of its own; the errors of `unwrapDataKey`. */
export async function rewrapDataKey(
  stored: Uint8Array,
  change: {
    readonly passphrase: Uint8Array;
    readonly next: Uint8Array;
    readonly random: (length: number) => Uint8Array;
  },
): Promise<Uint8Array> {
  const dataKey = await unwrapDataKey(stored, { kind: "passphrase", passphrase: change.passphrase });
  try {
    return await wrap(dataKey, { kind: "passphrase", passphrase: change.next }, change.random);
  } finally {
    dataKey.fill(0);
  }
}

async function wrap(
  dataKey: Uint8Array,
  source: SealSource,
  random: (length: number) => Uint8Array,
): Promise<Uint8Array> {
  if (source.kind === "plaintext") return utf8(JSON.stringify({ kind: "plaintext", key: toHex(dataKey) }));
  return wrapBytes(dataKey, { passphrase: source.passphrase, label: LABEL, random });
}

interface Wrapping {
  readonly passphrase: Uint8Array;
  /** What it is: bytes that were wrapped as something else do not open. */
  readonly label: string;
}

/** Bytes as they are kept under a passphrase. */
export async function wrapBytes(
  bytes: Uint8Array,
  { passphrase, label, random }: Wrapping & { readonly random: (length: number) => Uint8Array },
): Promise<Uint8Array> {
  const parameters = DEFAULT_PASSPHRASE_PARAMETERS;
  const salt = random(16);
  const nonce = random(12);
  const wrappingKey = await derivePassphraseKey(passphrase, salt, parameters);
  const head = { salt: toHex(salt), parameters };
  const wrapped = toHex(aeadSeal(wrappingKey, nonce, bytes, boundTo(head, label)));
  wrappingKey.fill(0);
  return utf8(JSON.stringify({ kind: "passphrase", ...head, nonce: toHex(nonce), wrapped } satisfies StoredKey));
}

/** undefined: not with this passphrase. `store/corrupt`. */
export async function unwrapBytes(
  stored: Uint8Array,
  { passphrase, label }: Wrapping,
): Promise<Uint8Array | undefined> {
  const parsed = parseStored(stored);
  if (parsed.kind !== "passphrase") throw damaged();
  const wrappingKey = await derivePassphraseKey(passphrase, hexBytes(parsed.salt), checked(parsed.parameters));
  const bytes = aeadOpen(wrappingKey, hexBytes(parsed.nonce), hexBytes(parsed.wrapped), boundTo(parsed, label));
  wrappingKey.fill(0);
  return bytes;
}

function boundTo({ salt, parameters }: { salt: string; parameters: PassphraseParameters }, label: string): Uint8Array {
  const { memoryKiB, passes, parallelism } = parameters;
  return utf8([label, salt, memoryKiB, passes, parallelism].join("\0"));
}

function parseStored(stored: Uint8Array): StoredKey {
  try {
    const parsed: StoredKey = JSON.parse(textOf(stored));
    if (parsed.kind === "plaintext" || parsed.kind === "passphrase") return parsed;
  } catch (error) {
    throw damaged(error);
  }
  throw damaged();
}

function checked(parameters: PassphraseParameters): PassphraseParameters {
  const names = ["memoryKiB", "passes", "parallelism"] as const;
  if (names.some((name) => !(parameters?.[name] >= 1 && parameters[name] <= PARAMETERS_MAX[name]))) throw damaged();
  return parameters;
}

function hexBytes(hex: string): Uint8Array {
  const bytes = typeof hex === "string" ? fromHex(hex) : undefined;
  if (bytes === undefined) throw damaged();
  return bytes;
}

function damaged(cause?: unknown): UmbradError {
  return new UmbradError("store/corrupt", "the stored data key is damaged", { hint: "restore a backup", cause });
}
