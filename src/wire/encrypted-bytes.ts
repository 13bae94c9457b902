/** EncryptedBytes: which scheme an envelope's payload is under (profile 8.7, 8.10). Nothing here is decrypted. */
import { badlyFormed, type Decoded, readable, unsupported } from "./decoded.ts";
import type { umbra } from "./gen/umbra.js";
import { fieldTable, scan } from "./proto-scan.ts";

/** One member; a conversation type reads exactly one of them. */
export type EncryptedBytes =
  | { readonly member: "encrypted_bytes"; readonly bytes: Uint8Array }
  | { readonly member: "plaintext"; readonly bytes: Uint8Array }
  | EciesBytes;

/** What an inbox reads: ciphertext, and what its handshake needs beside it. */
export interface EciesBytes {
  readonly member: "ecies";
  readonly bytes: Uint8Array;
  /** 32 bytes. */
  readonly ephemeralPublic: Uint8Array;
  /** 16 bytes. */
  readonly tag: Uint8Array;
  /** 4 bytes: which prekey, not authenticated. Senders of older dialects leave it out. */
  readonly keyRef?: Uint8Array;
}

const plaintextFields = fieldTable({ payload: { number: 1, kind: "bytes" } });

const eciesFields = fieldTable({
  encryptedBytes: { number: 1, kind: "bytes" },
  ephemeralPubkey: { number: 2, kind: "bytes", size: 32 },
  tag: { number: 3, kind: "bytes", size: 16 },
  keyRef: { number: 4, kind: "bytes", size: 4, optional: true },
});

const fields = fieldTable({
  encryptedBytes: { number: 1, kind: "bytes", oneof: "member" },
  plaintext: { number: 2, kind: "message", fields: plaintextFields, oneof: "member" },
  ecies: { number: 3, kind: "message", fields: eciesFields, oneof: "member" },
});

/** The properties that the generated encoder takes. */
export function encryptedBytesProperties(value: EncryptedBytes): umbra.v1.EncryptedBytes.$Properties {
  switch (value.member) {
    case "encrypted_bytes":
      return { encryptedBytes: value.bytes };
    case "plaintext":
      return { plaintext: { payload: value.bytes } };
    case "ecies": {
      const { bytes: encryptedBytes, ephemeralPublic: ephemeralPubkey, tag, keyRef } = value;
      return { ecies: { encryptedBytes, ephemeralPubkey, tag, ...(keyRef && { keyRef }) } };
    }
  }
}

/** A member that we do not know is `unsupported`: it says nothing about who sent it (profile 8.11). */
export function decodeEncryptedBytes(bytes: Uint8Array): Decoded<EncryptedBytes> {
  const scanned = scan(bytes, fields);
  if (scanned.kind !== "readable") return scanned;
  const { encryptedBytes, plaintext, ecies } = scanned.value;
  if (encryptedBytes !== undefined) return readable({ member: "encrypted_bytes", bytes: encryptedBytes });
  if (plaintext !== undefined) return readable({ member: "plaintext", bytes: plaintext.payload });
  if (ecies === undefined) return bytes.length === 0 ? badlyFormed("no member") : unsupported("encrypted-bytes member");
  const common = {
    member: "ecies",
    bytes: ecies.encryptedBytes,
    ephemeralPublic: ecies.ephemeralPubkey,
    tag: ecies.tag,
  } as const;
  return readable(ecies.keyRef === undefined ? common : { ...common, keyRef: ecies.keyRef });
}
