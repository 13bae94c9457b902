/** `umbrad version`. */
import { VERSION } from "../package-version.ts";
import type { Session } from "../session.ts";

export async function version({ output }: Session): Promise<void> {
  const node = process.versions.node;
  output.answer({ version: VERSION, node }, `umbrad ${VERSION} (Node.js ${node})`);
}
