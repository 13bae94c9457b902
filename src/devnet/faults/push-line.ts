/** The way of one subscriber's pushes to his stream: straight, or with the losses, delays and detours of the knobs. */
import type { DevnetFaults } from "./faults.ts";

/** An overtaken push does not wait for ever for one that overtakes it. */
const overtakenMsMax = 1_000;

/** Where the pushes of a line go. */
export interface LineEnd {
  /** With `isLast` nothing follows on the same stream: it is broken right after. */
  send(frame: Uint8Array, isLast: boolean): void;
  /** Cuts the subscriber's connection. */
  cut(): void;
}

/** One subscriber's pushes. */
export class PushLine {
  readonly #faults: DevnetFaults;
  readonly #end: LineEnd;
  #late: { readonly frame: Uint8Array; readonly dueMs: number }[] = [];
  #timer: NodeJS.Timeout | undefined;
  #held: { readonly frame: Uint8Array; readonly timer: NodeJS.Timeout } | undefined;

  constructor(faults: DevnetFaults, end: LineEnd) {
    this.#faults = faults;
    this.#end = end;
  }

  /** False when the push was lost. */
  push(frame: Uint8Array): boolean {
    const faults = this.#faults;
    if (faults.strikes("drop")) return false;
    if (faults.strikes("cut-on-push")) {
      this.#end.cut();
      return false;
    }
    const copies = faults.strikes("duplicate") ? 2 : 1;
    for (let copy = 0; copy < copies; copy += 1) this.#delay(frame, faults.waitMs("delay"));
    return true;
  }

  /** Pushes on their way are lost. */
  close(): void {
    clearTimeout(this.#timer);
    clearTimeout(this.#held?.timer);
    this.#late = [];
    this.#held = undefined;
  }

  /** After those that wait already: a stream keeps its order however slow it is. */
  #delay(frame: Uint8Array, waitMs: number): void {
    if (waitMs === 0 && this.#late.length === 0) {
      this.#reorder(frame);
      return;
    }
    this.#late.push({ frame, dueMs: performance.now() + waitMs });
    if (this.#late.length === 1) this.#wait();
  }

  #wait(): void {
    const [first] = this.#late;
    if (first === undefined) return;
    const leave = (): void => {
      this.#late.shift();
      this.#reorder(first.frame);
      this.#wait();
    };
    this.#timer = setTimeout(leave, Math.max(0, first.dueMs - performance.now())).unref();
  }

  #reorder(frame: Uint8Array): void {
    if (this.#held === undefined && this.#faults.strikes("reorder")) {
      this.#held = { frame, timer: setTimeout(() => this.#release(), overtakenMsMax).unref() };
      return;
    }
    this.#end.send(frame, this.#faults.strikes("break-push"));
    this.#release();
  }

  #release(): void {
    const held = this.#held;
    if (held === undefined) return;
    clearTimeout(held.timer);
    this.#held = undefined;
    this.#end.send(held.frame, false);
  }
}
