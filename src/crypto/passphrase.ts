/** A key from a passphrase: argon2id (RFC 9106). */
import { argon2 } from "node:crypto";
import { plain } from "./bytes.ts";

/** Cost of a guess. Stored beside the salt, so that defaults can rise without locking anyone out. */
export interface PassphraseParameters {
  readonly memoryKiB: number;
  readonly passes: number;
  readonly parallelism: number;
}

/** RFC 9106 section 4, second choice for hosts with little memory, on one lane: about 0.15 s. */
export const DEFAULT_PASSPHRASE_PARAMETERS: PassphraseParameters = { memoryKiB: 64 * 1024, passes: 3, parallelism: 1 };

const keyBytes = 32;

/** 32 bytes, computed off the main thread. Rejects parameters that argon2 does not allow (a salt below 8 bytes, no memory). */
export function derivePassphraseKey(
  passphrase: Uint8Array,
  salt: Uint8Array,
  parameters: PassphraseParameters = DEFAULT_PASSPHRASE_PARAMETERS,
): Promise<Uint8Array> {
  const { memoryKiB: memory, passes, parallelism } = parameters;
  const input = { message: passphrase, nonce: salt, parallelism, tagLength: keyBytes, memory, passes };
  return new Promise((resolve, reject) => {
    argon2("argon2id", input, (error, key) => {
      if (error === null) resolve(plain(key));
      else reject(error);
    });
  });
}
