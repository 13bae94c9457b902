/** Knobs that make this node behave as badly as real ones sometimes do, for tests of clients. All off at start. */
export interface DevnetFaults {
  /** Protocols whose requests are read and never answered. */
  readonly silent: Set<string>;
  /** Protocols whose requests are answered with this status code instead of being carried out. */
  readonly statusCodes: Map<string, number>;
  /** How long every answer waits. */
  answerDelayMs: number;
  /** Messages reach the archive but no subscriber: what a client must notice and repair from Store. */
  losesPushes: boolean;
}

/** A node that behaves. */
export function noFaults(): DevnetFaults {
  return { silent: new Set(), statusCodes: new Map(), answerDelayMs: 0, losesPushes: false };
}

/** Waits as the knobs say. Resolves to the status code to answer with, if it is not to be the real one. */
export async function applyFaults(faults: DevnetFaults, codec: string): Promise<number | undefined> {
  // The promise goes away with the stream that waits for it.
  if (faults.silent.has(codec)) await new Promise(() => {});
  if (faults.answerDelayMs > 0) await new Promise((resolve) => setTimeout(resolve, faults.answerDelayMs));
  return faults.statusCodes.get(codec);
}
