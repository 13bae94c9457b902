/** Counts of what became of envelopes, by verdict and reason: strangers' faults are numbers, not log lines. */
export class Counters {
  readonly #counts = new Map<string, number>();

  /** `name` comes from our code, never from the wire, so the map is bounded. */
  add(name: string, by = 1): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + by);
  }

  get(name: string): number {
    return this.#counts.get(name) ?? 0;
  }

  all(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1)));
  }
}
