/**
 * A terminal with a line that somebody is typing: what comes in is written above it, and what was typed stays. Knows
 * nothing of messages.
 */
import { clearScreenDown, createInterface, cursorTo, type Interface, moveCursor } from "node:readline";

export interface Terminal {
  readonly input: NodeJS.ReadableStream;
  readonly output: NodeJS.WritableStream;
}

export class Screen {
  readonly #output: NodeJS.WritableStream;
  readonly #lines: Interface;
  #isClosed = false;

  constructor({ input, output }: Terminal, prompt: string) {
    this.#output = output;
    this.#lines = createInterface({ input, output, prompt, terminal: true, historySize: 200 });
    this.#lines.on("close", () => {
      this.#isClosed = true;
    });
  }

  /** Lines as they are entered, until the end of input, Ctrl-C, or `close`. */
  onLine(take: (line: string) => void, end: () => void): void {
    this.#lines.on("line", (line) => {
      take(line);
      if (!this.#isClosed) this.#lines.prompt();
    });
    this.#lines.on("SIGINT", () => this.#lines.close());
    this.#lines.on("close", end);
  }

  prompt(): void {
    this.#lines.prompt();
  }

  /** Writes above the line that is being typed. The text is for the terminal as it is: make it printable before. */
  print(text: string): void {
    if (this.#isClosed) {
      this.#output.write(`${text}\n`);
      return;
    }
    // A long line covers several rows; the cursor is in one of them.
    const { rows } = this.#lines.getCursorPos();
    moveCursor(this.#output, 0, -rows);
    cursorTo(this.#output, 0);
    clearScreenDown(this.#output);
    // readline goes up again by as many rows before it draws the line anew.
    this.#output.write(`${text}\n${"\n".repeat(rows)}`);
    this.#lines.prompt(true);
  }

  close(): void {
    this.#lines.close();
  }
}
