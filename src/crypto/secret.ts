/** Key bytes that cannot be printed by accident: log lines, errors and JSON show only their length. */
export class Secret {
  readonly #bytes: Uint8Array;

  /** Keeps its own copy, so that `wipe` never surprises the giver. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes.slice();
  }

  get length(): number {
    return this.#bytes.length;
  }

  /** The bytes themselves, not a copy: use them at once and do not keep them. */
  expose(): Uint8Array {
    return this.#bytes;
  }

  /** Zeroes our copy. Copies that a runtime made while computing are beyond reach. */
  wipe(): void {
    this.#bytes.fill(0);
  }

  toString(): string {
    return `Secret(${this.length})`;
  }

  toJSON(): string {
    return this.toString();
  }
}

// By symbol from the registry, so that this folder need not import node:util; every console and logger asks for it.
Object.defineProperty(Secret.prototype, Symbol.for("nodejs.util.inspect.custom"), { value: Secret.prototype.toString });
