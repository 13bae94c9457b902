/** A devnet in a directory of its own that the test's end removes. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { type Devnet, type DevnetOptions, startDevnet } from "../../../src/devnet/node.ts";

/** A directory that exists as long as the test. */
export function scratchDir(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), "umbrad-devnet-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** Starts a devnet that the test's end stops. */
export async function scratchDevnet(t: TestContext, options: Partial<DevnetOptions> = {}): Promise<Devnet> {
  const devnet = await startDevnet({ stateDir: options.stateDir ?? scratchDir(t), ...options });
  t.after(() => devnet.stop());
  return devnet;
}

/** Resolves when the condition holds; rejects when it still does not after a minute, many times what it takes. */
export async function eventually(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`still not so after a minute: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
