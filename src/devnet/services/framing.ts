/**
 * One length-prefixed request and one answer on a stream, with a bound on what a peer can make us hold. Owns the
 * reading of the stream to its end; knows no protocol.
 */
import type { Connection, PeerId, Stream } from "@libp2p/interface";
import * as lengthPrefixed from "it-length-prefixed";
import type { Libp2p } from "libp2p";
import { Uint8ArrayList } from "uint8arraylist";
import type { RequestFault } from "../faults/faults.ts";

/** Why a request got no real answer: its bytes, its size, or a fault of this node. */
export type Refusal = "malformed" | "too-large" | "failed";

/** What a request protocol must say about itself to be served. */
export interface RequestService<Request extends { readonly requestId?: string }> {
  readonly codec: string;
  readonly requestBytesMax: number;
  readonly refusalCodes: Readonly<Record<Refusal, number>>;
  /** Throws on bytes that are not a request. */
  decode(bytes: Uint8Array): Request;
  /** What it asks for, where a fault may be about that alone. */
  kindOf?(request: Request): string | undefined;
  answer(request: Request, peer: PeerId): Uint8Array | Promise<Uint8Array>;
  /** An answer that is nothing but a status. */
  status(requestId: string, statusCode: number, statusDesc: string): Uint8Array;
}

/** What stands between every request and its answer: the fault knobs, and whoever counts. */
export interface RequestHooks {
  /** Awaited before a request is carried out: what becomes of it, if not the usual. */
  intercept(codec: string, kind: string | undefined): Promise<RequestFault | undefined>;
  refused(codec: string, refusal: Refusal, cause: unknown): void;
}

/** Light nodes hold idle streams open and have many requests in flight; libp2p's default of 32 would reset those. */
const inboundStreamsMax = 512;

/** After the answer we read and discard; a peer that sends this much more is not a client finishing a request. */
const bytesAfterRequestMax = 4 * 1024 * 1024;

/** Registers a request protocol with the node. */
export async function serveRequests<Request extends { readonly requestId?: string }>(
  libp2p: Libp2p,
  service: RequestService<Request>,
  hooks: RequestHooks,
): Promise<void> {
  await libp2p.handle(
    service.codec,
    ({ stream, connection }) => {
      const answer = (frame: Frame): Promise<Answer> => answerOf(service, hooks, frame, connection);
      serveStream(stream, service.requestBytesMax, answer).catch((fault: Error) => stream.abort(fault));
    },
    { maxInboundStreams: inboundStreamsMax },
  );
}

async function serveStream(
  stream: Stream,
  requestBytesMax: number,
  answer: (frame: Frame) => Promise<Answer>,
): Promise<void> {
  const reader = new FrameReader(requestBytesMax);
  let answering: Promise<void> | undefined;
  let discarded = 0;
  const respond = (frame: Frame): Promise<void> =>
    // A peer that leaves before our answer is no fault of ours, and the loop below may still be reading.
    sendAnswer(stream, answer(frame)).catch((fault: Error) => stream.abort(fault));
  // Read to the end even after the answer: a stream that we end early leaves the muxer's registry, the peer's late
  // close then counts as traffic for a missing stream, and js-libp2p's mplex cuts the connection after five of those.
  for await (const chunk of stream.source) {
    if (answering === undefined) {
      const frame = reader.push(chunk);
      if (frame !== undefined) answering = respond(frame);
    } else {
      discarded += chunk.byteLength;
      // Before leaving the loop: once both halves have ended, abort does nothing and the peer would never know.
      if (discarded > bytesAfterRequestMax) stream.abort(new Error("the peer keeps sending after its request"));
    }
  }
  // An unused stream that is closed asks for nothing; one that ends inside a frame asked for something we cannot read.
  if (answering === undefined) answering = reader.isEmpty ? stream.closeWrite() : respond({ kind: "malformed" });
  await answering;
}

/** The frames to answer with; none: the stream ends without an answer. */
type Answer = readonly Uint8Array[];

/** Never rejects for a stranger's bytes or our own faults: each has its answer. */
async function answerOf<Request extends { readonly requestId?: string }>(
  service: RequestService<Request>,
  hooks: RequestHooks,
  frame: Frame,
  connection: Connection,
): Promise<Answer> {
  const refuse = (refusal: Refusal, requestId: string, cause?: unknown): Answer => {
    hooks.refused(service.codec, refusal, cause);
    return [service.status(requestId, service.refusalCodes[refusal], `${refusal} request`)];
  };
  if (frame.kind !== "request") return refuse(frame.kind, "");
  let request: Request;
  try {
    request = service.decode(frame.bytes);
  } catch (cause) {
    return refuse("malformed", "", cause);
  }
  const requestId = request.requestId ?? "";
  try {
    const fault = await hooks.intercept(service.codec, service.kindOf?.(request));
    switch (fault?.kind) {
      case "reject":
        return [service.status(requestId, fault.status, "a fault knob of this devnet is set")];
      case "mute":
        // The promise goes away with the stream that waits for it.
        return await new Promise<never>(() => {});
      case "close-after-request":
        return [];
      case "cut-on-request":
        connection.abort(new Error("a fault knob cuts this connection"));
        return [];
    }
    const answer = await service.answer(request, connection.remotePeer);
    if (fault?.kind === "answer-twice") return [answer, answer];
    return fault?.kind === "close-before-answer" ? [] : [answer];
  } catch (cause) {
    return refuse("failed", requestId, cause);
  }
}

async function sendAnswer(stream: Stream, answer: Promise<Answer>): Promise<void> {
  const frames = await answer;
  if (frames.length === 0) await stream.closeWrite();
  else await stream.sink(frames.map((frame) => lengthPrefixed.encode.single(frame)));
}

type Frame =
  | { readonly kind: "request"; readonly bytes: Uint8Array }
  | { readonly kind: "malformed" }
  | { readonly kind: "too-large" };

/** A length prefix of more than four bytes says 256 MiB or more, which no request is. */
const prefixBytesMax = 4;

/** Collects the first frame of a stream. It-length-prefixed would stop reading the stream at a frame that is too long. */
class FrameReader {
  readonly #bytesMax: number;
  readonly #held = new Uint8ArrayList();

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get isEmpty(): boolean {
    return this.#held.byteLength === 0;
  }

  push(chunk: Uint8ArrayList | Uint8Array): Frame | undefined {
    this.#held.append(chunk);
    let length = 0;
    for (let index = 0; index < prefixBytesMax; index += 1) {
      if (index >= this.#held.byteLength) return undefined;
      const byte = this.#held.get(index);
      length += (byte & 0x7f) * 2 ** (7 * index);
      if (byte < 0x80) return this.#frame(index + 1, length);
    }
    return { kind: "too-large" };
  }

  #frame(start: number, length: number): Frame | undefined {
    if (length > this.#bytesMax) return { kind: "too-large" };
    if (this.#held.byteLength < start + length) return undefined;
    return { kind: "request", bytes: this.#held.slice(start, start + length) };
  }
}
