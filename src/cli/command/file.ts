/** Files of `umbrad send --file` and `umbrad listen --save-dir`. Names of received files are the peer's words. */
import { createHash, randomBytes } from "node:crypto";
import { type FileHandle, link, open, rm, stat } from "node:fs/promises";
import { basename, extname, join } from "node:path";
import type { EventView } from "../../admin/event-view.ts";
import type { FileView, SentView } from "../../admin/views.ts";
import { UmbradError } from "../../engine/errors.ts";
import { printable } from "../output.ts";
import type { Session } from "../session.ts";

/** 255 segments of 16 KiB less what is around the file; the daemon has the same limit and the last word. */
const FILE_BYTES_MAX = 255 * 16_384 - 1_024;

/** Same names in one directory that get a number. More are no accident: each is looked for one by one. */
const NAMESAKES_MAX = 100;

/** What every file system takes as a name. */
const NAME_BYTES_MAX = 255;

interface FileOptions {
  readonly file: string;
  readonly name?: string;
  readonly mime?: string;
  readonly key?: string;
}

export async function sendFile(session: Session, conversation: string, options: FileOptions): Promise<SentView> {
  const { file, name = basename(file), mime, key } = options;
  const bytes = await readFile(file);
  const query = new URLSearchParams({ name });
  if (mime !== undefined) query.set("mime", mime);
  if (key !== undefined) query.set("key", key);
  session.output.note(`sending ${bytes.length} bytes as ${JSON.stringify(name)}`);
  const admin = await session.admin();
  return admin.upload<SentView>(`/v1/conversations/${encodeURIComponent(conversation)}/files?${query}`, bytes);
}

async function readFile(file: string): Promise<Uint8Array> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(file, "r");
    const { size } = await handle.stat();
    // Before it is read: somebody may have named the wrong file, of any size.
    if (size > FILE_BYTES_MAX) throw tooLarge(size);
    // A pipe or a device says no size, and may have no end.
    const chunks: Uint8Array[] = [];
    let length = 0;
    for await (const chunk of handle.createReadStream({ autoClose: false })) {
      chunks.push(chunk);
      length += chunk.length;
      if (length > FILE_BYTES_MAX) throw tooLarge();
    }
    return Buffer.concat(chunks);
  } catch (error) {
    if (error instanceof UmbradError) throw error;
    throw new UmbradError("cli/cannot-read-file", `cannot read ${file} (${codeOf(error)})`, {
      hint: "--file takes the path of one file that you may read",
      cause: error,
    });
  } finally {
    await handle?.close();
  }
}

function tooLarge(size?: number): UmbradError {
  const has = size === undefined ? `more than ${FILE_BYTES_MAX} bytes` : `${size} bytes`;
  return new UmbradError("message/too-large", `the file has ${has}, the limit is ${FILE_BYTES_MAX}`, {
    hint: "split it, for instance with split -b 4000000",
  });
}

/** Writes the file of a `message.received`; other events are none of its business. */
export async function saveFileOf(session: Session, event: EventView, directory: string): Promise<void> {
  const { messageId, file } = event.data;
  if (event.type !== "message.received" || file === undefined || typeof messageId !== "string") return;
  const { name, size, sha256 } = file as FileView;
  await requireDirectory(directory);
  const part = join(directory, `.umbrad-${randomBytes(8).toString("hex")}.part`);
  try {
    const fetched = await fetchTo(session, messageId, part);
    if (fetched.size !== size || fetched.sha256 !== sha256)
      throw new UmbradError(
        "cli/cannot-save-file",
        `the bytes of ${JSON.stringify(name)} are not those that were sent`,
      );
    const path = await giveName(part, directory, name);
    session.output.note(`saved ${printable(path)}`);
  } catch (error) {
    if (error instanceof UmbradError) throw error;
    throw new UmbradError("cli/cannot-save-file", `cannot save into ${directory}: ${reasonOf(error)}`, {
      hint: `when that is mended: umbrad listen --save-dir … --after ${event.seq - 1}`,
      cause: error,
    });
  } finally {
    await rm(part, { force: true });
  }
}

async function requireDirectory(directory: string): Promise<void> {
  const found = await stat(directory).catch(() => undefined);
  if (found?.isDirectory() !== true)
    throw new UmbradError("cli/cannot-save-file", `${directory} is not a directory`, { hint: "make it first" });
}

async function fetchTo(session: Session, messageId: string, part: string): Promise<{ size: number; sha256: string }> {
  const hash = createHash("sha256");
  let size = 0;
  const handle = await open(part, "wx", 0o600);
  try {
    const admin = await session.admin();
    await admin.download(`/v1/messages/${encodeURIComponent(messageId)}/content`, async (chunk) => {
      hash.update(chunk);
      size += chunk.length;
      await handle.writeFile(chunk);
    });
    await handle.sync();
  } finally {
    await handle.close();
  }
  return { size, sha256: hash.digest("hex") };
}

/** A hard link fails where a name is taken, so nothing is ever overwritten and the file appears whole. */
async function giveName(part: string, directory: string, name: string): Promise<string> {
  for (let number = 0; ; number += 1) {
    // A peer that sends one name for ever must not end who saves what others send: by chance no name is taken.
    const mark = number < NAMESAKES_MAX ? number : randomBytes(8).toString("hex");
    const path = join(directory, savedName(name, mark));
    try {
      await link(part, path);
      return path;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
  }
}

/** `name.ext`, `name-1.ext`, …: one plain name, visible, and no option of a command. Exported for its test. */
export function savedName(name: string, mark: number | string): string {
  // The daemon refuses names with separators already; a file must not leave its directory even if it did not.
  const plain = name.replace(/[/\\\p{Cc}\p{Cs}]/gu, "_").replace(/^[.-]/, "_") || "_";
  const extension = extname(plain).length <= 32 ? extname(plain) : "";
  const tail = mark === 0 ? extension : `-${mark}${extension}`;
  let stem = plain.slice(0, plain.length - extension.length);
  while (Buffer.byteLength(stem + tail) > NAME_BYTES_MAX) stem = [...stem].slice(0, -1).join("");
  return stem + tail;
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : reasonOf(error);
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
