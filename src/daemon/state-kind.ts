/** What a state directory holds, told without opening it for work: commands word their advice by it. */
import { isSealed } from "../sqlite/open.ts";

export type StateKind = "none" | "sealed" | "plaintext";

export function stateKind(stateDir: string): StateKind {
  const sealed = isSealed(stateDir);
  if (sealed === undefined) return "none";
  return sealed ? "sealed" : "plaintext";
}
