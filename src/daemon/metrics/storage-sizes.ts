/** How much the database and its disk have, for metrics. */
import { statfsSync, statSync } from "node:fs";
import type { StorageSizes } from "../../admin/metrics/metrics.ts";
import { storeFile } from "../../sqlite/open.ts";

export function storageSizes(stateDir: string): StorageSizes {
  const file = storeFile(stateDir);
  return {
    databaseBytes: sizeOf(file),
    walBytes: sizeOf(`${file}-wal`),
    freeBytes: freeBytes(stateDir),
  };
}

function sizeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.size;
}

function freeBytes(directory: string): number | undefined {
  try {
    const { bavail, bsize } = statfsSync(directory);
    return bavail * bsize;
  } catch {
    // A file system that does not say; the metric is absent then.
    return undefined;
  }
}
