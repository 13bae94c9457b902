/**
 * The seed of our libp2p peer id, in a file of its own: service nodes know us by it across restarts. It is a network
 * identity and no secret of any conversation, so it is not sealed.
 */
import { closeSync, fsyncSync, linkSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { UmbradError } from "../engine/errors.ts";

const seedBytes = 32;

/** The stored seed; a new one on the first run. The caller holds the state lock. */
export function loadPeerKeySeed(stateDir: string, random: (length: number) => Uint8Array): Uint8Array {
  const path = join(stateDir, "peer.key");
  const stored = readSeed(path);
  if (stored === undefined) return createSeed(path, random(seedBytes));
  if (stored.length === seedBytes) return stored;
  throw new UmbradError("state/bad-peer-key", `${path} has ${stored.length} bytes instead of ${seedBytes}`, {
    hint: `rm ${path} (umbrad makes a new one; only service nodes notice)`,
  });
}

function readSeed(path: string): Uint8Array | undefined {
  try {
    return new Uint8Array(readFileSync(path));
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw new UmbradError("state/bad-peer-key", `cannot read ${path}`, { cause: error });
  }
}

/** Whole or not at all: a crash must not leave half a key under the name. */
function createSeed(path: string, seed: Uint8Array): Uint8Array {
  const unfinished = `${path}.new`;
  rmSync(unfinished, { force: true });
  const fd = openSync(unfinished, "wx", 0o600);
  try {
    writeSync(fd, seed);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  linkSync(unfinished, path);
  rmSync(unfinished);
  return seed;
}
