/** What comes from stdin: bounded, and as text surely UTF-8. */
import { UmbradError } from "../engine/errors.ts";

export async function readStdin(bytesMax: number): Promise<string> {
  const bytes = await readStdinBytes(bytesMax);
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    throw new UmbradError("message/not-text", "stdin is not UTF-8 text", {
      hint: "encode it first, for instance with base64",
      cause: error,
    });
  }
}

export async function readStdinBytes(bytesMax: number): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    // Refused early: `umbrad send c1 - < /dev/zero` must not fill the memory.
    if (bytes > bytesMax) {
      throw new UmbradError("message/too-large", `stdin has more than ${bytesMax} bytes`, {
        hint: "is it the right input? What is large goes as a file: umbrad send CONVERSATION --file FILE",
      });
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
