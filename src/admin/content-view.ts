/** JSON of a message's content: text when it is text, else what it is and its bytes. Knows nothing of who asks. */
import { type ContentFrame, textOf } from "../wire/content-frame.ts";

export type ContentView =
  | { readonly text: string }
  | { readonly domain: number; readonly tag: number; readonly bytes: string };

export function contentView(content: ContentFrame): ContentView {
  const text = textOf(content);
  if (text !== undefined) return { text };
  return { domain: content.domain, tag: content.tag, bytes: Buffer.from(content.bytes).toString("base64") };
}
