/** Padding of profile 8.6: hides the length of the content within 128 bytes. */

/** Plaintexts grow to a multiple of this. */
export const PADDING_BLOCK = 128;

const MARKER = 0x80;

/** Appends 0x80, then zeros to a multiple of 128. */
export function pad(plaintext: Uint8Array): Uint8Array {
  const blocks = Math.floor(plaintext.length / PADDING_BLOCK) + 1;
  const padded = new Uint8Array(blocks * PADDING_BLOCK);
  padded.set(plaintext);
  padded[plaintext.length] = MARKER;
  return padded;
}

/** The inverse; undefined for anything that `pad` does not make, so that one plaintext has one padded form. */
export function unpad(padded: Uint8Array): Uint8Array | undefined {
  if (padded.length === 0 || padded.length % PADDING_BLOCK !== 0) return undefined;
  const first = padded.length - PADDING_BLOCK;
  let at = padded.length - 1;
  while (at > first && padded[at] === 0) at--;
  return padded[at] === MARKER ? padded.slice(0, at) : undefined;
}
