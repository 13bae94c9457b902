/** ContentFrame (profile 8.8): what the application gives and gets; opaque to the protocol. */
import { plain } from "../crypto/bytes.ts";
import type { Decoded } from "./decoded.ts";
import { umbra } from "./gen/umbra.js";
import { fieldTable, scan } from "./proto-scan.ts";

/** A type (domain and tag) and bytes of that type. */
export interface ContentFrame {
  readonly domain: number;
  readonly tag: number;
  readonly bytes: Uint8Array;
}

/** The basic types. */
const basicDomain = 0;
const textTag = 5;

const frameFields = fieldTable({
  domain: { number: 1, kind: "uint32" },
  tag: { number: 2, kind: "uint32" },
  bytes: { number: 3, kind: "bytes" },
});

const textFields = fieldTable({ text: { number: 1, kind: "string" } });

/** Throws for a domain or tag that is not a uint32. */
export function encodeContentFrame({ domain, tag, bytes }: ContentFrame): Uint8Array {
  for (const number of [domain, tag]) {
    if (!Number.isInteger(number) || number < 0 || number > 0xffffffff)
      throw new RangeError("not a uint32 domain or tag");
  }
  return plain(umbra.v1.ContentFrame.encode({ domain, tag, bytes }).finish());
}

/** Total; the bytes inside are the application's. */
export function decodeContentFrame(bytes: Uint8Array): Decoded<ContentFrame> {
  return scan(bytes, frameFields);
}

/** A text message. Lone surrogates become U+FFFD, because nobody could decode them. */
export function textContent(text: string): ContentFrame {
  const bytes = plain(umbra.v1.Text.encode({ text: text.toWellFormed() }).finish());
  return { domain: basicDomain, tag: textTag, bytes };
}

/** The text, or undefined when the content is something else or no valid text. */
export function textOf({ domain, tag, bytes }: ContentFrame): string | undefined {
  if (domain !== basicDomain || tag !== textTag) return undefined;
  const scanned = scan(bytes, textFields);
  return scanned.kind === "readable" ? scanned.value.text : undefined;
}
