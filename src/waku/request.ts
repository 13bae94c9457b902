/**
 * One length-prefixed question and one answer on a fresh stream, with a deadline. The peer is not trusted: whatever it
 * sends, or never sends, ends as `transport/unavailable` within the deadline and leaves no stream behind.
 */
import type { Connection, Stream } from "@libp2p/interface";
import * as lengthPrefixed from "it-length-prefixed";
import type { Uint8ArrayList } from "uint8arraylist";
import { UmbradError } from "../engine/errors.ts";
import type { Clock } from "../engine/ports.ts";

/** Longer than any answer of an honest node over a slow link; the outbox retries after it. */
export const requestDeadlineMs = 10_000;

/** How long a peer may keep its half of an answered stream open before we reset it. */
const drainMs = 2_000;

/** The library default of 64 would make the 65th publish in flight fail. */
const outboundStreamsMax = 512;

export interface Call {
  readonly codec: string;
  readonly frame: Uint8Array;
  /** A longer answer is refused unread. */
  readonly answerBytesMax: number;
  readonly clock: Clock;
  readonly signal?: AbortSignal;
  readonly deadlineMs?: number;
}

/** Asks over `connection`; throws `transport/unavailable` when there is no whole answer in time. */
export async function request(connection: Connection, call: Call): Promise<Uint8Array> {
  const deadline = startDeadline(call.clock, call.deadlineMs ?? requestDeadlineMs, call.signal);
  try {
    const stream = await openStream(connection, call.codec, deadline.signal);
    return await exchange(stream, call, deadline.signal);
  } catch (cause) {
    const reason = deadline.signal.aborted ? reasonOf(deadline.signal.reason) : reasonOf(cause);
    throw new UmbradError("transport/unavailable", reason, { cause });
  } finally {
    deadline.end();
  }
}

/** A signal with an end: `end` must be called, and leaves no timer and no listener behind. */
export interface Deadline {
  readonly signal: AbortSignal;
  end(): void;
}

/** Fires after `delayMs` or with `outer`. */
export function startDeadline(clock: Clock, delayMs: number, outer?: AbortSignal): Deadline {
  const joined = joinSignals(outer === undefined ? [] : [outer]);
  const cancel = clock.after(delayMs, () => joined.abort(new Error(`no answer within ${delayMs} ms`)));
  return {
    signal: joined.signal,
    end: () => {
      cancel();
      joined.end();
    },
  };
}

/** Fires with the first of `signals`; unlike `AbortSignal.any` it can be taken off a signal that lives for ever. */
export function joinSignals(signals: readonly AbortSignal[]): Deadline & { abort(reason: Error): void } {
  const controller = new AbortController();
  const onAbort = (event: Event): void => controller.abort((event.target as AbortSignal).reason);
  for (const signal of signals) {
    if (signal.aborted) controller.abort(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
  }
  return {
    signal: controller.signal,
    abort: (reason) => controller.abort(reason),
    end: () => {
      for (const signal of signals) signal.removeEventListener("abort", onAbort);
    },
  };
}

/** Settles with `promise`, or rejects as soon as `signal` fires: some libp2p calls look at their signal late or never. */
export async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  return await new Promise<T>((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}

/** A short one-line text for logs and results: a stranger may have chosen it. */
export function reasonOf(cause: unknown): string {
  return printable(cause instanceof Error ? cause.message : String(cause));
}

/** Strips what could forge a log line or move a terminal's cursor. */
export function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]+/g, " ").slice(0, 200);
}

async function openStream(connection: Connection, codec: string, signal: AbortSignal): Promise<Stream> {
  signal.throwIfAborted();
  const opening = connection.newStream(codec, { signal, maxOutboundStreams: outboundStreamsMax });
  try {
    return await untilAborted(opening, signal);
  } catch (error) {
    opening.then(
      (late) => late.abort(new Error("too late")),
      () => undefined,
    );
    throw error;
  }
}

async function exchange(stream: Stream, call: Call, signal: AbortSignal): Promise<Uint8Array> {
  const abort = (): void => stream.abort(new Error(reasonOf(signal.reason)));
  signal.addEventListener("abort", abort, { once: true });
  try {
    stream.sink([lengthPrefixed.encode.single(call.frame)]).catch((error: Error) => stream.abort(error));
    const frames = lengthPrefixed.decode(stream.source, { maxDataLength: call.answerBytesMax });
    const first = await frames.next();
    if (first.done === true) throw new Error("the stream was closed without an answer");
    drain(stream, frames, call.clock);
    return first.value.slice();
  } catch (error) {
    stream.abort(error instanceof Error ? error : new Error(String(error)));
    throw error;
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

// Returning after the first frame would leave the peer's late close as a "message for a missing stream", and mplex
// kills the connection after five of those in a second.
function drain(stream: Stream, frames: AsyncGenerator<Uint8ArrayList>, clock: Clock): void {
  const cancel = clock.after(drainMs, () => stream.abort(new Error("the stream was not closed after its answer")));
  const finish = async (): Promise<void> => {
    const next = await frames.next();
    if (next.done !== true) throw new Error("more than one answer");
  };
  finish()
    .catch((error: Error) => stream.abort(error))
    .finally(cancel);
}
