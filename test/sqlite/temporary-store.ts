/** A real store in a directory of its own, for tests. */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Store } from "../../src/engine/ports.ts";
import { createStore, openStore } from "../../src/sqlite/open.ts";
import type { SealSource } from "../../src/sqlite/wrapped-key.ts";

export const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));
/** The same sealing without the price of argon2id. */
export const plaintext: SealSource = { kind: "plaintext" };
export const passphrase = (text: string): SealSource => ({
  kind: "passphrase",
  passphrase: new TextEncoder().encode(text),
});

/** An empty directory that the end of the test removes. */
export function temporaryDir(context: { after(run: () => void): void }): string {
  const directory = mkdtempSync(join(tmpdir(), "umbrad-store-"));
  context.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** A created store with the means to restart it. */
export async function temporaryStore(): Promise<{
  store: Store;
  stateDir: string;
  reopen(): Promise<Store>;
  dispose(): void;
}> {
  const stateDir = mkdtempSync(join(tmpdir(), "umbrad-store-"));
  const store = await createStore({ stateDir, seal: plaintext, random });
  let latest = store;
  return {
    store,
    stateDir,
    async reopen() {
      latest.close();
      latest = await openStore({ stateDir, seal: plaintext, random });
      return latest;
    },
    dispose() {
      latest.close();
      rmSync(stateDir, { recursive: true, force: true });
    },
  };
}
