/** What somebody who runs the service node can read: every archived message, decoded as far as anyone can. */
import { readArchive } from "../../src/devnet/archive.ts";
import { decodeEnvelope } from "../../src/wire/envelope.ts";

/** Prints the archive of a devnet and throws if one of `secrets` can be found in it, or if two envelopes share a hint. */
export function inspectArchive(devnetStateDir: string, secrets: readonly string[]): void {
  const hints = new Set<string>();
  let bytes = 0;
  let count = 0;
  console.log("  content topic            hint                    salt  bytes  ciphertext");
  for (const { contentTopic, payload } of readArchive(devnetStateDir)) {
    const decoded = decodeEnvelope(payload);
    if (decoded.kind !== "readable") throw new Error("an archived message is no envelope");
    const { hint, salt, encryptedBytes } = decoded.value;
    const start = Buffer.from(encryptedBytes.bytes.subarray(0, 12)).toString("hex");
    console.log(
      `  ${contentTopic.padEnd(23)}  ${hint.slice(0, 16)}  ${String(salt).padStart(10)}  ${String(payload.length).padStart(5)}  ${start}...`,
    );
    for (const secret of secrets) {
      if (Buffer.from(payload).includes(secret)) throw new Error("the observer could read a secret");
    }
    hints.add(hint);
    count += 1;
    bytes += payload.length;
  }
  console.log(
    `  ${count} envelopes, ${bytes} bytes, ${hints.size} different hints: no text, no address, no conversation id, no two hints alike.`,
  );
}
