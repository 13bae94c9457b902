/** The published vectors, and the scripted randomness that they were made with (profile 11). */
import { readFileSync } from "node:fs";
import { fromHex, utf8 } from "../../src/crypto/bytes.ts";
import { x25519Public } from "../../src/crypto/dh.ts";
import { blake2s } from "../../src/crypto/hash.ts";

interface RatchetHintVector {
  readonly i: number;
  readonly salt: number;
  readonly rid: string;
  readonly hint: string;
}

type BundleValue = "static_public" | "prekey_public";
type InviteValue =
  | "protocol_name"
  | "h0"
  | "prologue"
  | "noise_e_secret"
  | "noise_e_public"
  | "sender_static_secret"
  | "sender_static_public"
  | "enc_s"
  | "export_ck"
  | "export_h"
  | "SK"
  | "HK_A"
  | "NHK_B"
  | "ident"
  | "conversation_id"
  | "dr_dhs_secret"
  | "frame"
  | "frame_id"
  | "sds"
  | "first_hint"
  | "first_mk"
  | "first_blob"
  | "payload_b2s"
  | "key_ref"
  | "envelope";
type ExchangeValue =
  | "reply_dhs_secret"
  | "reply_hint"
  | "reply_mk"
  | "reply_envelope"
  | "second_hint"
  | "second_mk"
  | "second_envelope_b2s";

interface Vectors {
  readonly addresses: readonly { readonly conversation_id: string }[];
  readonly ratchet_hints: { readonly HK: string; readonly list: readonly RatchetHintVector[] };
  readonly bundle: Readonly<Record<BundleValue, string>>;
  readonly invite: Readonly<Record<InviteValue, string>> & {
    readonly first_salt: number;
    readonly salt: number;
    readonly payload_len: number;
    readonly envelope_bytes: number;
  };
  readonly exchange: Readonly<Record<ExchangeValue, string>> & {
    readonly reply_salt: number;
    readonly second_salt: number;
    readonly second_envelope_len: number;
    readonly sizes: { readonly sds100: number; readonly env100: number };
  };
}

export const vectors: Vectors = JSON.parse(readFileSync(new URL("../vectors/umbra-p1.json", import.meta.url), "utf8"));

/** Bytes of a hex value that the vectors hold. */
export function hex(text: string): Uint8Array {
  const bytes = fromHex(text);
  if (bytes === undefined) throw new Error(`not hex: ${text}`);
  return bytes;
}

/** The secret that the vectors derive from a label. */
export const secretOf = (label: string): Uint8Array => blake2s(utf8(`umbra/test/${label}`));

/** Random bytes numbers `from`, `from + 1`, … of the vectors; a `ratchetSecret` answers draws of 32 bytes. */
export function scriptedRandom(from: number, ratchetSecret?: Uint8Array): (length: number) => Uint8Array {
  let k = from;
  return (length) => {
    if (length === 32 && ratchetSecret !== undefined) return ratchetSecret;
    return secretOf(`rng/${k++}`).slice(0, length);
  };
}

/** X25519 keys of the two people of the vectors. */
export const people = {
  saro: { static: secretOf("saro/x25519"), ephemeral: secretOf("saro/noise-e"), ratchet: secretOf("saro/dr0") },
  raya: {
    static: secretOf("raya/x25519"),
    staticPublic: x25519Public(secretOf("raya/x25519")),
    prekey: secretOf("raya/prekey0"),
    prekeyPublic: x25519Public(secretOf("raya/prekey0")),
    inboxId: vectors.addresses[3]?.conversation_id ?? "",
  },
} as const;
