/** The bytes of a message's content, also those that are not in its row. Read a few records at a time: never a file at once. */
import { textOf } from "../../wire/content-frame.ts";
import { fileOf } from "../../wire/file-content.ts";
import type { MessageId } from "../../wire/ids.ts";
import { UmbradError } from "../errors.ts";
import type { MessageRow, Store } from "../ports.ts";

/** Records of 16 KiB read at once. */
const READ_BATCH = 16;

/** What `GET /v1/messages/ID/content` streams. */
export interface MessageContent {
  readonly size: number;
  chunks(): Iterable<Uint8Array>;
}

/** Of a text its UTF-8, of a file its bytes, of anything else what the sender gave. */
export function messageContent(store: Store, messageId: MessageId): MessageContent {
  const row = store.message(messageId);
  if (row === undefined) throw new UmbradError("message/unknown", `no message has the id ${JSON.stringify(messageId)}`);
  const { body } = row;
  if (body.isExpired) throw expired();
  const parts = body.attachment?.parts;
  if (parts !== undefined) {
    const { size } = body.attachment ?? { size: 0 };
    const first = `${parts.prefix}0`;
    if (row.direction === "out" && store.records(row.conversation, [first]).get(first) === undefined) throw notKept();
    return { size, chunks: () => partChunks(store, row, { ...parts, size }) };
  }
  const text = textOf(body);
  const bytes = text === undefined ? (fileOf(body)?.data ?? body.bytes) : Buffer.from(text);
  if (body.attachment !== undefined && bytes.length !== body.attachment.size) {
    throw notKept();
  }
  return { size: bytes.length, chunks: () => [bytes] };
}

function notKept(): UmbradError {
  return new UmbradError("message/content-not-kept", "the bytes of large files that have arrived are not kept", {
    hint: "the original is with whoever sent it",
  });
}

/** Whoever wants what is gone. */
export function expired(): UmbradError {
  return new UmbradError("message/expired", "the message became too old and its content was deleted", {
    hint: "umbrad conversation expire, and retention.messages in the configuration, say when that is",
  });
}

interface Parts {
  readonly prefix: string;
  readonly count: number;
  readonly offset: number;
  readonly size: number;
}

function* partChunks(store: Store, { conversation }: MessageRow, parts: Parts): Generator<Uint8Array> {
  let skip = parts.offset;
  let left = parts.size;
  for (let first = 0; first < parts.count && left > 0; first += READ_BATCH) {
    const length = Math.min(READ_BATCH, parts.count - first);
    const keys = Array.from({ length }, (_, index) => `${parts.prefix}${first + index}`);
    const found = store.records(conversation, keys);
    for (const key of keys) {
      const record = found.get(key);
      if (record === undefined) throw new UmbradError("store/corrupt", "a part of the content is missing");
      const chunk = record.subarray(Math.min(skip, record.length)).subarray(0, left);
      skip = Math.max(0, skip - record.length);
      left -= chunk.length;
      if (chunk.length > 0) yield chunk;
    }
  }
}
