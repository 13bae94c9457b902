/**
 * The number that two people compare, aloud or by a picture, to know that each has the other's true key. Both sides
 * compute the same one (ADR 0046). Knows addresses only: a client address is the identity's public key.
 */
import { blake2s } from "../../crypto/hash.ts";

const label = new TextEncoder().encode("umbra safety number 1");

/**
 * Somebody who wants a key with the same digits has to do this for each key that they try. 60 digits have 199 bits; a half,
 * which is all that a forged key can change, has 99, and the rounds add 12.
 */
const rounds = 5_200;

const groupsPerSide = 6;
const bytesPerGroup = 5;

/** 60 digits. The halves are sorted, so that it does not matter who is "we". */
export function computeSafetyNumber(ourAddress: string, theirAddress: string): string {
  return [digitsOf(ourAddress), digitsOf(theirAddress)].sort().join("");
}

/** 30 digits of one key. */
function digitsOf(address: string): string {
  const key = Buffer.from(address, "hex");
  let digest = blake2s(label, key);
  for (let round = 1; round < rounds; round += 1) digest = blake2s(digest, key);
  const view = Buffer.from(digest);
  const groups = Array.from({ length: groupsPerSide }, (_, at) => view.readUIntBE(at * bytesPerGroup, bytesPerGroup));
  return groups.map((group) => String(group % 100_000).padStart(5, "0")).join("");
}
