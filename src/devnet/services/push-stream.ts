/**
 * The one long-lived stream on which a filter subscriber is sent its messages: a bounded queue that survives the death
 * of the stream. Knows no subscription.
 */
import type { Stream } from "@libp2p/interface";

/** A js client's mplex resets a stream with 4 MiB unread. What does not fit is dropped; the subscriber has Store. */
const queueBytesMax = 4 * 1024 * 1024;

/** A peer that cannot be reached three times in a row is leaving; its disconnection ends the subscription. */
const failuresMax = 3;
const failurePauseMs = 100;

/** Sent frames kept before the queue is shortened; makes the cost of shortening small for each. */
const compactAfter = 1_000;

/** How a push stream reaches its peer and reports what it had to drop. */
export interface PushTarget {
  /** Opens a stream to the peer; rejects when there is no connection. */
  open(): Promise<Stream>;
  dropped(frames: number): void;
}

/** Sends frames in order to one peer. */
export class PushStream {
  readonly #target: PushTarget;
  /** Frames after which their stream is broken. */
  readonly #last = new WeakSet<Uint8Array>();
  #queue: Uint8Array[] = [];
  /** Index of the next frame: taking from the front of a long array one by one would be quadratic. */
  #next = 0;
  #queuedBytes = 0;
  #isRunning = false;
  #isClosed = false;
  #wake: () => void = () => {};
  #stream: Stream | undefined;

  constructor(target: PushTarget) {
    this.#target = target;
  }

  /** Queues a frame (with its length prefix). With `isLast` its stream is broken after it. */
  push(frame: Uint8Array, isLast: boolean): void {
    if (this.#isClosed || this.#queuedBytes + frame.byteLength > queueBytesMax) {
      this.#target.dropped(1);
      return;
    }
    // A copy: the same bytes may be on their way to other subscribers.
    const queued = isLast ? frame.slice() : frame;
    if (isLast) this.#last.add(queued);
    this.#queue.push(queued);
    this.#queuedBytes += frame.byteLength;
    this.#wake();
    if (!this.#isRunning) void this.#run();
  }

  /** Ends the stream; what is queued is dropped. */
  close(): void {
    this.#isClosed = true;
    this.#clear();
    this.#wake();
    this.#stream?.abort(new Error("the subscription has ended"));
  }

  /** Never rejects: whatever happens to a stream, the remedy is another stream or to give up. */
  async #run(): Promise<void> {
    this.#isRunning = true;
    let failures = 0;
    while (!this.#isClosed && failures < failuresMax) {
      const sent = await this.#useOneStream();
      failures = sent > 0 ? 0 : failures + 1;
      if (sent === 0 && !this.#isClosed) await new Promise((resolve) => setTimeout(resolve, failurePauseMs));
    }
    this.#isRunning = false;
    this.#clear();
  }

  /** Opens one stream and uses it until it dies. Resolves to the number of frames it took. */
  async #useOneStream(): Promise<number> {
    const life: StreamLife = { isOver: false, sent: 0 };
    try {
      const stream = await this.#target.open();
      this.#stream = stream;
      // In libp2p 2 the sink of a negotiated stream never settles once the stream was reset under a waiting write.
      await Promise.race([stream.sink(this.#frames(life)), deathOf(stream)]);
    } catch {
      // Resets, closed connections and refusals all mean the same here: this stream is over.
    }
    life.isOver = true;
    this.#wake();
    this.#stream?.abort(new Error("the stream is of no more use"));
    this.#stream = undefined;
    return life.sent;
  }

  async *#frames(life: StreamLife): AsyncGenerator<Uint8Array> {
    while (!life.isOver && !this.#isClosed) {
      const frame = this.#take();
      if (frame === undefined) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      } else {
        life.sent += 1;
        yield frame;
        // Whoever takes the next one has written this one.
        if (this.#last.has(frame)) throw new Error("a fault knob breaks this stream");
      }
    }
  }

  #take(): Uint8Array | undefined {
    const frame = this.#queue[this.#next];
    if (frame === undefined) {
      this.#queue = [];
      this.#next = 0;
      return undefined;
    }
    this.#next += 1;
    this.#queuedBytes -= frame.byteLength;
    // A queue that is never empty must let go of what it has sent.
    if (this.#next >= compactAfter) {
      this.#queue = this.#queue.slice(this.#next);
      this.#next = 0;
    }
    return frame;
  }

  #clear(): void {
    const unsent = this.#queue.length - this.#next;
    if (unsent > 0) this.#target.dropped(unsent);
    this.#queue = [];
    this.#next = 0;
    this.#queuedBytes = 0;
  }
}

interface StreamLife {
  isOver: boolean;
  sent: number;
}

/** Resolves or rejects when the stream is dead, which only a reader learns. */
async function deathOf(stream: Stream): Promise<void> {
  for await (const _ of stream.source) {
    // Nothing that a subscriber could say here has a meaning.
  }
  // A peer that merely closes its own half still reads ours.
  if (stream.status === "open") await new Promise(() => {});
}
