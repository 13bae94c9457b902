/** JSON of a message's content: text when it is text, a file by its description, else what it is. Knows nothing of who asks. */
import type { MessageBody } from "../engine/ports.ts";
import { textOf } from "../wire/content-frame.ts";
import { fileOf } from "../wire/file-content.ts";

/** A file; its bytes are at `/v1/messages/ID/content`. */
export interface FileView {
  readonly name: string;
  readonly size: number;
  /** Hexadecimal. */
  readonly sha256: string;
  readonly mime?: string;
}

export type ContentView =
  | { readonly text: string }
  /** It became too old. */
  | { readonly expired: true }
  | { readonly file: FileView }
  | { readonly domain: number; readonly tag: number; readonly bytes: string }
  /** Too large for a line: its bytes are at `/v1/messages/ID/content`. */
  | { readonly domain: number; readonly tag: number; readonly size: number; readonly sha256: string };

export function contentView(body: MessageBody): ContentView {
  const { domain, tag, attachment, isExpired } = body;
  if (isExpired) return { expired: true };
  const text = attachment === undefined ? textOf(body) : undefined;
  if (text !== undefined) return { text };
  if (attachment === undefined) return { domain, tag, bytes: Buffer.from(body.bytes).toString("base64") };
  const { size, sha256 } = attachment;
  const file = fileOf(body);
  if (file === undefined) return { domain, tag, size, sha256 };
  const { name, mime } = file;
  return { file: mime === undefined ? { name, size, sha256 } : { name, size, sha256, mime } };
}
