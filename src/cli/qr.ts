/** A QR code for a terminal, two rows of it in a line. Loaded only when one is wanted. */
import { renderUnicodeCompact } from "uqr";

/** The light frame that a scanner looks for; four modules are the norm, and phones are content with two. */
const border = 2;

export interface QrCode {
  readonly text: string;
  readonly columns: number;
}

/** The lowest correction: a screen has no scratches, and fewer modules are larger ones. */
export function qrCode(content: string): QrCode {
  const text = renderUnicodeCompact(content, { ecc: "L", border });
  return { text, columns: Math.max(...text.split("\n").map((line) => line.length)) };
}

/** The code, and what to do when it does not fit; `columns` is undefined when there is no terminal. */
export function qrNote(content: string, columns: number | undefined): string {
  const code = qrCode(content);
  if (columns === undefined || code.columns <= columns) return code.text;
  return `${code.text}\nThe code has ${code.columns} columns and this terminal ${columns}: make it wider or its letters smaller.`;
}
