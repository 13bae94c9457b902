/** What a state directory holds, told without opening it for work: commands word their advice by it. */
import { holdsConversation } from "../sqlite/backup/inspect.ts";
import { isSealed, storeFile } from "../sqlite/open.ts";

export type StateKind = "none" | "sealed" | "plaintext";

export function stateKind(stateDir: string): StateKind {
  const sealed = isSealed(stateDir);
  if (sealed === undefined) return "none";
  return sealed ? "sealed" : "plaintext";
}

/** Whether `init` has finished: the inbox is conversation 0. */
export function hasIdentity(stateDir: string): boolean {
  return holdsConversation(storeFile(stateDir), 0);
}
