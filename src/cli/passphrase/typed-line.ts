/**
 * A line that is typed without being shown, from the bytes that a terminal in raw mode sends: text as it is, the keys that
 * edit it, and nothing of arrow keys and paste marks. Knows no terminal.
 */

/** What a byte asks for beside being part of the line. */
export type Asked = "enter" | "interrupt" | "end";

const [ctrlC, ctrlD, ctrlH, tab, lineFeed, carriageReturn, ctrlU, ctrlW, escapeKey, rubOut] = [
  0x03, 0x04, 0x08, 0x09, 0x0a, 0x0d, 0x15, 0x17, 0x1b, 0x7f,
] as const;
const [space, bracket, letterO] = [0x20, 0x5b, 0x4f] as const;

/** No sequence of a terminal is longer. */
const sequenceBytesMax = 32;

export class TypedLine {
  readonly #bytes: Uint8Array;
  #length = 0;
  /** Where in a sequence that begins with Escape the next byte is. */
  #place: "text" | "escape" | "sequence" | "one-more" = "text";
  #sequence = "";
  #isPasting = false;
  /** Line breaks of a paste: part of the line only when more of the paste follows, as a file's last one is not. */
  #breaks = 0;

  /** `bytesMax`: further ones are counted and not kept. */
  constructor(bytesMax: number) {
    this.#bytes = new Uint8Array(bytesMax);
  }

  take(byte: number): Asked | undefined {
    if (this.#place !== "text" && this.#inSequence(byte)) return undefined;
    switch (byte) {
      case ctrlC:
        return "interrupt";
      case ctrlD:
        return this.#length === 0 ? "end" : undefined;
      case carriageReturn:
      case lineFeed:
        if (!this.#isPasting) return "enter";
        this.#breaks += 1;
        return undefined;
      case ctrlH:
      case rubOut:
        this.#eraseCharacter();
        return undefined;
      case ctrlU:
        this.erase();
        return undefined;
      case ctrlW:
        this.#eraseWord();
        return undefined;
      case escapeKey:
        this.#place = "escape";
        return undefined;
      default:
        // Other control characters are keys that mean nothing here.
        if (byte >= space || byte === tab) this.#add(byte);
        return undefined;
    }
  }

  /** undefined: it is longer than may be kept. A copy, so that this one can be erased. */
  bytes(): Uint8Array | undefined {
    return this.#length > this.#bytes.length ? undefined : this.#bytes.slice(0, this.#length);
  }

  /** Nothing of it stays in memory here. */
  erase(): void {
    this.#bytes.fill(0);
    this.#length = 0;
    this.#breaks = 0;
  }

  #add(byte: number): void {
    for (; this.#breaks > 0; this.#breaks -= 1) this.#append(lineFeed);
    this.#append(byte);
  }

  #append(byte: number): void {
    if (this.#length < this.#bytes.length) this.#bytes[this.#length] = byte;
    this.#length += 1;
  }

  /** Whether the byte belongs to the sequence. A control character does not: it ends one that was cut off. */
  #inSequence(byte: number): boolean {
    if (byte < space) {
      this.#place = "text";
      return false;
    }
    if (this.#place === "escape") {
      this.#sequence = "";
      this.#place = byte === bracket ? "sequence" : byte === letterO ? "one-more" : "text";
      return true;
    }
    if (this.#place === "one-more") {
      this.#place = "text";
      return true;
    }
    this.#sequence += String.fromCharCode(byte);
    const isLast = byte >= 0x40 && byte <= 0x7e;
    if (!isLast && this.#sequence.length < sequenceBytesMax) return true;
    this.#place = "text";
    if (this.#sequence === "200~") this.#isPasting = true;
    if (this.#sequence === "201~") this.#isPasting = false;
    return true;
  }

  /** All bytes of one UTF-8 character. */
  #eraseCharacter(): void {
    this.#shorten((byte) => (byte & 0xc0) === 0x80);
  }

  #eraseWord(): void {
    while (this.#last() === space) this.#eraseCharacter();
    while (this.#length > 0 && this.#last() !== space) this.#eraseCharacter();
  }

  #last(): number | undefined {
    return this.#length === 0 ? undefined : this.#bytes[this.#length - 1];
  }

  #shorten(isContinued: (byte: number) => boolean): void {
    while (this.#length > 0) {
      this.#length -= 1;
      const byte = this.#bytes[this.#length] ?? 0;
      this.#bytes.fill(0, this.#length);
      if (!isContinued(byte)) return;
    }
  }
}
