// What a process printed: lines of stdout as they come, stderr as a whole. Knows no process.

/** A line of umbrad's log. */
export interface LogLine {
  readonly level: string;
  readonly event: string;
  readonly [field: string]: unknown;
}

type Listener = (line: string | undefined) => void;

export class Output {
  /** Complete lines; a process that is killed may leave half a line behind, which is nobody's. */
  readonly lines: string[] = [];
  #rest = "";
  #stderr = "";
  #isClosed = false;
  readonly #listeners = new Set<Listener>();

  get stderr(): string {
    return this.#stderr;
  }

  /** Every byte of both streams. */
  everything(): string {
    return `${this.lines.join("\n")}\n${this.#rest}\n${this.#stderr}`;
  }

  take(text: string): void {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) {
      this.lines.push(line);
      for (const listener of [...this.#listeners]) listener(line);
    }
  }

  takeError(text: string): void {
    this.#stderr += text;
  }

  close(): void {
    this.#isClosed = true;
    for (const listener of [...this.#listeners]) listener(undefined);
  }

  /** Called with each line from now on, in the moment it arrives; with undefined at the end. */
  follow(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The first line that is wanted, past or future; fails when the process ends without it. */
  line(wanted: (line: string) => boolean): Promise<string> {
    const past = this.lines.find(wanted);
    return past === undefined ? this.nextLine(wanted) : Promise.resolve(past);
  }

  /** The first one from now on. */
  nextLine(wanted: (line: string) => boolean): Promise<string> {
    const ended = (): Error => new Error(`the process ended before the line came\n${this.everything().slice(-4_000)}`);
    if (this.#isClosed) return Promise.reject(ended());
    return new Promise((resolve, reject) => {
      const stop = this.follow((line) => {
        if (line !== undefined && !wanted(line)) return;
        stop();
        if (line === undefined) reject(ended());
        else resolve(line);
      });
    });
  }

  /** The line of the log with this event. */
  async event(name: string): Promise<LogLine> {
    return JSON.parse(await this.line((line) => line.includes(`"event":"${name}"`))) as LogLine;
  }

  log(): LogLine[] {
    return this.lines.map((line) => JSON.parse(line) as LogLine);
  }
}
