/** `umbrad version`. */
import { createOutput, endQuietlyWithoutReader, type Output } from "../output.ts";
import { VERSION } from "../package-version.ts";
import type { Session } from "../session.ts";

export async function version({ output }: Session): Promise<void> {
  print(output);
}

/** The same without a session, which needs all the flags. */
export function printVersion(json: boolean): void {
  endQuietlyWithoutReader();
  print(createOutput(json));
}

function print(output: Output): void {
  const node = process.versions.node;
  output.answer({ version: VERSION, node }, `umbrad ${VERSION} (Node.js ${node})`);
}
