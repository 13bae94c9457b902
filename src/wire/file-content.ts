/**
 * A file as content (profile 8.8): its name, perhaps its media type, and its bytes. The name comes from the peer, so what
 * is read here is surely one plain name: no path, no control character.
 */

import { plain, toHex, utf8 } from "../crypto/bytes.ts";
import { bytesEqual } from "../crypto/equal.ts";
import { sha256 } from "../crypto/hash.ts";
import type { ContentFrame } from "./content-frame.ts";
import { umbra } from "./gen/umbra.js";
import { fieldTable, scan } from "./proto-scan.ts";

/** "umbr": no published table of content types has files, so ours are in a domain of their own. */
const umbradDomain = 0x756d6272;
const fileTag = 1;

/** What every file system takes. */
export const FILE_NAME_BYTES_MAX = 255;
const mimeBytesMax = 127;

/** 255 segments of 16 KiB, less 1 KiB for name, media type and the frame around them. */
export const FILE_BYTES_MAX: number = 255 * 16_384 - 1_024;

/** A file as its sender gives it. */
export interface FileContent {
  readonly name: string;
  readonly mime?: string | undefined;
  readonly data: Uint8Array;
}

const fileFields = fieldTable({
  name: { number: 1, kind: "string", maxBytes: FILE_NAME_BYTES_MAX },
  mime: { number: 2, kind: "string", optional: true, maxBytes: mimeBytesMax },
  data: { number: 3, kind: "bytes" },
});

const forbidden = /[/\\\p{Cc}\p{Cs}]/u;
const mediaType = /^[\w!#$&^.+-]{1,63}\/[\w!#$&^.+-]{1,63}$/;

/** One name that means the same in every directory. */
export function isFileName(name: string): boolean {
  if (name === "" || name === "." || name === "..") return false;
  return !forbidden.test(name) && utf8(name).length <= FILE_NAME_BYTES_MAX;
}

/** `type/subtype`, without parameters. */
export function isMediaType(text: string): boolean {
  return mediaType.test(text);
}

/** Throws for a name, type or size that the receiver would not take: whoever composes it checks first. */
export function fileContent({ name, mime, data }: FileContent): ContentFrame {
  if (!isFileName(name) || (mime !== undefined && !isMediaType(mime)) || data.length > FILE_BYTES_MAX)
    throw new RangeError("not a file that can be sent");
  const fields = mime === undefined ? { name, data } : { name, mime, data };
  return { domain: umbradDomain, tag: fileTag, bytes: plain(umbra.v1.File.encode(fields).finish()) };
}

/** The file, or undefined when the content is something else or has no acceptable name. */
export function fileOf({ domain, tag, bytes }: ContentFrame): FileContent | undefined {
  if (domain !== umbradDomain || tag !== fileTag) return undefined;
  const scanned = scan(bytes, fileFields);
  if (scanned.kind !== "readable" || !isFileName(scanned.value.name)) return undefined;
  const { name, mime, data } = scanned.value;
  return mime === undefined || !isMediaType(mime) ? { name, data } : { name, mime, data };
}

/** The same content without the bytes of the file: what a row of the message table keeps of a large one. */
export function withoutFileData(content: ContentFrame): ContentFrame {
  const file = fileOf(content);
  return file === undefined
    ? { ...content, bytes: new Uint8Array() }
    : fileContent({ ...file, data: new Uint8Array() });
}

/** SHA-256 in hexadecimal, as `sha256sum` prints it. */
export function contentDigest(data: Uint8Array): string {
  return toHex(sha256(data));
}

/** Where `part` begins if `whole` ends with it: what we encode always does. */
export function tailOffset(whole: Uint8Array, part: Uint8Array): number | undefined {
  const offset = whole.length - part.length;
  return offset >= 0 && bytesEqual(whole.subarray(offset), part) ? offset : undefined;
}
