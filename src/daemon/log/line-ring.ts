/** The newest lines in memory: bounded by number and by bytes, each numbered. Writes nothing and knows no levels. */

export interface LogEntry {
  /** Counts all lines of this process, written or not. */
  readonly seq: number;
  readonly atMs: number;
  readonly level: "debug" | "info" | "warn" | "error";
  readonly component: string;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly message: string;
  /** What it holds in memory, about. */
  readonly bytes: number;
  /** As it was written, with its line break; undefined: nobody has needed it yet. */
  line: string | undefined;
  /** Whether it is on stdout already. */
  written: boolean;
}

export class LineRing {
  readonly #slots: (LogEntry | undefined)[];
  readonly #bytesMax: number;
  /** Where the oldest is. */
  #first = 0;
  #count = 0;
  #bytes = 0;
  #forgottenSeq = 0;

  constructor(linesMax: number, bytesMax: number) {
    this.#slots = new Array<LogEntry | undefined>(linesMax).fill(undefined);
    this.#bytesMax = bytesMax;
  }

  /** Of the newest line that is no longer here; 0 when all are. */
  get forgottenSeq(): number {
    return this.#forgottenSeq;
  }

  get bytes(): number {
    return this.#bytes;
  }

  push(entry: LogEntry): void {
    const size = this.#slots.length;
    while (this.#count > 0 && (this.#count === size || this.#bytes + entry.bytes > this.#bytesMax)) this.#forget();
    this.#slots[(this.#first + this.#count) % size] = entry;
    this.#count += 1;
    this.#bytes += entry.bytes;
  }

  /** What came after `seq`, oldest first; costs what it returns. */
  after(seq: number): LogEntry[] {
    const found: LogEntry[] = [];
    for (let at = this.#count - 1; at >= 0; at -= 1) {
      const entry = this.#slots[(this.#first + at) % this.#slots.length];
      if (entry === undefined || entry.seq <= seq) break;
      found.push(entry);
    }
    return found.reverse();
  }

  #forget(): void {
    const oldest = this.#slots[this.#first];
    this.#slots[this.#first] = undefined;
    this.#first = (this.#first + 1) % this.#slots.length;
    this.#count -= 1;
    this.#bytes -= oldest?.bytes ?? 0;
    this.#forgottenSeq = oldest?.seq ?? this.#forgottenSeq;
  }
}
