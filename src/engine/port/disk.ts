/** What is known of the disk and of copies elsewhere: parts of the Store port. */
import type { UmbradError } from "../errors.ts";

export interface DiskStore {
  /** One durable commit of so many bytes that do not matter (8 if absent): throws what any other commit would throw now. */
  probe(bytes?: number): void;
  /** Hears of each write that failed through the environment, before its caller does. */
  onFault(listener: (fault: UmbradError) => void): void;
}

export interface BackupRecord {
  /** A copy of this state was made and verified then. */
  backedUp(atMs: number): void;
  /** When the last one was; undefined: none that this state knows of. */
  backedUpAtMs(): number | undefined;
}
