/**
 * Bytes as words that a person can write down and read out: five letters made by rule, consonant and vowel in turn, 16 bits
 * each. No list, so nothing to agree on; a checksum finds mistakes, and every letter stands for one thing.
 */
import { concat } from "./bytes.ts";
import { bytesEqual } from "./equal.ts";
import { sha256 } from "./hash.ts";

const consonants = "bdfghjklmnprstvz";
const vowels = "aiou";
const checksumBytes = 4;
/** The first words differ for another kind or version of secret: they do not decode as this one. */
const label = new TextEncoder().encode("umbrad/recovery-words/1");

/** `bytes` has an even length; 32 bytes are 18 words. */
export function toWords(bytes: Uint8Array): string[] {
  const all = concat(bytes, checksum(bytes));
  return Array.from({ length: all.length / 2 }, (_, index) =>
    word(((all[2 * index] ?? 0) << 8) | (all[2 * index + 1] ?? 0)),
  );
}

/** The bytes; or the place (from 1) of the word that is none; or that the words do not belong together. */
export function fromWords(
  text: string,
  length: number,
): Uint8Array | { readonly badWord: number } | "count" | "checksum" {
  const words = text
    .toLowerCase()
    .split(/[^a-z]+/)
    .filter((each) => each !== "");
  const values = words.map(numberOf);
  const bad = values.indexOf(undefined);
  if (bad !== -1) return { badWord: bad + 1 };
  if (words.length !== (length + checksumBytes) / 2) return "count";
  const all = Uint8Array.from(values.flatMap((value = 0) => [value >> 8, value & 0xff]));
  const bytes = all.slice(0, length);
  return bytesEqual(all.subarray(length), checksum(bytes)) ? bytes : "checksum";
}

function word(value: number): string {
  const consonant = (shift: number): string => consonants.charAt((value >> shift) & 15);
  const vowel = (shift: number): string => vowels.charAt((value >> shift) & 3);
  return `${consonant(12)}${vowel(10)}${consonant(6)}${vowel(4)}${consonant(0)}`;
}

function numberOf(text: string): number | undefined {
  if (text.length !== 5) return undefined;
  const digits = Array.from(text, (letter, index) => (index % 2 === 0 ? consonants : vowels).indexOf(letter));
  const [a = -1, b = -1, c = -1, d = -1, e = -1] = digits;
  if (Math.min(a, b, c, d, e) < 0) return undefined;
  return (a << 12) | (b << 10) | (c << 6) | (d << 4) | e;
}

function checksum(bytes: Uint8Array): Uint8Array {
  return sha256(label, bytes).subarray(0, checksumBytes);
}
