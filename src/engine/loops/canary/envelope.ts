/** What a canary is made of: in its form it is any envelope, and every one of its bytes is chance. */
import { encodeEnvelope } from "../../../wire/envelope.ts";
import type { Hint } from "../../../wire/ids.ts";
import type { Clock } from "../../ports.ts";

/** In its form any envelope of a private conversation: header of 68 bytes, two or three blocks of padding, nonce and tag. */
export function canaryEnvelope(clock: Clock): Uint8Array {
  const [chance = 0, ...salt] = clock.random(5);
  return encodeEnvelope({
    hint: hex(clock.random(32)) as Hint,
    salt: Buffer.from(salt).readUInt32BE(),
    encryptedBytes: { member: "encrypted_bytes", bytes: clock.random(96 + 128 * (2 + (chance % 2))) },
  });
}

/** Bytes as a key. */
export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");
}
